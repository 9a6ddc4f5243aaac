import { DecoderOptions, type Formatter, FormatterSyntax } from 'iced-x86';
import { library } from '../machine/translate/icedLibrary.js';
import type { DisassembledInstruction } from './target.js';

/** One formatter for all: making one crosses into iced's WebAssembly. */
let formatter: Formatter | undefined;

/**
 * Decodes instructions in AT&T syntax, as the guest's sources are written. Ends early where the bytes end or are no
 * instruction.
 * @param bitness 16, 32 or 64: the size of the code segment
 */
export function disassembleBytes(bytes: Uint8Array, address: bigint, count: number, bitness: number): DisassembledInstruction[] {
  const { Decoder, Formatter } = library();
  if (!formatter) {
    formatter = new Formatter(FormatterSyntax.Gas);
    formatter.hexPrefix = '0x';
    formatter.hexSuffix = '';
    formatter.uppercaseHex = false;
    formatter.spaceAfterOperandSeparator = true;
    formatter.branchLeadingZeros = false;
    formatter.displacementLeadingZeros = false;
  }
  const decoder = new Decoder(bitness, bytes, DecoderOptions.None);
  decoder.ip = address;
  const found: DisassembledInstruction[] = [];
  while (found.length < count && decoder.canDecode) {
    const position = decoder.position;
    const instruction = decoder.decode();
    const { isInvalid, length } = instruction;
    if (!isInvalid) {
      found.push({
        address: BigInt.asUintN(64, address + BigInt(position)),
        bytes: bytes.slice(position, position + length),
        text: formatter.format(instruction),
      });
    }
    instruction.free();
    if (isInvalid) break;
  }
  decoder.free();
  return found;
}
