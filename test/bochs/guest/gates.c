/* Call gates of long mode: SDM Vol. 3A, 5.8.3 to 5.8.5; Vol. 2A, CALL and JMP. */
#include "probe.h"
#include "groups.h"

PROBE(g_call, "lcall *(%rbx)");
PROBE(g_callq, "rex.w lcall *(%rbx)");
PROBE(g_jmp, "ljmp *(%rbx)");
PROBE32(g_call32, "lcall *(%ebx)");
PROBE32(g_callp, ".byte 0x9a, 0, 0, 0, 0, 0x5b, 0");
PROBE32(g_jmp32, "ljmp *(%ebx)");
PROBE(g_target, "");
PROBE(g_return, "movl %ss, %ecx\n lretq");

static const struct { const char *name, *code; int bits; } ways[] = {
  { "call", g_call, 64 }, { "callq", g_callq, 64 }, { "jmp", g_jmp, 64 }, { "call32", g_call32, 32 }, { "callp", g_callp, 32 }, { "jmp32", g_jmp32, 32 },
};
/* In a page that both privilege levels have. */
static u16 pointer[8] __attribute__((aligned(16)));

enum { GATE = SLOT, CODE1 = SLOT + 0x10, CONFORMING = SLOT + 0x18, OTHER = SLOT + 0x20 };

static void set_gate_at(u64 offset, u16 selector, int type, u64 upper)
{
  gdt[GATE / 8] = (offset & 0xffff) | (u64)selector << 16 | (u64)type << 40 | (offset >> 16 & 0xffff) << 48;
  gdt[GATE / 8 + 1] = offset >> 32 | upper;
}

static void try_gate(unsigned way, int cpl, u16 selector, u64 stack)
{
  struct context c = ways[way].bits == 64 ? start_at(ways[way].code, cpl) : start_at32(ways[way].code, cpl);
  pointer[0] = 0x1111;
  pointer[1] = 0x2222;
  pointer[2] = pointer[4] = selector;
  pointer[3] = 0;
  c.gpr[RBX] = cpl ? USER(pointer) : (u64)pointer;
  if (stack) c.rsp = stack;
  run(&c);
  print("%s cpl %d ", ways[way].name, cpl);
  report_frame("gate", &c);
  /* What was pushed. */
  for (int n = 0; n < 4; n++) if (outcome.vector == DONE && outcome.rsp < 0x80000000) print("  %x", ((u64 *)outcome.rsp)[n]);
  print("\n");
}

void test_gates(void)
{
  gdt[CODE1 / 8] = 0x00afbb000000ffff;
  gdt[CONFORMING / 8] = 0x00af9f000000ffff;
  static const u16 selectors[] = { 0, 3, CODE0, CODE0 | 3, DATA0, CODE32_0, CODE3, CODE1, CONFORMING, CONFORMING | 3, OTHER, 0x200, TSS };
  gdt[OTHER / 8] = 0x00af1b000000ffff;
  /* Selectors of code, types and DPL of the gate, from each level. */
  for (unsigned way = 0; way < sizeof ways / sizeof *ways; way++)
    for (int cpl = 0; cpl <= 3; cpl += 3)
      for (unsigned s = 0; s < sizeof selectors / sizeof *selectors; s++) {
        u64 target = selectors[s] == (CONFORMING | 3) || selectors[s] == CONFORMING ? (cpl ? USER(g_target) : (u64)g_target) : (u64)g_target;
        set_gate_at(target, selectors[s], 0xec, 0);
        print("code %x ", (u64)selectors[s]);
        try_gate(way, cpl, GATE | cpl, 0);
      }
  for (unsigned way = 0; way < sizeof ways / sizeof *ways; way++)
    for (int cpl = 0; cpl <= 3; cpl += 3)
      for (int type = 0; type < 256; type += type % 16 == 12 ? 4 : 1) {
        if (type & 0x10 || (type & 0x60) == 0x20) continue;
        set_gate_at(cpl ? USER(g_target) : (u64)g_target, CONFORMING, type, 0);
        print("type %x ", (u64)type);
        try_gate(way, cpl, GATE | cpl, 0);
      }
  /* RPL above DPL, the second half's type, offsets, the end of the table. */
  for (int cpl = 0; cpl <= 3; cpl += 3) {
    for (int rpl = 0; rpl < 4; rpl++)
      for (int dpl = 0; dpl < 4; dpl++) {
        set_gate_at((u64)g_target, CODE0, 0x8c | dpl << 5, 0);
        print("rpl %d dpl %d ", rpl, dpl);
        try_gate(0, cpl, GATE | rpl, 0);
      }
    for (int bit = 32; bit < 64; bit++) {
      set_gate_at((u64)g_target, CODE0, 0xec, 1UL << bit);
      print("upper %d ", bit);
      try_gate(0, cpl, GATE, 0);
    }
    static const u64 offsets[] = { 0x800000000000, 0xffff7fffffffffff, 0xffff800000000000, 0x7ffffffff000 };
    for (unsigned o = 0; o < 4; o++)
      for (unsigned way = 0; way < 4; way += 2) {
        set_gate_at(offsets[o], CODE0, 0xec, 0);
        print("offset %x ", offsets[o]);
        try_gate(way, cpl, GATE, 0);
        set_gate_at(offsets[o], CONFORMING, 0xec, 0);
        print("offset %x conforming ", offsets[o]);
        try_gate(way, cpl, GATE, 0);
      }
  }
  gdt[(GDT_END - 8) / 8] = 0x0000ec0000080000;
  try_gate(0, 0, GDT_END - 8, 0);
  try_gate(3, 3, GDT_END - 8, 0);
  /* The stack of the inner level, and of the same one. */
  static const u64 stacks[] = { 0, 0x7ffffff000, 0x800000000000, 0x800000000008, 0x800000000010, 0x800000000020, 0xffff800000000000, 0xffff800000000008, 0xffff800000000020, 8, 0x1dc004 };
  for (unsigned s = 0; s < sizeof stacks / sizeof *stacks; s++) {
    set_gate_at((u64)g_target, CODE0, 0xec, 0);
    *(u64 *)(tss + 4) = stacks[s];
    print("rsp0 %x ", stacks[s]);
    try_gate(0, 3, GATE, 0);
    *(u64 *)(tss + 4) = RSP0_STACK;
    set_gate_at((u64)g_target, CODE0, 0xec, 0);
    print("rsp %x ", stacks[s]);
    try_gate(0, 0, GATE, stacks[s] ? stacks[s] : 1);
  }
  /* There and back. */
  for (unsigned way = 0; way < 5; way++)
    for (int cpl = 0; cpl <= 3; cpl += 3) {
      set_gate_at((u64)g_return, CODE0, 0xec, 0);
      print("and back ");
      try_gate(way, cpl, GATE, 0);
    }
}
