/*
 * Where an application processor begins: a SIPI starts it in real mode with CS = vector << 8 and IP = 0 (SDM Vol. 3A,
 * 8.4.4). The code is copied to TRAMPOLINE_PHYS, so addresses in it are computed from there. Nothing is on its stack.
 */
#include "mm/layout.h"

#define PHYS(symbol) (symbol - KERNEL_BASE)
#define HERE(symbol) (symbol - trampoline_start + TRAMPOLINE_PHYS)
#define CR0_PE 1
#define CR0_START 0x80010025
#define CR4_PAE 0x20
#define EFER 0xc0000080
#define EFER_LME_SCE 0x101

  .section .rodata
  .globl trampoline_start, trampoline_end
  .code16
trampoline_start:
  cli
  cld
  mov %cs, %ax
  mov %ax, %ds
  lgdtl gdt_pointer - trampoline_start
  mov %cr0, %eax
  or $CR0_PE, %eax
  mov %eax, %cr0
  ljmpl $0x08, $HERE(protected)

  .code32
protected:
  mov $0x18, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  mov $CR4_PAE, %eax
  mov %eax, %cr4
  mov $PHYS(boot_pgd), %eax
  mov %eax, %cr3
  mov $EFER, %ecx
  rdmsr
  or $EFER_LME_SCE, %eax
  wrmsr
  mov $CR0_START, %eax
  mov %eax, %cr0
  ljmp $0x10, $HERE(long_mode)

  .code64
long_mode:
  xor %eax, %eax
  mov %eax, %fs
  mov %eax, %gs
  mov secondary_stack, %rsp
  xor %ebp, %ebp
  mov $secondary_main, %rax
  call *%rax
  ud2

  .align 8
gdt_pointer:
  .word 4 * 8 - 1
  .long PHYS(boot_gdt)
trampoline_end:

  .section .note.GNU-stack, "", @progbits
