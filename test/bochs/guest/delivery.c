/* Delivery through the IDT: gates, stacks, error codes, double faults, the trap flag (SDM Vol. 3A, 6.10 to 6.15). */
#include "probe.h"
#include "groups.h"

PROBE(int_20, "int $0x20");
PROBE(int_ff, "int $0xff");
PROBE(int_82, "int $0x82");
PROBE(int_6, "int $6");
PROBE(int_13, "int $13");
PROBE(raise_de, "xorl %ecx, %ecx\n divl %ecx");
PROBE(raise_ud, "ud2");
PROBE(raise_gp, "movl $0xffff, %eax\n movl %eax, %es");
PROBE(raise_pf, "movb $1, 0x3fffff");
PROBE(raise_np, "movl $0x58, %eax\n movl %eax, %es");
PROBE(raise_ss, "movq $0x80000000, %rbp\n shlq $20, %rbp\n movb (%rbp), %al");
PROBE(raise_bp, "int3");
PROBE(raise_db, ".byte 0xf1");
PROBE(raise_int, "int $0x20");

static u64 handler(int vector) { return (u64)vectors + 16 * vector; }

static void software(const char *code, const char *name, int cpl)
{
  struct context c = start_at(code, cpl);
  run(&c);
  print("cpl %d ", cpl);
  report_frame(name, &c);
}

static void gates(void)
{
  static const u16 selectors[] = { 0, 1, 0x08, 0x0b, 0x10, 0x18, 0x20, 0x30, 0x33, 0x38, 0x48, 0x58, 0x60, 0x68, 0x70, 0x98, 0x0c };
  gdt[0x58 / 8] = 0x00af9e000000ffff;
  gdt[0x60 / 8] = 0x00af1b000000ffff;
  gdt[0x68 / 8] = 0x00ef9b000000ffff;
  gdt[0x70 / 8] = 0x00afbb000000ffff;
  for (int type = 0; type < 32; type++)
    for (int dpl = 0; dpl < 4; dpl++)
      for (int cpl = 0; cpl <= 3; cpl += 3) {
        set_gate(0x20, handler(0x20), CODE0, 1, 0x80 | dpl << 5 | type);
        print("type %x dpl %d ", (u64)type, dpl);
        software(int_20, "int", cpl);
        set_gate(0x20, handler(0x20), CODE0, 1, dpl << 5 | type);
        print("absent type %x dpl %d ", (u64)type, dpl);
        software(int_20, "int", cpl);
      }
  for (unsigned n = 0; n < sizeof selectors / sizeof *selectors; n++)
    for (int cpl = 0; cpl <= 3; cpl += 3)
      for (int trap = 0; trap < 2; trap++) {
        set_gate(0x20, handler(0x20), selectors[n], 1, 0xee | trap);
        print("gate to %x ", selectors[n]);
        software(int_20, trap ? "trap gate" : "interrupt gate", cpl);
        set_gate(6, handler(6), selectors[n], 1, 0x8e | trap);
        print("gate to %x ", selectors[n]);
        software(raise_ud, "ud2", cpl);
        print("gate to %x ", selectors[n]);
        software(int_6, "int 6", cpl);
      }
  reset_tables();
  static const u64 targets[] = { 0x800000000000, 0xffff800000000000, 0x10000000000, 1UL << 63 };
  for (unsigned n = 0; n < 4; n++)
    for (int cpl = 0; cpl <= 3; cpl += 3) {
      set_gate(0x20, targets[n], CODE0, 1, 0xee);
      set_gate(6, targets[n], CODE0, 1, 0xee);
      print("handler at %x ", targets[n]);
      software(int_20, "int", cpl);
      print("handler at %x ", targets[n]);
      software(raise_ud, "ud2", cpl);
    }
  reset_tables();
}

/* Which stack, how it is aligned, and what a bad one raises. */
static void stacks(void)
{
  static const u64 pointers[] = { RSP0_STACK, RSP0_STACK + 1, RSP0_STACK + 15, RSP0_STACK - 8, 0x800000000000, 0xffff800000000000, 0x7fffffffffff, 0x10000000000, 1UL << 63, 0 };
  for (int cpl = 0; cpl <= 3; cpl += 3)
    for (int ist = 0; ist < 8; ist++) {
      set_gate(0x20, handler(0x20), CODE0, ist, 0xee);
      set_gate(13, handler(13), CODE0, ist, 0xee);
      print("ist %d ", ist);
      software(int_20, "int", cpl);
      print("ist %d ", ist);
      software(raise_gp, "#GP", cpl);
      print("ist %d ", ist);
      software(int_13, "int 13", cpl);
    }
  for (unsigned n = 0; n < sizeof pointers / sizeof *pointers; n++)
    for (int ist = 0; ist <= 7; ist += 7)
      for (int cpl = 0; cpl <= 3; cpl += 3) {
        *(u64 *)(tss + 4) = pointers[n];
        *(u64 *)(tss + 0x54) = pointers[n];
        set_gate(0x20, handler(0x20), CODE0, ist, 0xee);
        set_gate(6, handler(6), CODE0, ist, 0xee);
        print("stack %x ist %d ", pointers[n], ist);
        software(int_20, "int", cpl);
        print("stack %x ist %d ", pointers[n], ist);
        software(raise_ud, "ud2", cpl);
        /* The current stack, for a gate without IST from CPL 0. */
        struct context c = start_at(raise_ud, cpl);
        c.rsp = pointers[n];
        run(&c);
        print("current stack %x ist %d cpl %d ", pointers[n], ist, cpl);
        report_frame("ud2", &c);
      }
  reset_tables();
  /* A TSS that ends before the stack pointer that is wanted. */
  for (u32 limit = 0x67; limit >= 0x2b; limit -= 4)
    for (int cpl = 0; cpl <= 3; cpl += 3) {
      load_task(limit);
      set_gate(0x20, handler(0x20), CODE0, 4, 0xee);
      set_gate(6, handler(6), CODE0, 4, 0xee);
      print("TSS limit %x ", (u64)limit);
      software(int_20, "int, IST 4", cpl);
      print("TSS limit %x ", (u64)limit);
      software(raise_ud, "ud2, IST 4", cpl);
    }
  reset_tables();
  /* An IDT that ends before the vector; INT DONE must stay reachable. */
  for (int cpl = 0; cpl <= 3; cpl += 3) {
    struct pointer pointer = { 16 * 0x82 - 1, (u64)idt };
    __asm__ volatile("lidt %0" :: "m"(pointer));
    software(int_ff, "int beyond the IDT", cpl);
    software(int_82, "int just beyond the IDT", cpl);
  }
  reset_tables();
}

static const struct { const char *name, *code; int vector; } raisers[] = {
  { "#DE", raise_de, 0 }, { "#DB", raise_db, 1 }, { "#BP", raise_bp, 3 }, { "#UD", raise_ud, 6 }, { "#NP", raise_np, 11 }, { "#SS", raise_ss, 12 },
  { "#GP", raise_gp, 13 }, { "#PF", raise_pf, 14 }, { "int", raise_int, 0x20 },
};
static const char *const obstacles[] = { "gate absent", "gate of no type", "handler absent", "handler's stack absent", "handler's stack non-canonical", "TSS too short", "gate on an absent page" };

static void obstruct(int vector, int obstacle)
{
  switch (obstacle) {
    case 0: set_gate(vector, handler(vector), CODE0, 1, 0x6e); break;
    case 1: set_gate(vector, handler(vector), CODE0, 1, 0xe2); break;
    case 2: gdt[0x60 / 8] = 0x00af1b000000ffff; set_gate(vector, handler(vector), 0x60, 1, 0xee); break;
    case 3: set_gate(vector, handler(vector), CODE0, 7, 0xee); *(u64 *)(tss + 0x54) = 0x10000000000; break;
    case 4: set_gate(vector, handler(vector), CODE0, 7, 0xee); *(u64 *)(tss + 0x54) = 1UL << 63; break;
    case 5: set_gate(vector, handler(vector), CODE0, 7, 0xee); load_task(0x57); break;
    default: {
      /* Vectors 0 to 8 at the end of a page that is there, the others on one that is not. */
      u64 bits[5] = { 0, P | W, P | W, P | W, P | W };
      map_test_page(bits);
      TABLE(1)[2] = 0;
      flush();
      struct gate *table = (struct gate *)(TEST_LINEAR + 0x1000) - 9;
      for (int n = 0; n < 9; n++) table[n] = idt[n];
      struct pointer pointer = { sizeof idt - 1, (u64)table };
      __asm__ volatile("lidt %0" :: "m"(pointer));
    }
  }
}

void test_double_faults(void)
{
  for (unsigned n = 0; n < sizeof raisers / sizeof *raisers; n++)
    for (int obstacle = 0; obstacle < 7; obstacle++) {
      if (obstacle == 6 && raisers[n].vector < 9) continue;
      for (int cpl = 0; cpl <= 3; cpl += 3) {
        reset_tables();
        gdt[0x58 / 8] = 0x00cf72000000ffff;
        obstruct(raisers[n].vector, obstacle);
        struct context c = start_at(raisers[n].code, cpl);
        run(&c);
        print("%s, %s, cpl %d", raisers[n].name, obstacles[obstacle], cpl);
        report_frame("", &c);
        /* The same where the second exception's own handler fails as well. */
        if (raisers[n].vector == 8) continue;
        reset_tables();
        gdt[0x58 / 8] = 0x00cf72000000ffff;
        for (int vector = 10; vector <= 14; vector++) set_gate(vector, handler(vector), CODE0, 1, 0x6e);
        obstruct(raisers[n].vector, obstacle);
        c = start_at(raisers[n].code, cpl);
        run(&c);
        print("%s, %s and no handlers 10 to 14, cpl %d", raisers[n].name, obstacles[obstacle], cpl);
        report_frame("", &c);
      }
    }
  reset_tables();
}

PROBE(step_nop, "nop");
PROBE(step_mov_ss, "movl %ss, %eax\n movl %eax, %ss\n nop");
PROBE(step_popf, "pushq $2\n popfq\n nop");
PROBE(step_int, "int $0x20");
PROBE(step_rep, "movq %rsp, %rdi\n subq $64, %rdi\n movl $3, %ecx\n rep stosb");
PROBE(step_rep_only, "rep stosb");
PROBE(set_tf, "pushq $0x102\n popfq\n nop\n nop");
PROBE(step_fault, "ud2");
PROBE(step_syscall, "syscall");
PROBE(step_entry, "nop\n nop");
PROBE(step_sti, "sti\n nop");
PROBE(step_cli, "cli\n nop");

/* The trap flag: #DB after the instruction. */
static void trap_flag(void)
{
  static const struct { const char *name, *code; } probes[] = {
    { "nop", step_nop }, { "mov to ss", step_mov_ss }, { "popf", step_popf }, { "int", step_int }, { "rep", step_rep }, { "rep alone", step_rep_only },
    { "popf sets TF", set_tf }, { "ud2", step_fault }, { "syscall", step_syscall },
  };
  wrmsr(0xc0000081, 0x0020000800000000);
  wrmsr(0xc0000082, (u64)step_entry);
  for (unsigned n = 0; n < sizeof probes / sizeof *probes; n++)
    for (int cpl = 0; cpl <= 3; cpl += 3)
      for (int mask = 0; mask < 2; mask++) {
        wrmsr(0xc0000084, mask ? 0x100 : 0);
        struct context c = start_at(probes[n].code, cpl);
        c.gpr[RDI] = c.rsp - 64;
        c.gpr[RCX] = 3;
        if (probes[n].code != set_tf) c.rflags |= 0x100;
        __asm__ volatile("mov %0, %%dr6" :: "r"(0xffff0ff0UL));
        run(&c);
        u64 dr6;
        __asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
        print("TF, cpl %d mask %d dr6=%x rcx=%x ", cpl, mask, dr6, outcome.gpr[RCX]);
        report_frame(probes[n].name, &c);
      }
  wrmsr(0xc0000084, 0);
}

void test_delivery(void)
{
  gates();
  stacks();
  trap_flag();
}
