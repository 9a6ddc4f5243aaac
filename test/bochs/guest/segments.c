/* Loads of segment registers, LDTR and TR, and what LAR, LSL, VERR and VERW say (SDM Vol. 2; Vol. 3A, 5.6 and 7.2). */
#include "probe.h"
#include "groups.h"
#include "segments.h"

PROBE(load_ds, "movl %eax, %ds");
PROBE(load_es, "movl %eax, %es");
PROBE(load_fs, "movl %eax, %fs");
PROBE(load_gs, "movl %eax, %gs");
PROBE(load_ss, "movl %eax, %ss");
PROBE(pop_fs, "pushq %rax\n popq %fs");
PROBE(lss_, "movq %rsp, -16(%rsp)\n movw %ax, -12(%rsp)\n lss -16(%rsp), %ebx");
PROBE(lldt_, "lldt %ax\n sldt %ebx");
PROBE(ltr_, "ltr %ax\n str %ebx");
PROBE(lar_, "xorl %ebx, %ebx\n lar %eax, %ebx");
PROBE(lsl_, "xorl %ebx, %ebx\n lsl %eax, %ebx");
PROBE(verr_, "verr %ax");
PROBE(verw_, "verw %ax");
PROBE32(load_ds_compat, "movl %eax, %ds");
PROBE32(load_ss_compat, "movl %eax, %ss");
PROBE32(use_ds_compat, "movl %eax, %ds\n movb (%edi), %cl");
PROBE32(write_ds_compat, "movl %eax, %ds\n movb %cl, (%edi)");

const struct load loads[LOADS] = {
  { "mov ds", load_ds }, { "mov es", load_es }, { "mov fs", load_fs }, { "mov gs", load_gs }, { "mov ss", load_ss }, { "pop fs", pop_fs }, { "lss", lss_ },
  { "lar", lar_ }, { "lsl", lsl_ }, { "verr", verr_ }, { "verw", verw_ }, { "lldt", lldt_, 1 }, { "ltr", ltr_, 1 },
  { "mov ds in compatibility mode", load_ds_compat, 0, 1 }, { "mov ss in compatibility mode", load_ss_compat, 0, 1 },
  { "read by ds in compatibility mode", use_ds_compat, 0, 1 }, { "write by ds in compatibility mode", write_ds_compat, 0, 1 },
};

void run_load(const struct load *load, int cpl, u16 selector, u64 rdi)
{
  struct context c = load->compat ? start_at32(load->code, cpl) : start_at(load->code, cpl);
  c.gpr[RAX] = selector;
  c.gpr[RDI] = rdi;
  run(&c);
  print("cpl %d selector %x ", cpl, (u64)selector);
  report(load->name, &c);
  if (outcome.vector == DONE) {
    print("  ds=%x es=%x fs=%x gs=%x ss=%x rbx=%x zf=%x", outcome.ds, outcome.es, outcome.fs, outcome.gs, outcome.ss,
      /* LAR leaves the bits of the limit undefined. */
      load->code == lar_ ? outcome.gpr[RBX] & ~0xf0000UL : outcome.gpr[RBX], outcome.rflags >> 6 & 1);
    print(" descriptor %x fs %x gs %x\n", gdt[SLOT / 8], rdmsr(0xc0000100), rdmsr(0xc0000101));
  }
  __asm__ volatile("lldt %w0" :: "r"(0));
  if (load->kernel) load_task(0x67);
}

/* Every type and DPL in the test's slot, present and absent, with every RPL. */
void test_segments(void)
{
  for (int n = 0; n < LOADS; n++) {
    for (int type = 0; type < 32; type++)
      /* Levels 1 and 2 are alike. */
      for (int dpl = 0; dpl < 4; dpl += 1 + (dpl == 1))
        for (int present = 0; present < 2; present++)
          for (int rpl = 0; rpl < 4; rpl += 1 + (rpl == 1))
            for (int cpl = 0; cpl <= 3; cpl += 3) {
              if (loads[n].kernel && cpl == 3 && type) continue;
              gdt[SLOT / 8] = system_descriptor((u64)tss, 0xfff, type | dpl << 5 | present << 7);
              gdt[SLOT / 8 + 1] = 0;
              print("type %x dpl %d p=%d ", (u64)type, dpl, present);
              run_load(&loads[n], cpl, SLOT | rpl, 0x10);
            }
    /* The upper half of system descriptors: a non-canonical base, a type that is not zero. */
    enum { CANONICAL = 3 };
    static const u64 uppers[] = { 0xffff8000, 0xffffffff, 0x7fff, 0x8000, 0x80000000, 0x10000000000, 0x1f0000000000, 0x200000000000, 0xffffe00000000000, 0x090000000000 };
    for (unsigned u = 0; u < sizeof uppers / sizeof *uppers; u++)
      for (int type = 2; type <= 9; type += 7) {
        /* A TSS elsewhere would be the end. */
        if (loads[n].code == ltr_ && u < CANONICAL) continue;
        gdt[SLOT / 8] = system_descriptor((u64)tss, 0xfff, type | 0x80);
        gdt[SLOT / 8 + 1] = uppers[u];
        print("type %x upper half %x ", (u64)type, uppers[u]);
        run_load(&loads[n], 0, SLOT, 0);
      }
    reset_tables();
    static const u16 selectors[] = { 0, 1, 2, 3, 4, 7, 0x0c, 0x2b, GDT_END, GDT_END - 8, GDT_END + 3, 0xffff, 0xfff8, 0x90 };
    for (unsigned s = 0; s < sizeof selectors / sizeof *selectors; s++)
      for (int cpl = 0; cpl <= 3; cpl += 3) {
        gdt[GDT_END / 8 - 1] = system_descriptor(0, 0xfff, 0x82);
        run_load(&loads[n], cpl, selectors[s], 0);
      }
  }
  reset_tables();
}

PROBE(swap, "swapgs");
PROBE(null_fs, "movl %eax, %fs\n movl %eax, %gs");
PROBE(write_fs_base, "wrfsbase %rax\n rdfsbase %rbx");
PROBE(write_gs_base, "wrgsbase %rax\n rdgsbase %rbx");
PROBE(write_fs_base32, "wrfsbase %eax\n rdfsbase %ebx");
PROBE(read_by_fs, "movq %fs:(%rdi), %rbx");
PROBE(read_by_gs, "movq %gs:(%rdi), %rbx");

static void bases(const char *label)
{
  print("  %s: fs %x gs %x kernel gs %x rbx %x\n", label, rdmsr(0xc0000100), rdmsr(0xc0000101), rdmsr(0xc0000102), outcome.gpr[RBX]);
}

void test_segment_bases(void)
{
  static const u64 values[] = { 0, 0x1234567890, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, 0xffffffffffffffff, 1UL << 63 };
  const u64 cr4 = read_cr4();
  write_cr4(cr4 | 1UL << 16);
  for (unsigned n = 0; n < sizeof values / sizeof *values; n++)
    for (int cpl = 0; cpl <= 3; cpl += 3) {
      wrmsr(0xc0000100, 0x1000);
      wrmsr(0xc0000101, 0x2000);
      wrmsr(0xc0000102, 0xffff800000003000);
      probe("swapgs", swap, cpl, 0, 0);
      bases("swapgs");
      print("%x ", values[n]);
      probe("wrfsbase", write_fs_base, cpl, values[n], 0);
      bases("wrfsbase");
      probe("wrgsbase", write_gs_base, cpl, values[n], 0);
      bases("wrgsbase");
      probe("32-bit wrfsbase", write_fs_base32, cpl, values[n], 0);
      bases("32-bit wrfsbase");
      print("%x ", values[n]);
      probe("null selectors", null_fs, cpl, n & 3, 0);
      bases("null selectors");
      wrmsr(0xc0000100, 0xffff800000000000);
      print("%x ", values[n]);
      probe("read by fs", read_by_fs, cpl, 0, values[n]);
      wrmsr(0xc0000101, 0x100000);
      probe("read by gs", read_by_gs, cpl, 0, values[n]);
    }
  write_cr4(cr4);
  wrmsr(0xc0000100, 0);
  wrmsr(0xc0000101, 0);
  wrmsr(0xc0000102, 0);
}
