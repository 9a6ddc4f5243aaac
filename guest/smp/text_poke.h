/*
 * Replaces instructions that other CPUs may be executing at this very moment. A CPU that fetches an instruction while it
 * is written may see half of each; so its first byte becomes INT3 first, which is one byte and cannot be half seen, and
 * the trap does what the new instruction will do (SDM Vol. 3A, 8.1.3: cross-modifying code).
 */
#ifndef SMP_TEXT_POKE_H
#define SMP_TEXT_POKE_H

#include "entry/registers.h"
#include "lib/types.h"

struct text_poke {
  u64 address;   /* of the instruction */
  u8 *alias;     /* where it can be written */
  u64 behind;    /* where execution goes on after the new instruction: it is a NOP or a jump */
  u8 bytes[5];   /* the new instruction */
};

/* INT3 at all of them, then the rest of each, then the first bytes, all CPUs serialized after each step. One caller at a time; may sleep. */
void text_poke(const struct text_poke *pokes, unsigned count);

/* For the handler of #BP in kernel mode: goes on behind the instruction if the trap was one of ours. */
bool text_poke_trap(struct registers *regs);

#endif
