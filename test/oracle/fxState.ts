import { Random } from './random.js';

/**
 * The x87, MMX and SSE state of a case, as FXSAVE64 lays it out (SDM Vol. 1, table 10-2): control and status word, tags, pointers, MXCSR
 * at 24, the registers of the x87 stack from the top on at 32, XMM0-15 at 160.
 */
export const FX_BYTES = 416;

/** A vector's quadword: anything, or elements near the corners of their size. */
function quadword(random: Random): bigint {
  if (random.chance(0.4)) return random.value();
  const size = random.pick([8, 16, 32]), corners = [0n, 1n, -1n, 1n << BigInt(size - 1), (1n << BigInt(size - 1)) - 1n, (1n << BigInt(size - 1)) + 1n];
  let value = 0n;
  for (let at = 0; at < 64; at += size) {
    const element = random.chance(0.5) ? random.pick(corners) : BigInt(random.u32());
    value |= BigInt.asUintN(size, element) << BigInt(at);
  }
  return value;
}

const known = new Map<number, Uint8Array>();

/** The state for a seed; 0 gives that of a new program: empty registers, all exceptions masked. */
export function initialFx(seed: number): Uint8Array {
  let bytes = known.get(seed);
  if (!bytes) {
    if (known.size > 5000) known.clear();
    known.set(seed, bytes = makeFx(seed));
  }
  return bytes;
}

function makeFx(seed: number): Uint8Array {
  const bytes = new Uint8Array(FX_BYTES), view = new DataView(bytes.buffer);
  view.setUint16(0, 0x37f, true);
  view.setUint32(24, 0x1f80, true);
  if (!seed) return bytes;
  const random = new Random(seed);
  // Sometimes an x87 exception waits: it comes ahead of the next MMX instruction.
  const waits = random.chance(0.02);
  if (waits) view.setUint16(0, 0x37e, true);
  view.setUint16(2, random.below(8) << 11 | (waits ? 0x8081 : 0), true);
  bytes[4] = random.below(256);
  for (let n = 0; n < 8; n++) {
    view.setBigUint64(32 + 16 * n, quadword(random), true);
    view.setUint16(40 + 16 * n, random.pick([0xffff, 0, 0x3fff, random.below(0x10000)]), true);
  }
  for (let n = 0; n < 32; n++) view.setBigUint64(160 + 8 * n, quadword(random), true);
  return bytes;
}

/** Names of the parts of the state that are compared, with their places: pointers to the last x87 instruction are not. */
export const FX_PARTS: readonly { name: string; from: number; to: number }[] = [
  { name: 'x87 control word', from: 0, to: 2 }, { name: 'x87 status word', from: 2, to: 4 }, { name: 'x87 tags', from: 4, to: 5 }, { name: 'MXCSR', from: 24, to: 28 },
  ...Array.from({ length: 8 }, (_, n) => ({ name: `st${n}`, from: 32 + 16 * n, to: 42 + 16 * n })),
  ...Array.from({ length: 16 }, (_, n) => ({ name: `xmm${n}`, from: 160 + 16 * n, to: 176 + 16 * n })),
];

/** The bytes of a part as a number in hexadecimal digits. */
export function hexOf(fx: Uint8Array, part: { from: number; to: number }): string {
  let text = '';
  for (let at = part.to - 1; at >= part.from; at--) text += fx[at]!.toString(16).padStart(2, '0');
  return text;
}
