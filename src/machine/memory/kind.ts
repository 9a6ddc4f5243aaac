/**
 * The `kind` argument of `Mmu.resolve`, shared with translated code: the size of the access in its low byte
 * (1, 2, 4, 8 or 16 bytes), what is done above it.
 */
export const enum MemoryKind {
  Read = 0x000,
  Write = 0x100,
  Execute = 0x200,
  /** With Write: the old value is read first (a device must be read before it is written). */
  Modify = 0x400,
  /** The access goes through the stack segment: a non-canonical address raises #SS(0), not #GP(0). */
  Stack = 0x800,
  /**
   * Implicit supervisor-mode access at any CPL: descriptor tables, TSS, event delivery (SDM Vol. 3A, 4.6). RFLAGS.AC does
   * not suspend SMAP for it. Translated code never asks for it.
   */
  Supervisor = 0x1000,
}

/** Packs size in bytes and `MemoryKind` bits. */
export function memoryKind(size: number, access: number): number { return size | access; }
