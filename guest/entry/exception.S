/*
 * Exceptions. The plain ones cannot happen in entry code before CR3 and GS are the kernel's (but for one: IRET), so the
 * CPL of what they interrupted says what to do. The paranoid ones can happen at any instruction at all.
 */
#include "entry/calling.h"

  .section .entry.text, "ax"

.macro EXCEPTION path:req handler:req error_code=0
FUNCTION entry_\path
  .if \error_code == 0
  push $-1
  .endif
  PUSH_REGS
  call error_entry
  mov %rsp, %rdi
  mov REGS_ORIG_RAX(%rsp), %rsi
  call \handler
  jmp interrupt_return
END_FUNCTION entry_\path
.endm

EXCEPTION divide_error, do_divide_error
EXCEPTION overflow, do_overflow
EXCEPTION bound_range, do_bound_range
EXCEPTION invalid_opcode, do_invalid_opcode
EXCEPTION device_not_available, do_device_not_available
EXCEPTION invalid_tss, do_invalid_tss, error_code=1
EXCEPTION segment_not_present, do_segment_not_present, error_code=1
EXCEPTION stack_segment, do_stack_segment, error_code=1
EXCEPTION general_protection, do_general_protection, error_code=1
EXCEPTION page_fault, do_page_fault, error_code=1
EXCEPTION x87, do_x87
EXCEPTION alignment_check, do_alignment_check, error_code=1
EXCEPTION simd, do_simd

/* Registers are pushed. From user mode: to the kernel's GS, CR3 and stack. */
FUNCTION error_entry
  cld
  testb $3, 8 + REGS_CS(%rsp)
  jnz 1f
  lea exit_iret_user(%rip), %rcx
  cmp %rcx, 8 + REGS_RIP(%rsp)
  je 1f
  CLEAR_AC
  ret
1:
  swapgs
  SWITCH_TO_KERNEL_CR3 scratch=%rax label=entry_error_cr3
  CLEAR_AC
  testb $3, 8 + REGS_CS(%rsp)
  jnz move_to_task_stack
  /*
   * The IRET to user mode itself has faulted, on the entry stack, with everything else the user's already. It is the
   * user's fault (there is no such RIP, say), so it is made to look as if user mode had faulted.
   */
  xor %ebp, %ebp
  pop %r12
  mov %rsp, %rdi
  call fixup_bad_iret
  mov %rax, %rsp
  push %r12
  ret
END_FUNCTION error_entry

/*
 * #DB, #BP and #MC have stacks of their own, because they may come where RSP is not the kernel's. From user mode they
 * are like any other exception.
 */
.macro PARANOID_EXCEPTION path:req handler:req
FUNCTION entry_\path
  push $-1
  PUSH_REGS
  testb $3, REGS_CS(%rsp)
  jnz 1f
  call paranoid_entry
  mov %rsp, %rdi
  mov REGS_ORIG_RAX(%rsp), %rsi
  call \handler
  jmp paranoid_exit
1:
  call error_entry
  mov %rsp, %rdi
  mov REGS_ORIG_RAX(%rsp), %rsi
  call \handler
  jmp interrupt_return
END_FUNCTION entry_\path
.endm

PARANOID_EXCEPTION debug, do_debug
PARANOID_EXCEPTION breakpoint, do_breakpoint
PARANOID_EXCEPTION machine_check, do_machine_check

/* #DF means that an exception could not be delivered; nothing can be assumed, and there is no way back. */
FUNCTION entry_double_fault
  PUSH_REGS
  call paranoid_entry
  mov %rsp, %rdi
  mov REGS_ORIG_RAX(%rsp), %rsi
  call do_double_fault
  ud2
END_FUNCTION entry_double_fault

  .section .note.GNU-stack, "", @progbits
