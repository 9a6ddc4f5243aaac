/* A guest without a kernel, for what system calls and page faults cost: PVH entry, long mode, a loop at CPL 3 and handlers
   at CPL 0. WORKLOAD is 0 empty, 1 system calls, 2 system calls with two switches of CR3 as KAISER makes them (with PCID
   and without a flush if the CPU can, else plain), 3 page faults whose handler maps the page, unmaps another one with
   INVLPG and retries, 4 page faults whose handler skips the instruction, 5 and 6 the same two with handlers that save all
   registers, as kernels do, on a stack in the page of the code. COUNT is how often. */

#define KERNEL_CS 0x08
#define USER_CS 0x23
#define USER_SS 0x1b
/* Two pages that are mapped in turn, by the first entries of page table `window`. */
#define WINDOW 0x40000000
#define UNMAPPED (WINDOW + 0x10000)
#define USER_PCID 0x800

#define RIGHTS 7         /* present, writable, user */
#define EFER_BITS 1      /* SCE */
#define CR0_BITS 0x10000 /* WP */
.macro MORE_TABLES
  lea 0x1000 + RIGHTS(%edi), %eax /* the user's PML4[0] likewise */
  mov %eax, 0x5000(%edi)
  lea 0x3000 + RIGHTS(%edi), %eax /* PDPT[1] -> page directory -> window */
  mov %eax, 0x1008(%edi)
  lea 0x4000 + RIGHTS(%edi), %eax
  mov %eax, 0x3000(%edi)
.endm
#include "start.h"

  /* TSS with RSP0, IDT with a page-fault gate. */
  movq $stack_end, tss + 4
  mov $tss, %eax
  mov %ax, tss_descriptor + 2
  shr $16, %eax
  mov %al, tss_descriptor + 4
  mov %ah, tss_descriptor + 7
  mov $0x28, %eax
  ltr %ax
  mov $page_fault, %eax
  mov %ax, idt + 14 * 16
  movw $KERNEL_CS, idt + 14 * 16 + 2
  movw $0x8e00, idt + 14 * 16 + 4
  shr $16, %eax
  mov %ax, idt + 14 * 16 + 6
  lidt idt_pointer

  mov $0xc0000081, %ecx /* STAR: SYSRET's selectors from 0x10, SYSCALL's from 8 */
  xor %eax, %eax
  mov $0x00100008, %edx
  wrmsr
  inc %ecx /* LSTAR */
  mov $system_call, %eax
  xor %edx, %edx
  wrmsr
  mov $0xc0000084, %ecx /* SFMASK: IF, DF, TF */
  mov $0x700, %eax
  wrmsr
  mov $0xc0000102, %ecx /* KERNEL_GS_BASE */
  mov $percpu, %eax
  wrmsr

  movq $stack_end, percpu
  movq $tables, percpu + 16
  movq $tables + 0x5000, percpu + 24
  mov $1, %eax
  cpuid
  bt $17, %ecx
  jnc 1f
  mov %cr4, %rax
  or $0x20000, %rax
  mov %rax, %cr4
  mov $1 << 63, %rax
  or %rax, percpu + 16
  or $USER_PCID, %rax
  or %rax, percpu + 24
1:
#if WORKLOAD == 0
  jmp shut_down
#endif
  mov $COUNT, %ebx
  mov $WINDOW, %edi
  mov $user, %ecx
  mov $2, %r11d /* interrupts stay off: nothing here handles the timer of a PC */
  mov $user_stack_end, %esp
  xor %ebp, %ebp
  sysretq

user:
#if WORKLOAD <= 2
  syscall
#elif WORKLOAD == 3 || WORKLOAD == 5
  mov (%rdi), %rax
  xor $0x1000, %edi
#else
  mov UNMAPPED, %eax
#endif
  dec %ebx
  jnz user
  inc %ebp /* no more: ask for the end */
  syscall

  .balign 64
system_call:
  swapgs
  mov %rsp, %gs:8
#if WORKLOAD == 2
  mov %gs:16, %rsp
  mov %rsp, %cr3
#endif
  mov %gs:0, %rsp
  push %rcx
  push %r11
  test %ebp, %ebp
  jnz shut_down
  incl %gs:32
  pop %r11
  pop %rcx
#if WORKLOAD == 2
  mov %gs:24, %rsp
  mov %rsp, %cr3
#endif
  mov %gs:8, %rsp
  swapgs
  sysretq

  .balign 64
page_fault:
#if WORKLOAD >= 5
  .irp register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
  push %\register
  .endr
#elif WORKLOAD == 3
  push %rax
  push %rcx
#endif
#if WORKLOAD == 3 || WORKLOAD == 5
  mov %cr2, %rax
  mov %eax, %ecx
  shr $9, %ecx
  and $8, %ecx /* the page's entry of the two */
  movq $0x200007, window(%rcx)
  xor $8, %ecx
  movq $0, window(%rcx)
  xor $0x1000, %eax
  invlpg (%rax)
#elif WORKLOAD == 4
  addq $7, 8(%rsp)
#else
  addq $7, 15 * 8 + 8(%rsp)
#endif
#if WORKLOAD >= 5
  .irp register, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
  pop %\register
  .endr
#elif WORKLOAD == 3
  pop %rcx
  pop %rax
#endif
  add $8, %rsp
  iretq

shut_down:
  mov $1, %eax
  mov $0xf4, %edx
  out %eax, %dx
  hlt
#if WORKLOAD >= 5
  .skip 0x200
stack_end:
#endif

  .data
  .balign 16
gdt:
  .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff
tss_descriptor:
  .quad 0x0000890000000067, 0
gdt_pointer:
  .word . - gdt - 1
  .long gdt
idt_pointer:
  .word idt_end - idt - 1
  .quad idt

  .bss
  .balign 4096
tables:
  .skip 0x4000
window:
  .skip 0x1000
user_tables:
  .skip 0x1000
idt:
  .skip 0x1000
idt_end:
percpu:
  .skip 0x1000
tss:
  .skip 0x1000
  .skip 0x1000
#if WORKLOAD < 5
stack_end:
#endif
  .skip 0x1000
user_stack_end:
