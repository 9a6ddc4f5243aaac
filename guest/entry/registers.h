/* The registers of the interrupted context, in the order in which entry code pushes them (as in Linux: struct pt_regs). */
#ifndef ENTRY_REGISTERS_H
#define ENTRY_REGISTERS_H

#include "lib/types.h"

struct registers {
  u64 r15, r14, r13, r12, rbp, rbx;
  u64 r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
  u64 orig_rax; /* system call number, error code of an exception, or -1 */
  u64 rip, cs, rflags, rsp, ss;
};

static inline bool from_user_mode(const struct registers *regs)
{
  return regs->cs & 3;
}

#endif
