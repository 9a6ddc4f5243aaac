import { describe, expect, it } from 'vitest';
import type { CpuState } from '../../src/extension/protocol.js';
import { cpuRows } from '../../src/extension/views/cpus.js';
import { rowsToText } from '../../src/extension/views/row.js';
import { english } from './l10n.js';

const inTrampoline: CpuState = {
  index: 1, threadId: 2, state: 'running', rip: '0xffffffff81000040', symbol: 'entry_syscall64+0x4', cpl: 0, mode: 'long',
  cr3: '0x80000000012b1801', root: '0x12b1000', half: 'shadow', pcid: 0x801, task: { pid: 3, name: 'storm' }, pagingOn: true, held: false, offline: false,
};
const text = (...cpus: CpuState[]) => rowsToText(cpuRows({ cpus, position: '1' }, english));

describe('the CPUs view', () => {
  it('decodes CR3 and names privilege, half and task', async () => {
    expect(await text(inTrampoline)).toBe([
      'CPU 1  shadow CR3 · kernel mode · PCID 0x801 · storm (pid 3)',
      '  RIP  entry_syscall64+0x4 · 0xffffffff81000040',
      '  Mode  long · CPL 0',
      '  CR3  0x80000000012b1801 · shadow CR3',
      '    Half  shadow CR3',
      '    Root  0x12b1000',
      '    PCID  0x801',
      '  Task  storm (pid 3)',
      '',
    ].join('\n'));
  });

  it('says user for code at CPL 3 and leaves PCID 0 out', async () => {
    expect(await text({ ...inTrampoline, cpl: 3, pcid: 0, task: undefined })).toMatch(/^CPU 1 {2}shadow CR3 · user mode\n/);
  });

  it('says of a held CPU that it is, first of all that it does', async () => {
    expect(await text({ ...inTrampoline, held: true })).toMatch(/^CPU 1 {2}shadow CR3 · held · kernel mode · /);
    const [held] = cpuRows({ cpus: [{ ...inTrampoline, held: true }], position: '1' }, english);
    expect(held).toMatchObject({ icon: 'lock', context: 'heldCpu', cpu: 1 });
    expect(cpuRows({ cpus: [inTrampoline], position: '1' }, english)[0]).toMatchObject({ context: 'freeCpu' });
  });

  it('shows a CPU that was not started without registers', async () => {
    expect(await text({ ...inTrampoline, state: 'waiting-for-sipi' })).toBe('CPU 1  waits for SIPI\n');
  });

  it('does not decode CR3 before paging is on', async () => {
    const lines = await text({ ...inTrampoline, cr3: '0x0', root: '0x0', half: 'none', pagingOn: false });
    expect(lines).toContain('  CR3  0x0 · paging off\n');
    expect(lines).not.toContain('Half');
  });

  it('keeps the ids of rows when values change, and the values to compare differ', () => {
    const [before] = cpuRows({ cpus: [inTrampoline], position: '1' }, english);
    const [after] = cpuRows({ cpus: [{ ...inTrampoline, half: 'kernel', cr3: '0x12b0001' }], position: '2' }, english);
    expect(after!.id).toBe(before!.id);
    expect(after!.value).not.toBe(before!.value);
  });

  it('marks a shut-down CPU by words and icon', () => {
    const [row] = cpuRows({ cpus: [{ ...inTrampoline, state: 'shutdown' }], position: '1' }, english);
    expect(row).toMatchObject({ icon: 'error', spoken: expect.stringContaining('shut down by a triple fault') });
  });
});

it('says of a CPU that the guest has taken out of use that it is off-line', () => {
  const [row] = cpuRows({ cpus: [{ ...inTrampoline, state: 'halted', offline: true }], position: '1' }, english);
  expect(row!.description).toContain('off-line');
  expect(row!.description).not.toContain('halted');
});
