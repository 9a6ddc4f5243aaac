/**
 * What translated regions offer to definitions of system instructions. Templates have none of it: there such an instruction
 * is handed over to its handler, which says the same in TypeScript (`instructions/frequent`).
 */
export interface RegionControl {
  /**
   * Leaves the region with the instruction completed and RIP behind it; the run loop looks at what waits. It may stand in a
   * conditional part of any definition.
   */
  event(): void;
  /** Leaves the region with the instruction completed: the next one is fetched anew. It may stand in a conditional part of any definition. */
  refetch(): void;
  /**
   * Ends an instruction that ends its block (`endsBlock`), RIP standing in memory; the i32 on the stack is non-zero if the run
   * loop must look at what waits.
   */
  end(): void;
  /** As `end`, where RSP and the arithmetic flags stand in memory as well. */
  endReturned(): void;
  /** Pushes the i32 budget as it will be behind the instruction. */
  pushBudgetBehind(): void;
  /** Pushes the i32 budget that remains when the block has been run to its end. */
  pushBudget(): void;
  /** Takes the i32 on the stack from the budget. */
  spend(): void;
  /** To be called after FAST_TABLE or FAST_CONTEXT have changed in memory. */
  translationChanged(): void;
  /** A memory access that fails inside `emit` hands the instruction over to its handler. Nothing of the instruction may have been done before. */
  tentative(emit: () => void): void;
  /**
   * Keeps SHADOW, which the definition has set, until the next instruction is completed. False if the next instruction cannot
   * follow in this region: then the instruction must leave by `event`.
   */
  shadow(): boolean;
}

