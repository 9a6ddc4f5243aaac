/*
 * System calls: the number goes to RAX, arguments are where C has them already (but for the fourth). SYSCALL itself
 * overwrites RCX and R11 with RIP and RFLAGS.
 */
.macro CALL name:req number:req
  .globl \name
  .type \name, @function
\name:
  mov $\number, %eax
  syscall
  ret
  .size \name, . - \name
.endm

  .text
CALL read, 0
CALL write, 1
CALL open, 2
CALL close, 3
CALL mmap_prot, 9
CALL munmap, 11
CALL sigaction_raw, 13
CALL sigreturn, 15
CALL tkill, 200
CALL modify_ldt, 154
CALL yield, 24
CALL sleep, 35
CALL getpid, 39
CALL fork, 57
CALL exec, 59
CALL exit, 60
CALL wait_raw, 61
CALL kill, 62
CALL poweroff, 169
CALL task_info, 500

  .section .note.GNU-stack, "", @progbits
