# Entry, exceptions and the accesses of the random system programs (system.c): a 64-bit PVH kernel on one processor.
  .section .note.Xen, "a", @note
  .balign 4
  .long 4, 4, 18
  .asciz "Xen"
  .long start32

  .text
  .code32
  .globl start32
start32:
  movl $stack_top, %esp
  movl %ebx, %esi
  movl $tables, %edi
  leal 0x1007(%edi), %eax
  movl %eax, (%edi)
  leal 0x2007(%edi), %eax
  movl %eax, 0x1000(%edi)
  movl $0x83, %eax
  xorl %ecx, %ecx
1: movl %eax, 0x2000(%edi, %ecx, 8)
  addl $0x200000, %eax
  incl %ecx
  cmpl $512, %ecx
  jb 1b
  movl %edi, %cr3
  movl $0x6a0, %eax
  movl %eax, %cr4
  movl $0xc0000080, %ecx
  rdmsr
  orl $0x901, %eax
  wrmsr
  movl $0x80000013, %eax
  movl %eax, %cr0
  lgdt gdtr
  ljmp $8, $start64
  .code64
start64:
  movl $16, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  movl %esi, %edi
  call main
1: hlt
  jmp 1b

# probe(access, address, user): makes the access and comes back by `int $0x80` or by what it raises.
  .globl probe
probe:
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, saved_rsp
  movq accesses(, %rdi, 8), %rax
  movq %rsi, %rdi
  testl %edx, %edx
  jnz 1f
  pushq extra_flags
  popfq
  jmp *%rax
1: subq $accesses_begin, %rax
  addq $0x41000000, %rax
  pushq $0x23
  pushq $0x41001ff0
  pushq extra_flags
  pushq $0x2b
  pushq %rax
  iretq

  .balign 4096
  .globl accesses_begin
accesses_begin:
read:
  movq (%rdi), %rax
  int $0x80
write:
  movabsq $0xc3c3c3c3c3c3c3c3, %rax # pages hold RETs only, wherever one is entered
  movq %rax, (%rdi)
  int $0x80
update:
  lock addq $0, (%rdi)
  int $0x80
execute:
  call *%rdi
  int $0x80
both:
  movq %rdi, %rsi
  movl $2, %ecx
  rep movsb
  movq %rdi, %rax
  int $0x80
push:
  movabsq $0xc3c3c3c3c3c3c3c3, %rax
  movq %rsp, %rbx
  movq %rdi, %rsp
  pushq %rax
  movq %rbx, %rsp
  int $0x80
lar:
  xorl %eax, %eax
  larl %edi, %eax
  jmp zero
lsl:
  xorl %eax, %eax
  lsll %edi, %eax
  jmp zero
verr:
  xorl %eax, %eax
  verr %di
  jmp zero
verw:
  xorl %eax, %eax
  verw %di
zero:
  setz %bl
  movzbl %bl, %ebx
  shlq $32, %rbx
  orq %rbx, %rax
  int $0x80
load_ds:
  movl %edi, %ds
  movl %ds, %eax
  int $0x80
load_gs:
  movl %edi, %gs
  movl %gs, %eax
  int $0x80
load_ss:
  movl %edi, %ss
  movl %ss, %eax
  int $0x80
interrupt:
  int $0x40
flags:
  pushq %rdi
  popfq
  pushfq
  popq %rax
  int $0x80
  .globl accesses_end
accesses_end:

  .data
  .balign 8
accesses:
  .quad read, write, update, execute, both, push, lar, lsl, verr, verw, load_ds, load_gs, load_ss, interrupt, flags
  .text

# One entry for each vector, 16 bytes each.
  .balign 16
  .globl vectors
vectors:
  .set n, 0
  .rept 256
  .balign 16
  .if n != 8 && n != 10 && n != 11 && n != 12 && n != 13 && n != 14 && n != 17
  pushq $0
  .endif
  pushq $n
  jmp common
  .set n, n + 1
  .endr
common:
  movq %rax, seen_result
  popq seen_vector
  popq seen_error
  popq seen_rip
  movq 8(%rsp), %rax
  movq %rax, seen_flags
  movq (%rsp), %rax
  movq %rax, seen_cs
  movq %cr2, %rax
  movq %rax, seen_cr2
  movq saved_rsp, %rsp
  pushq $2
  popfq
  movl $16, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %eax, %eax
  movl %eax, %gs
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  ret

  .data
  .balign 16
  .globl gdt, seen_result, seen_vector, seen_error, seen_rip, seen_cr2, seen_flags, seen_cs, extra_flags
gdt:
  .quad 0
  .quad 0x00af9b000000ffff
  .quad 0x00cf93000000ffff
  .quad 0
  .quad 0x00cff3000000ffff
  .quad 0x00affb000000ffff
  .quad 0, 0
  .skip 64
gdtr:
  .word 127
  .quad gdt
seen_result: .quad 0
seen_vector: .quad 0
seen_error: .quad 0
seen_rip: .quad 0
seen_cr2: .quad 0
seen_flags: .quad 0
seen_cs: .quad 0
saved_rsp: .quad 0
extra_flags: .quad 2
  .bss
  .balign 4096
  .globl tables, test_table, frames
tables:
  .skip 0x3000
  .skip 0x3000
test_table:
  .skip 0x1000
frames:
  .skip 0x4000
  .skip 8192
stack_top:
  .section .note.GNU-stack, "", @progbits
