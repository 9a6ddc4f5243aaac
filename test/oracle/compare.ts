import { DATA, type Outcome } from './layout.js';
import type { Generated } from './generate.js';

const NAMES = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];

/** The differences between two outcomes in words, empty if there are none. Flags outside `flagMask` do not count. */
export function differences(expected: Outcome, actual: Outcome, flagMask = 0xcd5): string[] {
  const found: string[] = [];
  const check = (name: string, a: bigint | number, b: bigint | number) => { if (a !== b) found.push(`${name} is 0x${b.toString(16)} instead of 0x${a.toString(16)}`); };
  check('vector', expected.vector, actual.vector);
  check('error code', expected.error, actual.error);
  check('fault address', expected.address, actual.address);
  check('rip', expected.rip, actual.rip);
  expected.gpr.forEach((value, n) => check(NAMES[n]!, value, actual.gpr[n]!));
  check('flags', expected.flags & flagMask, actual.flags & flagMask);
  for (let n = 0; n < expected.memory.length; n++) if (expected.memory[n] !== actual.memory[n]) check(`byte 0x${(DATA + n).toString(16)}`, expected.memory[n]!, actual.memory[n]!);
  return found;
}

/** A case with all that is needed to look into it. */
export function describe(c: Generated): string {
  const bytes = Array.from(c.code, b => b.toString(16).padStart(2, '0')).join(' ');
  const registers = c.gpr.map((value, n) => `${NAMES[n]}=${value.toString(16)}`).join(' ');
  return `${c.text}  [${bytes}] flags=${c.flags.toString(16)} ${registers} patches=${c.patches.map(p => `${p.address.toString(16)}:${p.value.toString(16)}`).join(',')}`;
}

/** A number that all of an outcome goes into (FNV-1a, 64 bits). */
export function digest(o: Outcome, flagMask: number): bigint {
  let hash = 0xcbf29ce484222325n;
  const add = (value: bigint) => { hash = BigInt.asUintN(64, (hash ^ value) * 0x100000001b3n); };
  for (const value of [...o.gpr, o.rip, BigInt(o.flags & flagMask), BigInt(o.vector), BigInt(o.error), o.address]) {
    add(value & 0xffffffffn);
    add(value >> 32n);
  }
  let memory = 0;
  for (const byte of o.memory) memory = Math.imul(memory ^ byte, 0x01000193);
  add(BigInt(memory >>> 0));
  return hash;
}
