import { Code, Mnemonic } from 'iced-x86';
import { GuestFault, Vector } from '../core.js';
import { decode } from './decode.js';
import type { Insn } from './insn.js';
import { JCC } from '../instructions/conditions.js';
import type { InstructionSet } from './instructionSet.js';
import { type Meaning, meaningOf } from './meaning.js';

/** A decoded instruction with its meaning. */
export interface Decoded extends Insn { meaning: Meaning; }

/** Instructions with a WebAssembly definition behind which execution does not simply go on. */
export const ENDS_BLOCK = new Set<Mnemonic>([Mnemonic.Jmp, Mnemonic.Call, Mnemonic.Ret, Mnemonic.Loop, Mnemonic.Loope, Mnemonic.Loopne, Mnemonic.Jcxz, Mnemonic.Jecxz, Mnemonic.Jrcxz,
  ...JCC]);

/** System instructions with a WebAssembly definition that go on elsewhere, or where the same address may mean other code. */
const ENDS_REGION = new Set<Mnemonic>([Mnemonic.Syscall, Mnemonic.Sysretq, Mnemonic.Iretq]);

/** True if execution does not simply go on in the block behind the instruction. */
export function endsBlock(insn: Pick<Insn, 'code' | 'mnemonic'>): boolean { return ENDS_BLOCK.has(insn.mnemonic) || ENDS_REGION.has(insn.mnemonic) || insn.code === Code.Mov_cr_r64; }
/** True if execution never goes on at the next instruction. */
export function neverFalls(insn: Insn): boolean { return insn.mnemonic === Mnemonic.Jmp || insn.mnemonic === Mnemonic.Ret || ENDS_REGION.has(insn.mnemonic); }

/**
 * Decodes the instruction at offset `from` of `bytes`, which count up to `end`, and finds its meaning; undefined if it goes on behind them. Bytes that are
 * no instruction become one that raises #UD, and more than 15 one that raises #GP.
 */
export function decodeOne(bytes: Uint8Array, ip: bigint, linear: bigint, mode: number, set?: InstructionSet, from = 0, end = bytes.length): Decoded | undefined {
  const insn = decode(bytes, ip, linear, mode, set, from, end);
  if (insn === 'truncated') return undefined;
  if (insn === 'invalid') return undecodable(bytes[from]!, ip, linear, mode, UNDEFINED);
  return insn === 'too long' ? undecodable(bytes[from]!, ip, linear, mode, TOO_LONG) : withMeaning(insn);
}

function withMeaning(insn: Insn): Decoded {
  const decoded = insn as Decoded;
  decoded.meaning = meaningOf(insn);
  return decoded;
}

const UNDEFINED: Meaning = { handler: () => { throw new GuestFault(Vector.UD); }, cycles: 0 };
/** More than 15 bytes: #GP(0) (SDM Vol. 2A, 2.3.11). */
const TOO_LONG: Meaning = { handler: () => { throw new GuestFault(Vector.GP, 0); }, cycles: 0 };

function undecodable(byte: number, ip: bigint, linear: bigint, mode: number, meaning: Meaning): Decoded {
  return {
    linear, ip, next: ip + 1n, length: 1, bytes: [byte], code: 0, mnemonic: Mnemonic.INVALID, operands: [], immediate: 0n, immediate2: 0,
    target: 0n, farSelector: 0, lock: false, rep: 'none', operandSize: 0, mode, meaning,
  };
}
