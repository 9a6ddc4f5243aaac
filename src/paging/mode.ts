/** How a CPU translates linear addresses (SDM Vol. 3A, 4.1.1). The functions of this folder read the tables of 4-level paging. */
export type PagingMode = 'off' | '32-bit' | 'PAE' | '4-level';

/** The paging mode that control registers and IA32_EFER amount to. */
export function pagingModeOf({ cr0, cr4, efer }: { cr0: bigint; cr4: bigint; efer: bigint }): PagingMode {
  if (!(cr0 & 1n << 31n)) return 'off';
  if (efer & 1n << 10n) return '4-level';
  return cr4 & 1n << 5n ? 'PAE' : '32-bit';
}
