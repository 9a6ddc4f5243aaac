/** Exceptions and their error codes in words (SDM Vol. 3A, chapter 6: tables 6-1 and 6-7, sections 6.13 and 6.15). */

export interface ExceptionName {
  mnemonic: string;
  name: string;
  /** Whether the CPU pushes an error code. */
  errorCode: boolean;
}

const names: Readonly<Record<number, ExceptionName>> = {
  0: { mnemonic: '#DE', name: 'divide error', errorCode: false },
  1: { mnemonic: '#DB', name: 'debug exception', errorCode: false },
  2: { mnemonic: 'NMI', name: 'non-maskable interrupt', errorCode: false },
  3: { mnemonic: '#BP', name: 'breakpoint', errorCode: false },
  4: { mnemonic: '#OF', name: 'overflow', errorCode: false },
  5: { mnemonic: '#BR', name: 'BOUND range exceeded', errorCode: false },
  6: { mnemonic: '#UD', name: 'invalid opcode', errorCode: false },
  7: { mnemonic: '#NM', name: 'device not available', errorCode: false },
  8: { mnemonic: '#DF', name: 'double fault', errorCode: true },
  10: { mnemonic: '#TS', name: 'invalid TSS', errorCode: true },
  11: { mnemonic: '#NP', name: 'segment not present', errorCode: true },
  12: { mnemonic: '#SS', name: 'stack-segment fault', errorCode: true },
  13: { mnemonic: '#GP', name: 'general-protection fault', errorCode: true },
  14: { mnemonic: '#PF', name: 'page fault', errorCode: true },
  16: { mnemonic: '#MF', name: 'x87 floating-point error', errorCode: false },
  17: { mnemonic: '#AC', name: 'alignment check', errorCode: true },
  18: { mnemonic: '#MC', name: 'machine check', errorCode: false },
  19: { mnemonic: '#XM', name: 'SIMD floating-point exception', errorCode: false },
  20: { mnemonic: '#VE', name: 'virtualization exception', errorCode: false },
  21: { mnemonic: '#CP', name: 'control-protection exception', errorCode: true },
};

/** The name of a vector; from 32 on they are interrupts of the kernel's own choice. */
export function exceptionName(vector: number): ExceptionName {
  return names[vector] ?? { mnemonic: `vector ${vector}`, name: vector < 32 ? 'reserved exception' : 'interrupt', errorCode: false };
}

/** Bits of a page fault's error code. */
export const PF_PRESENT = 1;
export const PF_WRITE = 2;
export const PF_USER = 4;
export const PF_RESERVED = 8;
export const PF_FETCH = 0x10;
export const PF_PROTECTION_KEY = 0x20;
export const PF_SHADOW_STACK = 0x40;
export const PF_SGX = 0x8000;

/** The names of the set bits: `P|U|I`. `0` for none. */
export function pageFaultBits(code: number): string {
  const bits: [number, string][] = [[PF_PRESENT, 'P'], [PF_WRITE, 'W'], [PF_USER, 'U'], [PF_RESERVED, 'RSVD'], [PF_FETCH, 'I'],
    [PF_PROTECTION_KEY, 'PK'], [PF_SHADOW_STACK, 'SS'], [PF_SGX, 'SGX']];
  return bits.filter(([bit]) => code & bit).map(([, name]) => name).join('|') || '0';
}

/** A page fault's error code as a sentence without its end: `user mode fetched an instruction from a page that ...`. */
export function describePageFault(code: number): string {
  const who = code & PF_USER ? 'user mode' : 'the kernel';
  const did = code & PF_FETCH ? 'fetched an instruction from' : code & PF_WRITE ? 'wrote to' : 'read from';
  if (code & PF_RESERVED) return `${who} ${did} an address whose translation has reserved bits set`;
  if (code & PF_SGX) return `${who} ${did} a page against the rules of SGX`;
  if (code & PF_PROTECTION_KEY) return `${who} ${did} a page that its protection key forbids`;
  if (code & PF_SHADOW_STACK) return `${who} ${did} a page as a shadow stack against the rules`;
  if (!(code & PF_PRESENT)) return `${who} ${did} a page that is not present`;
  return `${who} ${did} a page that is present but does not allow it`;
}

/** The error code of a fault about a selector (#TS, #NP, #SS, #GP; SDM Vol. 3A, 6.13). */
export function describeSelectorError(code: number): string {
  if (code === 0) return 'no descriptor is to blame';
  const table = code & 2 ? 'IDT' : code & 4 ? 'LDT' : 'GDT';
  const during = code & 1 ? ', during the delivery of an event from outside the program' : '';
  return `entry ${code >> 3} of the ${table} is to blame${during}`;
}
