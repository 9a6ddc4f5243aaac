import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { entryText, findEntryPoints, GuestReader, type Half, type KaiserAbi, readAbi, type Situation, situationOf } from '../../src/kaiser/index.js';
import { readerOf } from '../../src/paging/index.js';
import { loadSymbols, parseElf, PT_LOAD } from '../../src/symbols/index.js';

/** The built-in kernel as it is linked: every site tests the flag. */
const symbols = loadSymbols(parseElf(new Uint8Array(readFileSync(fileURLToPath(new URL('../../dist/guest/kaiser.elf', import.meta.url)))), 'kaiser.elf'));
const ram = new DataView(new ArrayBuffer(8 << 20));
for (const one of symbols.image.programHeaders) {
  if (one.type === PT_LOAD) new Uint8Array(ram.buffer).set(symbols.image.bytes.subarray(one.offset, one.offset + one.fileSize), Number(one.physicalAddress));
}
const sites = new GuestReader(readAbi(symbols) as KaiserAbi, symbols, readerOf(ram)).sites();
const code = { text: entryText(symbols), points: findEntryPoints(symbols), sites };
const at = (symbol: string, offset = 0): bigint => symbols.table.addressOf(symbol)! + BigInt(offset);
const place = (rip: bigint, half: Half, cpl = 0): Situation => situationOf(code, { index: 1, rip, cpl, half });

/** The last site in front of a write to CR3. */
function siteOf(symbol: string): bigint {
  const address = at(symbol);
  return sites.filter(one => one.kind !== 'cr3' && one.address < address).reduce((best, one) => one.address > best ? one.address : best, 0n);
}

describe('where a CPU is', () => {
  it('in user mode and in ordinary kernel code does not depend on the half', () => {
    for (const half of ['kernel', 'shadow'] as const) {
      expect(place(0x40_1000n, half, 3)).toMatchObject({ where: 'user', half, decided: false });
      expect(place(at('do_syscall'), half)).toMatchObject({ where: 'kernel', half });
    }
  });

  it.each(['entry_syscall64_cr3', 'entry_irq_cr3', 'entry_error_cr3', 'entry_sysenter_cr3'])('is entering up to %s, decided once the question has been asked', symbol => {
    const site = siteOf(symbol);
    expect(place(site, 'shadow')).toMatchObject({ where: 'entering', decided: false });
    expect(place(site + 7n, 'shadow')).toMatchObject({ where: 'entering', decided: true });
    expect(place(at(symbol), 'shadow')).toMatchObject({ where: 'entering', decided: true });
    expect(place(at(symbol, 3), 'kernel')).toMatchObject({ where: 'kernel' });
  });

  it('is entering in the first instructions of an interrupt, whose question is elsewhere', () => {
    expect(place(at('entry_timer'), 'shadow')).toMatchObject({ where: 'entering', decided: false });
  });

  it.each([['exit_sysret_cr3', 'exit_sysret'], ['exit_iret_cr3', 'exit_iret_user'], ['exit_sysret32_cr3', 'exit_sysret32'], ['exit_espfix_user_cr3', 'exit_iret_espfix']])(
    'is leaving from the question in front of %s to %s', (write, exit) => {
      const site = siteOf(write);
      expect(place(site, 'kernel')).toMatchObject({ where: 'kernel' });
      expect(place(site + 7n, 'kernel')).toMatchObject({ where: 'leaving' });
      expect(place(at(write, 3), 'shadow')).toMatchObject({ where: 'leaving' });
      expect(place(at(exit), 'kernel')).toMatchObject({ where: 'leaving', path: expect.any(String) });
    });

  it('is not leaving in the exit of an interrupt to the kernel', () => {
    expect(place(at('exit_iret_kernel'), 'kernel')).toMatchObject({ where: 'kernel' });
  });
});
