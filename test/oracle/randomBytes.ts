import { type Bits, CODE, DATA, dataBase, SLOT, SLOT_ENTRY } from './layout.js';
import type { Random } from './random.js';

/**
 * Random bytes that look like an instruction: prefixes in any number and order, REX in the right place and in wrong ones, every
 * opcode of every map, VEX and EVEX. Most are legal; the others are what this is for.
 */

const PREFIXES = [0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x65, 0x66, 0xf2, 0xf3, 0xf0, 0x67];
/** Longest instruction; random bytes go on to here. */
const LENGTH = 15;
const RSP = 4, RBP = 5;

export function randomBytes(random: Random, bits: Bits): Uint8Array {
  const bytes: number[] = [], byte = () => random.below(256);
  const prefixes = random.chance(0.45) ? 0 : random.chance(0.6) ? 1 : random.chance(0.6) ? 2 : random.chance(0.9) ? random.between(3, 6) : random.between(7, 15);
  for (let n = 0; n < prefixes; n++) bytes.push(random.pick(PREFIXES));
  if (bits === 64 && random.chance(0.3)) bytes.push(0x40 | random.below(16));
  // A REX prefix with another prefix behind it counts for nothing.
  if (bits === 64 && random.chance(0.04)) bytes.push(random.pick(PREFIXES));
  switch (random.below(20)) {
    case 0: bytes.push(0x0f, 0x38, random.chance(0.5) ? random.between(0xf0, 0xff) : byte()); break;
    case 1: bytes.push(0x0f, 0x3a, byte()); break;
    case 2: case 3: vex(random, bytes); break;
    case 4: bytes.push(0x62, byte(), byte(), byte(), byte()); break;
    case 5: case 6: case 7: case 8: case 9: case 10: case 11: bytes.push(0x0f, byte()); break;
    case 12: bytes.push(0x0f, random.pick([0x00, 0x01, 0xae, 0xc7, 0xb8, 0xba, 0xbc, 0xbd, 0x0d, 0x18, 0x1c, 0x1e, 0x1f, 0xc3, 0x20, 0x22, 0xff, 0xb9, 0x0b])); break;
    case 13: bytes.push(random.pick([0xf6, 0xf7, 0xfe, 0xff, 0x8f, 0xc6, 0xc7, 0xd0, 0xd1, 0xd2, 0xd3, 0xc0, 0xc1, 0x8c, 0x8e, 0x8d, 0x80, 0x82, 0x83])); break;
    default: bytes.push(byte());
  }
  bytes.push(modrm(random));
  if (random.chance(0.5)) bytes.push(byte());
  // A displacement of four bytes would lead far away: mostly a small one.
  const small = random.chance(0.5);
  while (bytes.length < LENGTH) bytes.push(small && random.chance(0.7) ? 0 : byte());
  return Uint8Array.from(bytes.slice(0, random.chance(0.97) ? LENGTH : LENGTH + 1));
}

function modrm(random: Random): number { return random.chance(0.35) ? 0xc0 | random.below(64) : random.below(256); }

/** VEX with the maps, prefixes and opcodes of general registers more often than chance would have it. */
function vex(random: Random, bytes: number[]): void {
  if (random.chance(0.3)) bytes.push(0xc5, random.below(256), random.below(256));
  else {
    bytes.push(0xc4, random.chance(0.7) ? 0xe2 | random.below(2) : random.below(256), random.chance(0.6) ? random.below(256) & ~4 : random.below(256));
    bytes.push(random.chance(0.7) ? random.pick([0xf2, 0xf3, 0xf5, 0xf6, 0xf7, 0xf0, 0xf1]) : random.below(256));
  }
}

/** Registers of which most point into the data pages, so that any of them serves as a base. */
export function randomRegisters(random: Random, bits: Bits): bigint[] {
  const width = bits === 64 ? 64 : 32;
  return Array.from({ length: 16 }, (_, n) => {
    if (n >= 8 && bits !== 64) return 0n;
    const inside = BigInt(DATA - dataBase(bits) + 0x800 + random.below(0x1000));
    if (n === RSP || n === RBP) return inside;
    return random.chance(0.45) ? inside : random.chance(0.3) ? BigInt(random.below(0x40)) : BigInt.asUintN(width, random.value());
  });
}

/**
 * Byte pairs that would leave the harness for the kernel of the host, wherever a branch may land: SYSCALL, SYSENTER, INT n; or for a
 * hypervisor, which may answer VMCALL and VMMCALL.
 */
export function leavesHarness(bytes: Uint8Array): boolean {
  return bytes.some((b, n) => b === 0xcd || b === 0x0f && (bytes[n + 1] === 0x05 || bytes[n + 1] === 0x34 || bytes[n + 1] === 0x01 && (bytes[n + 2] === 0xc1 || bytes[n + 2] === 0xd9)));
}

/** Linear address of the first byte of a slot's code. */
export function slotAddress(slot: number): number { return CODE + slot * SLOT + SLOT_ENTRY; }
