/** What a template or a translated region returns to the run loop; 0 goes on with the next instruction or block. */
export const enum Exit {
  Next = 0,
  /** The instruction at RIP raised the exception in FAULT_*; nothing of it has been done. */
  Fault = 1,
  /** Translated code asks the interpreter to go on at RIP: the budget is short, or the instruction needs TypeScript. */
  Interpret = 2,
  /** Completed, RIP is set: a branch was taken or control was transferred. */
  Jumped = 3,
  /** Completed, RIP is set; the run loop must look at interrupts, the run state or the mode. */
  Event = 4,
  /** Completed and something that was written may be code: fetch again. */
  Refetch = 5,
  /** Not completed: a breakpoint is set on the instruction at RIP. */
  Breakpoint = 6,
  /** No decoded block at RIP. */
  Miss = 7,
  /** The block at RIP has run often; it may be translated. */
  Hot = 8,
  /** The turn's budget is used up. */
  Budget = 9,
  /** The block at RIP is one instruction that crosses a page: TypeScript checks its second page. */
  Crossing = 10,
  /** The machine cannot go on: an `Unimplemented` was thrown and is kept by the machine. */
  Stop = 11,
}
