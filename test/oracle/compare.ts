import { DATA, type Outcome } from './layout.js';
import { FX_PARTS, hexOf, initialFx } from './fxState.js';
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
  for (const part of FX_PARTS) {
    for (let at = part.from; at < part.to; at++) {
      if (expected.fx[at] === actual.fx[at]) continue;
      found.push(`${part.name} is ${hexOf(actual.fx, part)} instead of ${hexOf(expected.fx, part)}`);
      break;
    }
  }
  for (let n = 0; n < expected.memory.length; n++) if (expected.memory[n] !== actual.memory[n]) check(`byte 0x${(DATA + n).toString(16)}`, expected.memory[n]!, actual.memory[n]!);
  return found;
}

/** A case with all that is needed to look into it. */
export function describe(c: Generated): string {
  const bytes = Array.from(c.code, b => b.toString(16).padStart(2, '0')).join(' ');
  const registers = c.gpr.map((value, n) => `${NAMES[n]}=${value.toString(16)}`).join(' ');
  return `${c.text}  [${bytes}]${c.fxSeed ? ` fx=${c.fxSeed} ${vectorsOf(c)}` : ''} flags=${c.flags.toString(16)} ${registers} patches=${c.patches.map(p => `${p.address.toString(16)}:${p.value.toString(16)}`).join(',')}`;
}

/** The vector registers that a case names, as it starts. */
function vectorsOf(c: Generated): string {
  const fx = initialFx(c.fxSeed ?? 0), top = fx[3]! >> 3 & 7, texts = new Set(c.text.match(/\bx?mm\d+/g));
  return [...texts].map(name => {
    const n = Number(/\d+/.exec(name)![0]), from = name[0] === 'x' ? 160 + 16 * n : 32 + 16 * (n - top & 7);
    return `${name}=${hexOf(fx, { from, to: from + (name[0] === 'x' ? 16 : 8) })}`;
  }).join(' ');
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
