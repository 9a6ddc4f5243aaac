# Boot sector for the Bochs oracle: brings the processor to the state of a PVH entry (32-bit protected mode, flat segments,
# paging off, interrupts off) with a payload in memory. Sector 1 says what to load:
#   0: entry address  4: EBX at the entry  8: records of {physical address, sectors}, ended by a record with 0 sectors
# The records' data follow from sector 2 on. Works by programmed I/O on the first ATA disk, so that no mode switch
# is needed for memory above 1 MiB.
	.code16
	.globl start
start:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	# Gate A20.
	inb $0x92, %al
	orb $2, %al
	andb $0xfe, %al
	outb %al, $0x92
	lgdtl gdt_pointer
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $8, $protected
	.code32
protected:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movl $0x7c00, %esp
	# No interrupts from the disk.
	movw $0x3f6, %dx
	movb $2, %al
	outb %al, %dx
	movl $1, %ebp
	movl $0x7e00, %edi
	call read_sector
	movl $0x7e08, %esi
1:	movl (%esi), %edi
	movl 4(%esi), %ecx
	jecxz 3f
2:	call read_sector
	loop 2b
	addl $8, %esi
	jmp 1b
3:	movl 0x7e00, %eax
	movl 0x7e04, %ebx
	jmp *%eax

# Reads sector EBP to EDI, and moves both on.
read_sector:
	pushl %ecx
	movw $0x1f7, %dx
4:	inb %dx, %al
	testb $0x80, %al
	jnz 4b
	movw $0x1f2, %dx
	movb $1, %al
	outb %al, %dx
	movl %ebp, %eax
	incw %dx
	outb %al, %dx
	shrl $8, %eax
	incw %dx
	outb %al, %dx
	shrl $8, %eax
	incw %dx
	outb %al, %dx
	incw %dx
	movb $0xe0, %al
	outb %al, %dx
	incw %dx
	movb $0x20, %al
	outb %al, %dx
5:	inb %dx, %al
	testb $0x80, %al
	jnz 5b
	testb $0x08, %al
	jz 5b
	movw $0x1f0, %dx
	movl $256, %ecx
	rep insw
	incl %ebp
	popl %ecx
	ret

	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
gdt_pointer:
	.word . - gdt - 1
	.long gdt
	.org 510
	.word 0xaa55

	.section .note.GNU-stack, "", @progbits
