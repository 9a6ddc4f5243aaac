/*
 * An IRET to a 16-bit stack segment loads only the low half of ESP; the upper half keeps what the kernel's stack pointer had.
 * Nobody should see that, and programs that count on their ESP would break. So the last IRET is made from a stack whose
 * address has the user's bits 31 to 16: a page that is mapped once for each value of them, read only, in a slot that both
 * halves share.
 */
#ifndef KAISER_ESPFIX_H
#define KAISER_ESPFIX_H

#include "lib/types.h"

/* Makes the stacks of this many CPUs; before kaiser_build_shadow. */
void espfix_init(u32 count);
/*
 * Maps them, in all address spaces. Nobody can have a 16-bit stack segment before there is an LDT, so the first one brings
 * the 65,536 mappings, and page tables are short to read until then.
 */
void espfix_map(void);

#endif
