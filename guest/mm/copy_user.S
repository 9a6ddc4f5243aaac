/*
 * size_t copy_user(void *to, const void *from, size_t size)
 * The one place where the kernel touches user memory. With SMAP that needs RFLAGS.AC, which STAC and CLAC set and clear;
 * the instructions do not exist without SMAP, so they are skipped then.
 */
  .text
  .globl copy_user
  .type copy_user, @function
copy_user:
  mov %rdx, %rcx
  testb $1, kaiser_asm_smap(%rip)
  jz copy_user_plain
  stac
copy_user_smap:
  rep movsb
copy_user_smap_done:
  clac
  mov %rcx, %rax
  ret
copy_user_plain:
  rep movsb
copy_user_plain_done:
  mov %rcx, %rax
  ret
  .size copy_user, . - copy_user

  .section .ex_table, "a"
  .quad copy_user_smap, copy_user_smap_done
  .quad copy_user_plain, copy_user_plain_done
  .section .note.GNU-stack, "", @progbits
