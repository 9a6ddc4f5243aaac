/*
 * Entry and exit for what may interrupt entry code between any two instructions: neither GS nor CR3 can be inferred
 * from the CPL then. Both are looked at, and put back as they were. Registers that the handler keeps: RBX, R14.
 */
#include "entry/calling.h"

#define MSR_GS_BASE 0xc0000101

  .section .entry.text, "ax"

/* Registers are pushed on an IST stack. Leaves the old CR3 in R14 and what paranoid_restore must do to GS in RBX. */
FUNCTION paranoid_entry
  cld
  SAVE_AND_SWITCH_TO_KERNEL_CR3 scratch=%rax save=%r14 label=entry_paranoid_cr3
  CLEAR_AC
  testl $1, kaiser_asm_fsgsbase(%rip)
  jnz 1f

  /* Without FSGSBASE user mode cannot set a base in the upper half: the sign tells whose GS it is. */
  mov $1, %ebx
  mov $MSR_GS_BASE, %ecx
  rdmsr
  test %edx, %edx
  js 2f
  swapgs
  xor %ebx, %ebx
2:
  ret

1:
  /* With FSGSBASE it can, so the base is replaced whatever it is. This CPU's is in the last word of its IST stacks. */
  rdgsbase %rbx
  mov %rsp, %rax
  or $0xfff, %rax
  mov -7(%rax), %rax
  wrgsbase %rax
  ret
END_FUNCTION paranoid_entry

/*
 * CR3 first: whether it must be flushed is in the kernel's per-CPU data. The first version of this code, in Linux 4.15-rc,
 * put CR3 back only where GS had to be swapped as well; kaiser_asm_paranoid_gap brings that gap back.
 */
FUNCTION paranoid_restore
  testl $1, kaiser_asm_paranoid_gap(%rip)
  jz 3f
  test %ebx, %ebx                       /* as without FSGSBASE: 1 = the GS of the interrupted code was the kernel's */
  jnz 4f
3:
  RESTORE_CR3 scratch=%rax save=%r14 label=exit_paranoid_cr3
4:
  testl $1, kaiser_asm_fsgsbase(%rip)
  .globl paranoid_cr3_restored          /* for the debugger: CR3 is what it is to be, and can be lived with */
paranoid_cr3_restored:
  jnz 1f
  test %ebx, %ebx
  jnz 2f
  swapgs
2:
  ret
1:
  wrgsbase %rbx
  ret
END_FUNCTION paranoid_restore

FUNCTION paranoid_exit
  cli
  call paranoid_restore
  jmp return_to_kernel
END_FUNCTION paranoid_exit

  .section .note.GNU-stack, "", @progbits
