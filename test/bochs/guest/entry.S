# Start of the test guest: from the state of a PVH entry to 64-bit C, the vectors, and the way into a probe and back.
	.code32
	.section .text.start, "ax"
	.globl start
start:
	jmp 1f
	.balign 8
	# Patched by the test before the run: see `parameters` in probe.h.
	.globl parameters
parameters:
	.quad 0, 0
1:	cld
	xorl %eax, %eax
	movl $__bss_start, %edi
	movl $_end, %ecx
	subl %edi, %ecx
	rep stosb
	# Page tables at 0x200000: identity for 64 MiB (supervisor), the same again at 1 GiB (user), the local APIC.
	movl $0x200000, %edi
	movl $0x5000 / 4, %ecx
	rep stosl
	movl $0x201007, 0x200000
	movl $0x202003, 0x201000
	movl $0x203007, 0x201008
	movl $0x204003, 0x201018
	xorl %ecx, %ecx
2:	movl %ecx, %eax
	shll $21, %eax
	orl $0x83, %eax
	movl %eax, 0x202000(, %ecx, 8)
	orl $4, %eax
	movl %eax, 0x203000(, %ecx, 8)
	incl %ecx
	cmpl $32, %ecx
	jb 2b
	movl $0xfee0009b, 0x204000 + 503 * 8
	movl $0x200000, %eax
	movl %eax, %cr3
	movl $0x20, %eax
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	movl $0x901, %eax
	xorl %edx, %edx
	wrmsr
	movl $0x80010031, %eax
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $8, $3f
	.code64
3:	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movl $0x1f0000, %esp
	call guest_main
4:	hlt
	jmp 4b

	.data
	.balign 16
	.globl gdt, gdt_pointer
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	# 08 64-bit code, DPL 0
	.quad 0x00cf93000000ffff	# 10 data, DPL 0
	.quad 0x00cf9b000000ffff	# 18 32-bit code, DPL 0
	.quad 0x00cffb000000ffff	# 20 32-bit code, DPL 3
	.quad 0x00cff3000000ffff	# 28 data, DPL 3
	.quad 0x00affb000000ffff	# 30 64-bit code, DPL 3
	.quad 0, 0			# 38 TSS
	.quad 0, 0			# 48 LDT
	.fill 8, 8, 0			# 58 for the tests
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt

	.text
# A stub for each vector, 16 bytes apart.
	.balign 16
	.globl vectors
vectors:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector != 8 && vector != 10 && vector != 11 && vector != 12 && vector != 13 && vector != 14 && vector != 17
	pushq $-1
	.endif
	pushq $vector
	jmp record
	.set vector, vector + 1
	.endr

# Notes what the processor left, and returns from the `enter` that started the probe.
	.balign 16
record:
	movq %rax, outcome + 0
	movq %ss, %rax
	movq %rax, outcome + 20 * 8
	pushfq
	popq %rax
	movq %rax, outcome + 21 * 8
	movq %rcx, outcome + 1 * 8
	movq %rdx, outcome + 2 * 8
	movq %rbx, outcome + 3 * 8
	movq %rbp, outcome + 5 * 8
	movq %rsi, outcome + 6 * 8
	movq %rdi, outcome + 7 * 8
	movq %r8, outcome + 8 * 8
	movq %r9, outcome + 9 * 8
	movq %r10, outcome + 10 * 8
	movq %r11, outcome + 11 * 8
	movq %r12, outcome + 12 * 8
	movq %r13, outcome + 13 * 8
	movq %r14, outcome + 14 * 8
	movq %r15, outcome + 15 * 8
	popq outcome + 16 * 8
	# The error code, which is part of the frame: where there is none the stub has pushed -1.
	popq %rax
	movq %rax, outcome + 17 * 8
	movq %rsp, %rcx
	cmpq $-1, %rax
	je 1f
	subq $8, %rcx
1:	movq %rcx, outcome + 18 * 8
	movq %cr2, %rax
	movq %rax, outcome + 19 * 8
	popq outcome + 22 * 8
	popq outcome + 23 * 8
	popq outcome + 24 * 8
	popq outcome + 25 * 8
	popq outcome + 26 * 8
	movq %ds, %rax
	movq %rax, outcome + 27 * 8
	movq %es, %rax
	movq %rax, outcome + 28 * 8
	movq %fs, %rax
	movq %rax, outcome + 29 * 8
	movq %gs, %rax
	movq %rax, outcome + 30 * 8
	movl %cs, %eax
	movq %rax, outcome + 31 * 8
	movq kernel_stack, %rsp
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	pushq $2
	popfq
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

# void enter(const struct context *): loads every register from it by IRETQ.
	.globl enter
enter:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, kernel_stack
	pushq 20 * 8(%rdi)
	pushq 19 * 8(%rdi)
	pushq 18 * 8(%rdi)
	pushq 17 * 8(%rdi)
	pushq 16 * 8(%rdi)
	movq 0(%rdi), %rax
	movq 1 * 8(%rdi), %rcx
	movq 2 * 8(%rdi), %rdx
	movq 3 * 8(%rdi), %rbx
	movq 5 * 8(%rdi), %rbp
	movq 6 * 8(%rdi), %rsi
	movq 8 * 8(%rdi), %r8
	movq 9 * 8(%rdi), %r9
	movq 10 * 8(%rdi), %r10
	movq 11 * 8(%rdi), %r11
	movq 12 * 8(%rdi), %r12
	movq 13 * 8(%rdi), %r13
	movq 14 * 8(%rdi), %r14
	movq 15 * 8(%rdi), %r15
	movq 7 * 8(%rdi), %rdi
	iretq

	.bss
	.balign 8
kernel_stack:
	.skip 8

	.section .note.GNU-stack, "", @progbits
