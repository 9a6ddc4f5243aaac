/* The C side of entry code: every handler that a trampoline calls, and what kernel code needs to know of them. */
#ifndef ENTRY_HANDLERS_H
#define ENTRY_HANDLERS_H

#include "entry/registers.h"

/* Called from assembly. */
struct registers *sync_registers(struct registers *from);
struct registers *fixup_bad_iret(struct registers *bad);
void prepare_user_mode(struct registers *regs);
void prepare_kernel_mode(struct registers *regs);
void do_syscall(struct registers *regs);
void do_syscall32(struct registers *regs);
void do_page_fault(struct registers *regs, u64 error);
void do_debug(struct registers *regs, u64 error);
void do_breakpoint(struct registers *regs, u64 error);
void do_machine_check(struct registers *regs, u64 error);
void do_double_fault(struct registers *regs, u64 error);
void do_nmi(struct registers *regs);
void do_timer_interrupt(struct registers *regs);
void do_ipi_tlb_interrupt(struct registers *regs);
void do_ipi_call_interrupt(struct registers *regs);
void do_ipi_resched_interrupt(struct registers *regs);
void do_spurious(struct registers *regs);

/* The work of the interrupts, after the local APIC has been told. */
void do_ipi_tlb(struct registers *regs);
void do_ipi_call(struct registers *regs);
void do_ipi_resched(struct registers *regs);

/* The current process has done something that cannot be: it gets a signal, or dies, and the console says of what. */
enum { NO_ERROR_CODE = -1 };
void punish(const struct registers *regs, u64 error, u32 signal, const char *what);
void punish_page_fault(const struct registers *regs, u64 error, u64 address);

#endif
