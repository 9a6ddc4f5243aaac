/* NMI blocking: from the delivery of an NMI until the next IRET, whichever it is (SDM Vol. 3A, 6.7.1). */
#include "probe.h"
#include "groups.h"

volatile char nmi_trace[32];
volatile u64 nmi_at, nmi_depth, nmi_with_iret;

#define TRACE(c) "movq nmi_at, %rdx\n movb $'" c "', nmi_trace(%rdx)\n incq nmi_at\n"
/* Through the local APIC's ICR, to itself by its ID. The read gives the NMI time to come. */
#define SEND "movl $0xfee00000, %ebx\n movl 0x20(%rbx), %eax\n movl %eax, 0x310(%rbx)\n movl $0x4400, 0x300(%rbx)\n nop\n nop\n nop\n"

__asm__(".text\n.globl nmi_handler\nnmi_handler:\n"
  TRACE("(")
  "cmpq $0, nmi_depth\n jne 1f\n incq nmi_depth\n"
  SEND
  TRACE("s")
  "cmpq $0, nmi_with_iret\n je 1f\n int $0x22\n"
  "1:" TRACE(")") "iretq\n"
  ".globl nmi_inner\nnmi_inner:\n" TRACE("i") "iretq\n");
extern const char nmi_handler[], nmi_inner[];

PROBE(send_nmi, SEND);

void test_nmi(void)
{
  for (int with_iret = 0; with_iret < 2; with_iret++) {
      for (unsigned n = 0; n < sizeof nmi_trace; n++) nmi_trace[n] = 0;
      nmi_at = nmi_depth = 0;
      nmi_with_iret = with_iret;
      set_gate(2, (u64)nmi_handler, CODE0, 0, 0x8e);
      set_gate(0x22, (u64)nmi_inner, CODE0, 0, 0xee);
      struct context c = start_at(send_nmi, 0);
      *(volatile u32 *)0xfee000f0UL = 0x1ff;
      run(&c);
      report("NMI to itself", &c);
      print("with IRET inside: %d, trace %s\n", with_iret, nmi_trace);
    }
  reset_tables();
}
