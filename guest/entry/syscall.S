/*
 * SYSCALL in, SYSRET out. SYSCALL (SDM Vol. 2) puts RIP in RCX, RFLAGS in R11, masks RFLAGS by IA32_FMASK and jumps to
 * IA32_LSTAR. It switches neither RSP nor GS nor CR3: all three are the user's at the first instruction.
 */
#include "entry/calling.h"

  .section .entry.text, "ax"

FUNCTION entry_syscall64
  swapgs
  mov %rsp, %gs:PERCPU_SCRATCH_RSP      /* in the exported page: the rest of %gs is out of reach yet */
  SWITCH_TO_KERNEL_CR3 scratch=%rsp label=entry_syscall64_cr3
.Lkernel_cr3:
  mov %gs:PERCPU_KERNEL_STACK_TOP, %rsp

  /* struct registers, as an interrupt would have left it. */
  push $USER_DS
  push %gs:PERCPU_SCRATCH_RSP
  push %r11
  push $USER_CS
  push %rcx
  push %rax
  PUSH_REGS
  xor %ebp, %ebp                        /* kernel frames end here */

  mov %rsp, %rdi
  call do_syscall                       /* returns with interrupts off, everything done that is due before user mode */

  /*
   * SYSRET takes RIP from RCX and RFLAGS from R11, and on Intel faults in kernel mode, on the user's stack, when RCX is
   * not canonical. It cannot set RF, and TF would trap too late. In these cases IRET is the way out.
   */
  mov REGS_RCX(%rsp), %rcx
  mov REGS_RIP(%rsp), %r11
  cmp %rcx, %r11
  jne return_to_user
  shl $16, %rcx                         /* canonical: bits 63:47 are all equal; for user mode all zero */
  sar $16, %rcx
  cmp %rcx, %r11
  jne return_to_user
  cmpl $USER_CS, REGS_CS(%rsp)
  jne return_to_user
  cmpl $USER_DS, REGS_SS(%rsp)
  jne return_to_user
  mov REGS_R11(%rsp), %r11
  cmp %r11, REGS_RFLAGS(%rsp)
  jne return_to_user
  test $(1 << 16 | 1 << 8), %r11d
  jnz return_to_user

  POP_REGS_BUT_RDI
  /* The task's stack is not mapped in the shadow half: what is left to pop moves to the entry stack. */
  mov %rsp, %rdi
  mov %gs:PERCPU_ENTRY_STACK_TOP, %rsp
  push REGS_RSP - REGS_RDI(%rdi)
  push (%rdi)
  SWITCH_TO_USER_CR3 scratch=%rdi label=exit_sysret_cr3
  pop %rdi
  pop %rsp
  swapgs
  .globl exit_sysret
exit_sysret:
  sysretq
END_FUNCTION entry_syscall64

/*
 * Without CURE_VECTORS a kernel that boots with KAISER off has the SYSCALL entry of a kernel without KAISER: no switch, and
 * in text that the shadow half does not map.
 */
  .section .text, "ax"
FUNCTION entry_syscall64_plain
  swapgs
  mov %rsp, %gs:PERCPU_SCRATCH_RSP
  jmp .Lkernel_cr3
END_FUNCTION entry_syscall64_plain

  .section .note.GNU-stack, "", @progbits
