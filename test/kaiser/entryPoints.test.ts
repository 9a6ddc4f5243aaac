import { describe, expect, it } from 'vitest';
import { findEntryPoints, pathInWords, pointBefore } from '../../src/kaiser/index.js';
import { buildImage } from './machine.js';

describe('entry points by symbol', () => {
  const symbols = buildImage('kernel.S');
  const points = findEntryPoints(symbols);
  const show = points.map((point) => `${point.path} ${point.kind} ${point.symbol}`);

  it('of the built-in kernel are grouped by path, in the order entry, CR3 write, exit', () => {
    expect(show).toEqual([
      'syscall64 entry entry_syscall64', 'syscall64 cr3 entry_syscall64_cr3',
      'page_fault entry entry_page_fault', 'timer entry entry_timer', 'irq cr3 entry_irq_cr3', 'paranoid cr3 exit_paranoid_cr3',
      'sysret cr3 exit_sysret_cr3', 'sysret exit exit_sysret', 'iret_user exit exit_iret_user',
    ]);
    for (const point of points) expect(symbols.table.addressOf(point.symbol)).toBe(point.address);
  });

  it('stand on the instructions that they name', () => {
    for (const point of points) {
      if (point.kind === 'cr3') expect([...symbols.bytesAt(point.address, 4)!].join()).toMatch(/^(65,|64,)?15,34,|^15,34,2(1[6-9]|2[0-3])/);
    }
    expect([...symbols.bytesAt(points.find((point) => point.symbol === 'exit_sysret')!.address, 3)!]).toEqual([0x48, 0x0f, 0x07]);
  });

  it('are found back from an address behind them', () => {
    const at = symbols.table.addressOf('entry_irq_cr3')!;
    expect(pointBefore(points, at)?.symbol).toBe('entry_irq_cr3');
    expect(pointBefore(points, at - 1n)?.symbol).toBe('entry_timer');
    expect(pointBefore(points, 0n)).toBeUndefined();
  });

  it('have words', () => {
    expect(pathInWords('timer')).toBe('the timer interrupt');
    expect(pathInWords('some_new_path')).toBe('some new path');
  });
});

describe('entry points of Linux', () => {
  const symbols = buildImage('linux.S');
  const points = findEntryPoints(symbols);
  const of = (symbol: string) => points.filter((point) => point.symbol === symbol).map((point) => [point.path, point.kind]);

  it('are known by its names', () => {
    expect(of('entry_SYSCALL_64')).toEqual([['syscall64', 'entry']]);
    expect(of('asm_exc_page_fault')).toEqual([['page_fault', 'entry']]);
    expect(of('asm_exc_nmi')).toEqual([['nmi', 'entry']]);
    expect(of('asm_sysvec_apic_timer_interrupt')).toEqual([['apic_timer_interrupt', 'entry']]);
    expect(of('swapgs_restore_regs_and_return_to_usermode')).toEqual([['return to user mode', 'exit']]);
    expect(of('entry_SYSENTER_compat')).toEqual([['sysenter', 'entry']]);
    expect(of('asm_int80_emulation')).toEqual([['int80', 'entry']]);
    expect(of('paranoid_exit')).toEqual([]);
    expect(of('asm_load_gs_index')).toEqual([]);
  });

  it('include every write of CR3 in the entry text, found by its bytes where no label marks it', () => {
    const writes = points.filter((point) => point.kind === 'cr3');
    expect(writes).toHaveLength(20);
    for (const point of writes) expect([...symbols.bytesAt(point.address, 2)!]).toEqual([0x0f, 0x22]);
    expect(writes.some((point) => point.symbol === 'entry_SYSCALL_64+0x1' && point.path === 'syscall64')).toBe(true);
  });

  it('leave out names outside the entry text', () => {
    expect(of('entry_of_nothing')).toEqual([]);
    expect(of('page_fault')).toEqual([]);
  });
});
