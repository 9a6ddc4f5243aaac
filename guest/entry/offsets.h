/*
 * Offsets of C structures that assembly reads, and the selectors of the GDT. smp/percpu.c, boot/descriptors.c and
 * sched/task.c assert that they hold.
 */
#ifndef ENTRY_OFFSETS_H
#define ENTRY_OFFSETS_H

/* struct percpu; addressed as %gs:OFFSET */
#define PERCPU_SCRATCH_RSP 0x0          /* in the exported page */
#define PERCPU_KAISER_WORD 0x8         /* likewise */
#define PERCPU_CURRENT 0x1000
#define PERCPU_KERNEL_STACK_TOP 0x1008
#define PERCPU_ENTRY_STACK_TOP 0x1010
#define PERCPU_USER_PCID_FLUSH_MASK 0x1018
#define PERCPU_PREEMPT_COUNT 0x1020
#define PERCPU_CPU 0x1024
#define PERCPU_ESPFIX_WRITABLE 0x1030
#define PERCPU_ESPFIX_STACK 0x1038
#define PERCPU_USER_CR3 0x1040

/* struct task */
#define TASK_KERNEL_RSP 0

/* struct registers */
#define REGS_R14 8
#define REGS_R12 24
#define REGS_RBP 32
#define REGS_RBX 40
#define REGS_R11 48
#define REGS_RAX 80
#define REGS_RCX 88
#define REGS_RSI 104
#define REGS_RDI 112
#define REGS_ORIG_RAX 120
#define REGS_RIP 128
#define REGS_CS 136
#define REGS_RFLAGS 144
#define REGS_RSP 152
#define REGS_SS 160
#define REGS_SIZE 168

/*
 * GDT selectors. SYSCALL loads CS = STAR[47:32] and SS = that + 8; SYSRET loads SS = STAR[63:48] + 8 and CS = + 16
 * (SDM Vol. 2, SYSCALL and SYSRET): the order of the user segments follows from that.
 */
#define KERNEL_CS 0x10
#define KERNEL_DS 0x18
#define USER_CS32 0x23
#define USER_DS 0x2b
#define USER_CS 0x33
#define TSS_SELECTOR 0x40
#define LDT_SELECTOR 0x50

/* CR3 (research: KAISER section 1.1) */
#define CR3_SHADOW 0x1000               /* bit 12: the shadow half of an 8 KiB PGD pair */
#define CR3_SHADOW_PCID 0x800           /* bit 11: the PCID of the shadow half */
#define CR3_HALF_MASK 0x1800
#define CR3_PCID_MASK 0xfff
#define CR3_ASID_MASK 0x7ff

#endif
