import { DecoderError, DecoderOptions } from 'iced-x86';
import { library } from './icedLibrary.js';
import type { InstructionSet } from './instructionSet.js';

/** Longest instruction in bytes (SDM Vol. 2A, 2.3.11). */
export const MAX_INSTRUCTION = 15;

/**
 * Is it more than 15 bytes that make these invalid? Processors judge that before what else is wrong with them, a LOCK prefix or an
 * opcode that does not exist (measured), and the decoder does not tell. So prefixes that change no length are left out, which makes
 * room for the rest.
 */
export function isTooLong(bytes: Uint8Array, bitness: number, set: InstructionSet): boolean {
  const long = bitness === 64, needed: number[] = [];
  let end = 0;
  while (end < MAX_INSTRUCTION && (PREFIXES.has(bytes[end]!) || long && isRex(bytes[end]!) && isPrefixOrRex(bytes[end + 1]!))) end++;
  if (end === MAX_INSTRUCTION) return true;
  for (const prefix of [0x66, 0x67]) if (bytes.subarray(0, end).includes(prefix)) needed.push(prefix);
  const tail = bytes.slice(end, MAX_INSTRUCTION), rex = long && isRex(tail[0]!) ? 1 : 0;
  substituteOpcode(tail.subarray(rex));
  const { Decoder, Instruction } = library();
  const decoder = new Decoder(bitness, Uint8Array.from([...needed, ...tail]), set.options | DecoderOptions.NoInvalidCheck), instruction = new Instruction();
  decoder.decodeOut(instruction);
  const error = decoder.lastError;
  decoder.free();
  instruction.free();
  return error === DecoderError.NoMoreBytes;
}

/** Legacy prefixes (SDM Vol. 2A, 2.1.1). */
const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);
function isRex(byte: number): boolean { return byte >>> 4 === 4; }
function isPrefixOrRex(byte: number): boolean { return PREFIXES.has(byte) || isRex(byte); }

/** All opcodes of the maps 0F38 and 0F3A are equally long: puts in one that exists (PSHUFB, PALIGNR). */
function substituteOpcode(tail: Uint8Array): void {
  if (tail[0] !== 0x0f) return;
  if (tail[1] === 0x38) tail[2] = 0;
  else if (tail[1] === 0x3a) tail[2] = 0x0f;
}
