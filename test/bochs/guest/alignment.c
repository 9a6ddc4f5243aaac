/* Alignment checks: SDM Vol. 3A, 6.15, interrupt 17. */
#include "probe.h"
#include "groups.h"

#define CR0_AM (1UL << 18)
#define AC (1UL << 18)

PROBE(a_r1, "movb (%rbx), %al");
PROBE(a_r2, "movw (%rbx), %ax");
PROBE(a_r4, "movl (%rbx), %eax");
PROBE(a_r8, "movq (%rbx), %rax");
PROBE(a_w4, "movl %eax, (%rbx)");
PROBE(a_add, "addq $1, (%rbx)");
PROBE(a_push, "movq %rbx, %rsp\n push %rax");
PROBE(a_pop, "movq %rbx, %rsp\n pop %rax");
PROBE(a_movs, "movq %rbx, %rsi\n leaq -64(%rbx), %rdi\n rep movsl");
PROBE(a_stosb, "movq %rbx, %rdi\n rep stosb");
PROBE(a_call, "movq %rbx, %rsp\n call 1f\n1: nop");
PROBE(a_popf, "popfq\n movl 1(%rbx), %eax");
PROBE(a_iret, "iretq");
PROBE(a_fs, "movw (%rbx), %fs");
PROBE(a_enter, "movq %rbx, %rsp\n enter $8, $0");
PROBE32(a_r4_32, "movl (%ebx), %eax");
PROBE32(a_push_32, "movl %ebx, %esp\n push %eax");

static const struct { const char *name, *code; int bits; } codes[] = {
  { "r1", a_r1, 64 }, { "r2", a_r2, 64 }, { "r4", a_r4, 64 }, { "r8", a_r8, 64 }, { "w4", a_w4, 64 }, { "add", a_add, 64 }, { "push", a_push, 64 }, { "pop", a_pop, 64 },
  { "movs", a_movs, 64 }, { "stosb", a_stosb, 64 }, { "call", a_call, 64 }, { "popf", a_popf, 64 }, { "fs", a_fs, 64 }, { "enter", a_enter, 64 }, { "r4_32", a_r4_32, 32 },
  { "push_32", a_push_32, 32 },
};
static u8 data[256] __attribute__((aligned(128)));

void test_alignment(void)
{
  u64 cr0 = read_cr0();
  for (int am = 0; am < 2; am++)
    for (int ac = 0; ac < 2; ac++)
      for (int cpl = 0; cpl <= 3; cpl += 3)
        for (unsigned n = 0; n < sizeof codes / sizeof *codes; n++)
          for (int offset = 0; offset < 9; offset++) {
            for (unsigned i = 0; i < sizeof data; i++) data[i] = 0;
            write_cr0(am ? cr0 | CR0_AM : cr0 & ~CR0_AM);
            struct context c = codes[n].bits == 64 ? start_at(codes[n].code, cpl) : start_at32(codes[n].code, cpl);
            if (ac) c.rflags |= AC;
            u64 at = (u64)data + 128 + offset;
            c.gpr[RBX] = cpl ? USER(at) : at;
            c.gpr[RCX] = 3;
            /* POPF with AC or without. */
            if (n == 11) { *(u64 *)(data + 64) = offset & 1 ? AC | 2 : 2; c.rsp = (cpl ? USER(data) : (u64)data) + 64; }
            run(&c);
            print("am %d ac %d cpl %d %s offset %d ", am, ac, cpl, codes[n].name, offset);
            report("alignment", &c);
          }
  write_cr0(cr0 | CR0_AM);
  static const u64 places[] = { 0x7ffffff001, 0x800000000001, 0x7fffffffffff, 0x7ffffffffffd, 0x7ffffff000, 0 };
  for (unsigned p = 0; p < sizeof places / sizeof *places; p++)
    for (unsigned n = 1; n < 8; n++) {
      struct context c = start_at(codes[n].code, 3);
      c.rflags |= AC;
      c.gpr[RBX] = places[p];
      run(&c);
      print("place %x %s ", places[p], codes[n].name);
      report("alignment", &c);
    }
  write_cr0(cr0);
}
