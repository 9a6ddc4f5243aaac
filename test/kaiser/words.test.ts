import { describe, expect, it } from 'vitest';
import { checkCr3, decodeCr3, describePageFault, describeSelectorError, exceptionName, pageFaultBits } from '../../src/kaiser/index.js';

describe('CR3 in words', () => {
  it.each([
    [0x123_4001n, true, 'kernel', 0x123_4000n, 1, 'kernel CR3 · PCID 0x1'],
    [0x123_5801n, true, 'shadow', 0x123_5000n, 0x801, 'shadow CR3 · PCID 0x801'],
    [0x8000_0000_0123_5806n, true, 'shadow', 0x123_5000n, 0x806, 'shadow CR3 · PCID 0x806'],
    [0x123_4000n, false, 'kernel', 0x123_4000n, 0, 'kernel CR3'],
    [0x123_5018n, false, 'shadow', 0x123_5000n, 0, 'shadow CR3'],
  ] as const)('%x with PCIDs %s', (value, pcidEnabled, half, root, pcid, text) => {
    expect(decodeCr3(value, { pcidEnabled })).toMatchObject({ half, root, pcid, text, kernelRoot: 0x123_4000n, shadowRoot: 0x123_5000n, noFlush: value >> 63n !== 0n });
  });

  it('has no halves on a kernel without pairs', () => {
    expect(decodeCr3(0x123_5000n, { pcidEnabled: false, paired: false })).toMatchObject({ half: 'none', kernelRoot: 0x123_5000n, shadowRoot: 0x123_5000n, text: 'CR3 0x1235000' });
  });

  it('says what is wrong with a value', () => {
    const check = (value: bigint, pcidEnabled: boolean): string[] => checkCr3(value, { pcidEnabled, ramSize: 64 << 20 });
    expect(check(0x123_4001n, true)).toEqual([]);
    expect(check(0x8000_0000_0123_5801n, true)).toEqual([]);
    expect(check(0x123_5000n, false)).toEqual([]);
    expect(check(0x123_5001n, true)).toEqual(['bit 12 says the shadow half, but PCID 0x1 is that of the kernel half']);
    expect(check(0x123_4801n, true)).toEqual(['bit 12 says the kernel half, but PCID 0x801 is that of the shadow half']);
    expect(check(0x123_5800n, false)).toEqual(['bits 11 to 0 are 0x800, but PCIDs are off']);
    expect(check(0x8000_0000_0123_4000n, false)).toEqual(['bit 63 is set, but PCIDs are off']);
    expect(check(0x4_0000_0000n, false)).toEqual(['the root 0x400000000 is outside RAM']);
  });
});

describe('error codes in words', () => {
  it.each([
    [0, '0', 'the kernel read from a page that is not present'],
    [2, 'W', 'the kernel wrote to a page that is not present'],
    [4, 'U', 'user mode read from a page that is not present'],
    [7, 'P|W|U', 'user mode wrote to a page that is present but does not allow it'],
    [0x10, 'I', 'the kernel fetched an instruction from a page that is not present'],
    [0x11, 'P|I', 'the kernel fetched an instruction from a page that is present but does not allow it'],
    [0x14, 'U|I', 'user mode fetched an instruction from a page that is not present'],
    [0x15, 'P|U|I', 'user mode fetched an instruction from a page that is present but does not allow it'],
    [0xd, 'P|U|RSVD', 'user mode read from an address whose translation has reserved bits set'],
    [0x27, 'P|W|U|PK', 'user mode wrote to a page that its protection key forbids'],
    [0x8005, 'P|U|SGX', 'user mode read from a page against the rules of SGX'],
  ])('page fault 0x%x', (code, bits, text) => {
    expect(pageFaultBits(code)).toBe(bits);
    expect(describePageFault(code)).toBe(text);
  });

  it('about selectors', () => {
    expect(describeSelectorError(0)).toBe('no descriptor is to blame');
    expect(describeSelectorError(0x72)).toBe('entry 14 of the IDT is to blame');
    expect(describeSelectorError(0x2c)).toBe('entry 5 of the LDT is to blame');
    expect(describeSelectorError(0x19)).toBe('entry 3 of the GDT is to blame, during the delivery of an event from outside the program');
  });

  it('which vectors push one is as the SDM says', () => {
    expect(Array.from({ length: 32 }, (_, vector) => vector).filter((vector) => exceptionName(vector).errorCode)).toEqual([8, 10, 11, 12, 13, 14, 17, 21]);
    expect(exceptionName(14)).toMatchObject({ mnemonic: '#PF', name: 'page fault' });
    expect(exceptionName(0xec)).toMatchObject({ mnemonic: 'vector 236', name: 'interrupt' });
    expect(exceptionName(15).name).toBe('reserved exception');
  });
});
