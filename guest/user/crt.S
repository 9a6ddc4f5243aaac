/*
 * Where every program begins. exec enters with RDI = main, RSI = argc, RDX = argv.
 */
  .text
  .globl user_start
  .type user_start, @function
user_start:
  xor %ebp, %ebp                        /* the frame pointer chain of the program ends here */
  mov %rdi, %rax
  mov %rsi, %rdi
  mov %rdx, %rsi
  call *%rax
  mov %eax, %edi                        /* the value of main is the exit status */
  call exit
  ud2
  .size user_start, . - user_start
  .section .note.GNU-stack, "", @progbits
