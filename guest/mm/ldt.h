/*
 * The LDT of a process: one page, seen at the same address in every address space that has one. The CPU reads it in user mode
 * too, whenever a segment register is loaded, so both halves map it, in a slot of its own.
 */
#ifndef MM_LDT_H
#define MM_LDT_H

#include "lib/types.h"

struct mm;

/* Loads LDTR for the address space; interrupts off. */
void ldt_load(struct mm *mm);
/* A copy for a child. False when memory is short. */
bool ldt_copy(struct mm *child, const struct mm *parent);
void ldt_free(struct mm *mm);

/* System call: writes a descriptor of user code or data; 0 clears the entry. */
s64 sys_modify_ldt(u64 index, u64 descriptor);

#endif
