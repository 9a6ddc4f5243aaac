# Test guest of 32-bit protected mode: vectors, and the way into a probe and back. Entered as a PVH kernel is, without paging.
	.code32
	.section .text.start, "ax"
	.globl start
start:
	cld
	movl $__bss_start, %edi
	movl $_end, %ecx
	subl %edi, %ecx
	xorl %eax, %eax
	rep stosb
	lgdt gdt_pointer
	ljmp $0x08, $1f
1:	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movl $0x1f0000, %esp
	movl $0x28, %eax
	ltr %ax
	call guest_main
2:	hlt
	jmp 2b

	.data
	.balign 8
	.globl gdt
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	# 08 code, DPL 0
	.quad 0x00cf93000000ffff	# 10 data, DPL 0
	.quad 0x00cffb000000ffff	# 18 code, DPL 3
	.quad 0x00cff3000000ffff	# 20 data, DPL 3
	.quad 0x0000890300000067	# 28 TSS at 0x30000
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt

	.text
	.balign 16
	.globl vectors
vectors:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector != 8 && vector != 10 && vector != 11 && vector != 12 && vector != 13 && vector != 14 && vector != 17
	pushl $-1
	.endif
	pushl $vector
	jmp record
	.set vector, vector + 1
	.endr

# Notes vector, error code, CR2, EIP and CS, and returns from `enter`.
record:
	cli
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	popl outcome + 0
	popl outcome + 4
	movl %cr2, %eax
	movl %eax, outcome + 8
	popl outcome + 12
	popl outcome + 16
	movl kernel_stack, %esp
	popl %edi
	popl %esi
	popl %ebx
	popl %ebp
	ret

# void enter(u32 eip, u32 cs, u32 eflags, u32 esp, u32 ss, u32 edi): by IRET, with EDI given and EAX 0.
	.globl enter
enter:
	movl %esp, %edx
	pushl %ebp
	pushl %ebx
	pushl %esi
	pushl %edi
	movl %esp, kernel_stack
	testl $3, 8(%edx)
	jz 1f
	pushl 20(%edx)
	pushl 16(%edx)
1:	pushl 12(%edx)
	pushl 8(%edx)
	pushl 4(%edx)
	movl 24(%edx), %edi
	xorl %eax, %eax
	testl $3, 8(%edx)
	jz 2f
	movl 20(%edx), %ecx
	movl %ecx, %ds
	movl %ecx, %es
2:	iretl

	.bss
	.balign 4
kernel_stack:
	.skip 4
	.section .note.GNU-stack, "", @progbits
