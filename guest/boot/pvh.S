/*
 * Where the kernel begins. The loader (QEMU's -kernel, or Kaiserscope's own machine) finds the ELF note below and jumps
 * to its address: the PVH boot protocol, which Xen defined. State then (xen/include/public/arch-x86/hvm/start_info.h):
 * 32-bit protected mode, flat segments, paging off, interrupts off, EBX = physical address of struct hvm_start_info.
 */
#include "mm/layout.h"

#define PHYS(symbol) (symbol - KERNEL_BASE)
#define CR0_START 0x80010025            /* paging, write protect for the kernel too, no x87, protected mode */
#define CR4_PAE 0x20
#define EFER 0xc0000080
#define EFER_LME_SCE 0x101              /* long mode, SYSCALL */

  .section .note.pvh, "a", @note
  .align 4
  .long 4, 4, 18                        /* size of the name, size of the descriptor, XEN_ELFNOTE_PHYS32_ENTRY */
  .asciz "Xen"
  .long PHYS(pvh_start)
  .long 0                               /* QEMU reads eight bytes of descriptor from a 64-bit ELF */

  .globl pvh_start_phys
  .set pvh_start_phys, PHYS(pvh_start)

  .section .boot.text, "ax"
  .code32
  .globl pvh_start
  .type pvh_start, @function
pvh_start:
  cld
  mov $PHYS(boot_stack_top), %esp
  mov $CR4_PAE, %eax
  mov %eax, %cr4
  mov $PHYS(boot_pgd), %eax
  mov %eax, %cr3
  mov $EFER, %ecx
  rdmsr
  or $EFER_LME_SCE, %eax
  wrmsr
  mov $CR0_START, %eax
  mov %eax, %cr0                        /* long mode is active now, in a 32-bit code segment */
  lgdt PHYS(boot_gdt_pointer)
  ljmp $0x10, $PHYS(1f)

  .code64
1:
  mov $0x18, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  xor %eax, %eax
  mov %eax, %fs
  mov %eax, %gs
  mov $boot_stack_top, %rsp             /* from physical to virtual */
  xor %ebp, %ebp                        /* the frame pointer chain ends here */
  mov %ebx, %edi
  mov $kernel_main, %rax
  call *%rax
  ud2                                   /* kernel_main becomes the idle task and does not return */
  .size pvh_start, . - pvh_start

/*
 * The tables to start with: the first GiB by 2 MiB pages, at 0 (where this code runs), at the direct map and at the
 * kernel's own address. Application processors start on them as well.
 */
  .section .data.page_aligned, "aw"
  .align 4096
  .globl boot_pgd
boot_pgd:
  .quad PHYS(boot_pud_low) + 3
  .fill 272, 8, 0
  .quad PHYS(boot_pud_low) + 3          /* slot 273: PHYSMAP_BASE */
  .fill 237, 8, 0
  .quad PHYS(boot_pud_high) + 3
boot_pud_low:
  .quad PHYS(boot_pmd) + 3
  .fill 511, 8, 0
boot_pud_high:
  .fill 510, 8, 0
  .quad PHYS(boot_pmd) + 3              /* KERNEL_BASE is 2 GiB below the top */
  .quad 0
boot_pmd:
  .set page, 0
  .rept 512
  .quad page + 0x83                     /* present, writable, 2 MiB */
  .set page, page + 0x200000
  .endr

  .globl boot_gdt
boot_gdt:
  .quad 0
  .quad 0x00cf9b000000ffff              /* 0x08: 32-bit code, for the way of the application processors */
  .quad 0x00af9b000000ffff              /* 0x10: 64-bit code */
  .quad 0x00cf93000000ffff              /* 0x18: data */
  .globl boot_gdt_pointer
boot_gdt_pointer:
  .word boot_gdt_pointer - boot_gdt - 1
  .quad PHYS(boot_gdt)

  .section .bss.page_aligned, "aw", @nobits
  .align 4096
  .globl boot_stack
boot_stack:
  .skip KERNEL_STACK_SIZE
  .globl boot_stack_top
boot_stack_top:

  .section .note.GNU-stack, "", @progbits
