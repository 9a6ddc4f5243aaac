import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findEntryPoints, GuestReader, type KaiserAbi, readAbi, siteBefore } from '../../src/kaiser/index.js';
import { siteAnswer, siteForm } from '../../src/kaiser/sites.js';
import { readerOf } from '../../src/paging/index.js';
import { loadSymbols, parseElf } from '../../src/symbols/index.js';
import { createMachineTarget } from '../../src/target/machineTarget.js';

const image = new Uint8Array(readFileSync(fileURLToPath(new URL('../../dist/guest/kaiser.elf', import.meta.url))));
const symbols = loadSymbols(parseElf(image, 'kaiser.elf'));

/** How each write to CR3 is decided about, and what the exits find, when the kernel has booted to its shell. */
async function afterBoot(commandLine: string): Promise<{ asks: Record<string, string | undefined>; flag: number | undefined; how: string | undefined; entryByCr3: boolean; halfPatched: boolean }> {
  const target = await createMachineTarget({
    image, imageName: 'kaiser.elf', cpus: 1, ramSize: 64 << 20, commandLine, quantum: 1000, schedule: { kind: 'round-robin', seed: 0 },
    features: { pcid: true, invpcid: true, pge: true, smep: true, smap: true, fsgsbase: true }, consoleInput: '',
  });
  target.setBreakpoints([{ address: symbols.table.addressOf('kaiser_shell_ready')! }]);
  expect((await target.run()).kind).toBe('breakpoint');
  const guest = new GuestReader(readAbi(symbols) as KaiserAbi, symbols, readerOf(target.physicalView()));
  const { flag, asks: how, entryByCr3, halfPatched } = guest.state();
  const sites = guest.sites();
  const asks = Object.fromEntries(findEntryPoints(symbols).filter(point => point.kind === 'cr3').map(point => [point.symbol, siteBefore(sites, point.address)]));
  return { asks, flag, how, entryByCr3, halfPatched };
}

describe('sites of the built-in kernel', () => {
  it.each([
    ['stop_machine', 'flag', 'flag', 1], ['stop_machine kaiser=off', 'flag', 'flag', 0], ['per_cpu_word', 'cpu word', 'cpu word', 1],
    ['alternatives', 'switches', 'switches', 1], ['alternatives kaiser=off', 'skips', 'skips', 0],
    ['static_branch', 'switches', 'switches', 1], ['cr3_driven', 'by CR3', 'flag', 1], ['per_process', 'by CR3', 'cpu word', 1],
    ['per_cpu_cr3', 'by CR3', 'cpu word', 1], ['static_branch_stopped', 'switches', 'switches', 1],
  ])('with kaiser_design=%s ask on entry: %s, on exit: %s', async (append, entry, exit, flag) => {
    const found = await afterBoot(`kaiser_design=${append}`);
    for (const symbol of ['entry_syscall64_cr3', 'entry_irq_cr3', 'entry_error_cr3', 'entry_sysenter_cr3', 'exit_espfix_kernel_cr3']) expect([symbol, found.asks[symbol]]).toEqual([symbol, entry]);
    for (const symbol of ['exit_sysret_cr3', 'exit_iret_cr3', 'exit_sysret32_cr3', 'exit_espfix_user_cr3']) expect([symbol, found.asks[symbol]]).toEqual([symbol, exit]);
    expect(found.asks['entry_paranoid_cr3']).toBeUndefined();
    expect(found).toMatchObject({ flag, how: exit === 'flag' || exit === 'cpu word' ? exit : 'code', entryByCr3: entry === 'by CR3', halfPatched: false });
  }, 60_000);
});

describe('without the cure gs', () => {
  it('entries look at the CPU\u2019s word before SWAPGS, but for SYSCALL, which needs GS first; that is no half-patched code', async () => {
    const { asks, flag, halfPatched } = await afterBoot('kaiser_design=per_cpu_word kaiser_without=gs');
    expect(asks).toMatchObject({ entry_irq_cr3: 'user GS', entry_error_cr3: 'user GS', entry_sysenter_cr3: 'user GS', entry_syscall64_cr3: 'cpu word', exit_iret_cr3: 'cpu word' });
    expect({ flag, halfPatched }).toEqual({ flag: 1, halfPatched: false });
  }, 60_000);
});

describe('a site', () => {
  it('is told by its first bytes', () => {
    const form = (...bytes: number[]): string => siteForm('to user', Uint8Array.of(...bytes));
    expect([form(0xcc, 0x1f, 0x44, 0, 0), form(0xf6, 5, 1, 2, 3), form(0x65, 0xf6, 4, 0x25, 8), form(0x0f, 0x1f, 0x44, 0, 0), form(0xe9, 1, 0, 0, 0), form(0x90, 0x90, 0x90, 0x90, 0x90)])
      .toEqual(['trap', 'flag', 'cpu word', 'switches', 'skips', 'unknown']);
  });
  it('comes to what its form says; a trap is undecided', () => {
    expect([siteAnswer('flag', 1, 0), siteAnswer('cpu word', 1, 0), siteAnswer('switches', 0, 0), siteAnswer('skips', 1, 1), siteAnswer('trap', 1, 1)]).toEqual([1, 0, 1, 0, undefined]);
  });
});
