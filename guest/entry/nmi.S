/*
 * NMI. The CPU blocks further ones until the next IRET, and an exception inside the handler ends with an IRET: then a
 * second NMI may come while the first is still being handled, and it comes on the same stack. The NMI stack, from the
 * top (cpu_entry_area.h):
 *
 *   -8    base of the per-CPU area (paranoid.S)
 *   -16   unused; the IST pointer of the TSS points here
 *   -56   the frame that the CPU pushes
 *   -64   state: 0 none is being handled, 1 one is, 2 another one came meanwhile
 *   -104  a copy of the first one's frame, which is the one to return by
 *
 * The first NMI copies its frame before anything in it can fault. A nested one only overwrites the frame at -56, sets
 * the state to 2 and returns; the first one, about to return, sees it and runs its handler again.
 *
 * To user mode with a stack segment of the LDT the last IRET is made from the espfix stack (kaiser/espfix.h), as in return_to_user. Its
 * address waits in the slot of the error code, since no register is free at the end.
 */
#include "entry/calling.h"

#define STATE -8                        /* from the frame at -56 */
#define COPY -48
#define STATE_FROM_COPY 40

  .section .entry.text, "ax"

FUNCTION entry_nmi
  cmpq $0, STATE(%rsp)
  jne .Lnested
  testb $3, 8(%rsp)
  jnz .Lfirst
  /* State 0, but the first one has not returned yet? Then it is between its last look at the state and its IRET. */
  cmpq $.Lstate_looked_at, (%rsp)
  jb .Lfirst
  cmpq $exit_nmi, (%rsp)
  ja .Lfirst
  /* Its copy is what this one has to return by as well. */
  movq $1, STATE(%rsp)
  lea COPY(%rsp), %rsp
  jmp .Lhandle

.Lfirst:
  movq $1, STATE(%rsp)
  sub $8, %rsp
  .rept 5
  push 40(%rsp)
  .endr

.Lhandle:
  push $-1
  PUSH_REGS
  call paranoid_entry
  mov %rsp, %rdi
  call do_nmi
  testb $3, REGS_CS(%rsp)
  jz .Lrestore
  testb $4, REGS_SS(%rsp)
  jnz .Lfill_espfix
.Lrestore:
  call paranoid_restore
  POP_REGS_BUT_RDI
  pop %rdi
  add $8, %rsp
  decq STATE_FROM_COPY(%rsp)
.Lstate_looked_at:
  jnz .Lhandle
  cmpq $-1, -8(%rsp)
  je exit_nmi
  mov -8(%rsp), %rsp
  .globl exit_nmi_espfix
exit_nmi_espfix:
  iretq
  .globl exit_nmi
exit_nmi:
  iretq

.Lfill_espfix:
  mov %gs:PERCPU_ESPFIX_WRITABLE, %rdi
  .irp word, 0, 1, 2, 3, 4              /* RIP, CS, RFLAGS, RSP, SS */
  mov REGS_RIP + 8 * \word(%rsp), %rax
  mov %rax, 8 + 8 * \word(%rdi)
  .endr
  mov REGS_RSP(%rsp), %eax
  and $0xffff0000, %eax
  or %gs:PERCPU_ESPFIX_STACK, %rax
  add $8, %rax
  mov %rax, REGS_ORIG_RAX(%rsp)
  jmp .Lrestore

.Lnested:
  movq $2, STATE(%rsp)
  iretq
END_FUNCTION entry_nmi

  .section .note.GNU-stack, "", @progbits
