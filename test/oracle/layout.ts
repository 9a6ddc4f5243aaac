/**
 * The address space that the native harness (`native/harness.c`) and the machine under test share. The numbers are the
 * contract with the harness.
 */

/** Code of a batch: CODE_PAGES pages, readable and executable, filled with INT3. */
export const CODE = 0x40000000;
export const CODE_PAGES = 16;
/** Each case has a slot of its own; its code starts in the middle, so that short branches stay in the slot's INT3s. */
export const SLOT = 256;
export const SLOT_ENTRY = 128;
export const SLOTS = CODE_PAGES * 0x1000 / SLOT;

/** Two writable pages, then one that can only be read; nothing before and behind them is mapped. */
export const DATA = 0x50000000;
export const DATA_PAGES = 3;
export const READ_ONLY = DATA + 0x2000;
export const DATA_END = DATA + 0x3000;
/** Linear base of GS. */
export const GS_BASE = DATA + 0x800;

export const DATA_BYTES = DATA_PAGES * 0x1000;

/** Bits of the code: 64-bit mode, or compatibility mode with flat 32-bit segments, or with 16-bit ones at CODE and DATA. */
export type Bits = 16 | 32 | 64;

/** One instruction sequence with the state it starts from. */
export interface Case {
  /** Bytes of the code, at `CODE + slot * SLOT + SLOT_ENTRY`. */
  code: Uint8Array;
  slot: number;
  bits: Bits;
  /** Arithmetic flags and DF. */
  flags: number;
  gpr: bigint[];
  /** Seed of the data pages' contents. */
  seed: number;
  /** Quadwords written into the data pages after that. */
  patches: { address: number; value: bigint }[];
  /** Seed of the x87, MMX and SSE state (`initialFx`); 0 for that of a new program. */
  fxSeed?: number;
}

/** What a case leaves behind. */
export interface Outcome {
  gpr: bigint[];
  rip: bigint;
  flags: number;
  /** Exception vector; 3 is the INT3 that ends a case. */
  vector: number;
  /** Error code of a page fault or general protection exception, else 0. */
  error: number;
  /** Address of a page fault, else 0. */
  address: bigint;
  /** The x87, MMX and SSE state, as FXSAVE64 writes it. */
  fx: Uint8Array;
  /** Contents of the data pages. */
  memory: Uint8Array;
}

/** Linear address of the first instruction. */
export function entryOf(c: Case): number { return CODE + c.slot * SLOT + SLOT_ENTRY; }
/** Instruction pointer of the first instruction: the offset in the code segment. */
export function entryIp(c: Case): number { return entryOf(c) - codeBase(c.bits); }
export function codeBase(bits: Bits): number { return bits === 16 ? CODE : 0; }
export function dataBase(bits: Bits): number { return bits === 16 ? DATA : 0; }

/** The contents of the data pages for a seed: xorshift32, four bytes at a time. `harness.c` does the same. */
export function fillData(seed: number): Uint8Array {
  const bytes = new Uint8Array(DATA_BYTES), words = new Uint32Array(bytes.buffer);
  let x = seed | 1;
  for (let n = 0; n < words.length; n++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[n] = x;
  }
  return bytes;
}

/** The data pages as the case starts with them. */
export function initialMemory(c: Case): Uint8Array {
  const bytes = fillData(c.seed), view = new DataView(bytes.buffer);
  for (const { address, value } of c.patches) view.setBigUint64(address - DATA, value, true);
  return bytes;
}
