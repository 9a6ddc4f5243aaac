/* Non-canonical addresses: #SS for accesses by the stack, #GP for others (SDM Vol. 1, 3.3.7.1; Vol. 3A, 6.15). */
#include "probe.h"
#include "groups.h"

PROBE(load, "movq (%rdi), %rax");
PROBE(load_byte, "movb (%rdi), %al");
PROBE(store, "movq %rax, (%rdi)");
PROBE(load_by_rbp, "movq %rdi, %rbp\n movq (%rbp), %rax");
PROBE(load_by_rbp_ds, "movq %rdi, %rbp\n .byte 0x3e\n movq (%rbp), %rax");
PROBE(load_by_rsp, "movq %rdi, %rsp\n movq (%rsp), %rax");
PROBE(load_ss_prefix, ".byte 0x36\n movq (%rdi), %rax");
PROBE(push_, "movq %rdi, %rsp\n pushq %rax");
PROBE(pop_, "movq %rdi, %rsp\n popq %rax");
PROBE(pop_memory, "popq (%rdi)");
PROBE(push_memory, "pushq (%rdi)");
PROBE(call_, "movq %rdi, %rsp\n call 1f\n1:");
PROBE(call_target, "call *%rdi");
PROBE(jump_target, "jmp *%rdi");
PROBE(ret_stack, "movq %rdi, %rsp\n ret");
PROBE(ret_target, "pushq %rdi\n ret");
PROBE(enter_, "movq %rdi, %rsp\n enter $16, $0");
PROBE(leave_, "movq %rdi, %rbp\n leave");
PROBE(pushf_, "movq %rdi, %rsp\n pushfq");
PROBE(movs_to, "movq $0x1000, %rsi\n movsb");
PROBE(movs_from, "movq %rdi, %rsi\n movq $0x1000, %rdi\n movsq");
PROBE(movs_from_ss, "movq %rdi, %rsi\n movq $0x1000, %rdi\n .byte 0x36\n movsq");
PROBE(stos_, "stosq");
PROBE(lods_, "movq %rdi, %rsi\n lodsq");
PROBE(invlpg_, "invlpg (%rdi)");
PROBE(lgdt_, "lgdt (%rdi)");
PROBE(iret_stack, "movq %rdi, %rsp\n iretq");
PROBE(lretq_stack, "movq %rdi, %rsp\n lretq");
PROBE(xchg_, "xchgq %rax, (%rdi)");
PROBE(bt_far, "movq %rax, %rcx\n movq $0x1000, %rdi\n btq %rcx, (%rdi)");
PROBE(cmpxchg16b_, "cmpxchg16b (%rdi)");

static const struct { const char *name, *code; int kernel; } probes[] = {
  { "load", load }, { "load byte", load_byte }, { "store", store }, { "load by rbp", load_by_rbp }, { "load by rbp, ds prefix", load_by_rbp_ds },
  { "load by rsp", load_by_rsp }, { "load, ss prefix", load_ss_prefix }, { "push", push_ }, { "pop", pop_ }, { "pop to memory", pop_memory },
  { "push from memory", push_memory }, { "call", call_ }, { "call target", call_target }, { "jmp target", jump_target }, { "ret stack", ret_stack },
  { "ret target", ret_target }, { "enter", enter_ }, { "leave", leave_ }, { "pushf", pushf_ }, { "movs to", movs_to }, { "movs from", movs_from },
  { "movs from, ss prefix", movs_from_ss }, { "stos", stos_ }, { "lods", lods_ }, { "invlpg", invlpg_, 1 }, { "lgdt", lgdt_, 1 }, { "iretq stack", iret_stack },
  { "lretq stack", lretq_stack }, { "xchg", xchg_ }, { "cmpxchg16b", cmpxchg16b_ },
};

static const u64 addresses[] = {
  0x800000000000, 0x8000000000000000, 0xffff7fffffffffff, 0x7fffffffffff, 0x7ffffffffff8, 0x7ffffffffffc, 0x800000000007, 0xfffffffffffffffc,
  0x0001000000000000, 0xffff800000000000, 0xffff7ffffffffffc, 0xffff800000000004,
};

void test_canonical(void)
{
  for (unsigned n = 0; n < sizeof probes / sizeof *probes; n++)
    for (unsigned a = 0; a < sizeof addresses / sizeof *addresses; a++)
      for (int cpl = 0; cpl <= 3; cpl += 3) {
        if (probes[n].kernel && cpl == 3 && a) continue;
        print("%x ", addresses[a]);
        probe(probes[n].name, probes[n].code, cpl, 0, addresses[a]);
      }
  /* A bit offset reaches as far as a pointer. */
  for (int cpl = 0; cpl <= 3; cpl += 3) {
    probe("bt beyond the canonical addresses", bt_far, cpl, 1UL << 62, 0);
    probe("bt before address 0", bt_far, cpl, 1UL << 63, 0);
  }
}
