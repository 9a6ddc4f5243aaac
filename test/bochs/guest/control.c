/* Control registers, EFER and other MSRs: what a write does or why it is refused (SDM Vol. 2B, MOV; Vol. 3A, 2.5; Vol. 4). */
#include "probe.h"
#include "groups.h"

PROBE(to_cr0, "movq %rax, %cr0");
PROBE(to_cr2, "movq %rax, %cr2\n movq %cr2, %rbx\n xorl %ecx, %ecx\n movq %rcx, %cr2");
PROBE(to_cr3, "movq %rax, %cr3\n movq %cr3, %rbx");
PROBE(to_cr4, "movq %rax, %cr4");
PROBE(to_cr8, "movq %rax, %cr8\n movq %cr8, %rbx\n xorl %ecx, %ecx\n movq %rcx, %cr8");
PROBE(to_cr1, ".byte 0x0f, 0x22, 0xc8");
PROBE(to_cr5, ".byte 0x0f, 0x22, 0xe8");
PROBE(to_cr9, ".byte 0x44, 0x0f, 0x22, 0xc8");
PROBE(from_cr1, ".byte 0x0f, 0x20, 0xc8");
PROBE(from_cr7, ".byte 0x0f, 0x20, 0xf8");
PROBE(clts_, "clts");
PROBE(lmsw_, "lmsw %ax");
PROBE(write_msr, "movq %rax, %rdx\n shrq $32, %rdx\n movl %edi, %ecx\n wrmsr");
PROBE(read_msr, "movl %edi, %ecx\n rdmsr");
PROBE32(compat_pcide, "movl %cr4, %eax\n orl $0x20000, %eax\n movl %eax, %cr4");

static void read_back(const char *register_name)
{
  if (outcome.vector == DONE) print("  %s = %x, then cr0=%x cr3=%x cr4=%x efer=%x\n", register_name, outcome.gpr[RBX], read_cr0(), read_cr3(), read_cr4(), rdmsr(EFER));
}

void test_control_registers(void)
{
  const u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4();
  print("CR0\n");
  for (int bit = 0; bit < 64; bit++) {
    /* CR0.AM, TS, MP, EM, NE change nothing here; PE and PG must be refused. */
    if (bit == 29 || bit == 30) continue;
    print("bit %d of %x ", bit, cr0);
    probe("cr0", to_cr0, 0, cr0 ^ 1UL << bit, 0);
    read_back("-");
    write_cr0(cr0);
  }
  probe("cr0: NW without CD", to_cr0, 0, cr0 | 1UL << 29, 0);
  probe("cr0: CD without NW", to_cr0, 0, cr0 | 1UL << 30, 0);
  read_back("cr0");
  write_cr0(cr0);
  probe("cr0: PG off in 64-bit code", to_cr0, 0, cr0 & ~(1UL << 31), 0);
  probe("cr0: PE off", to_cr0, 0, cr0 & ~1UL, 0);
  probe("lmsw sets TS", lmsw_, 0, 9, 0);
  read_back("lmsw");
  probe("clts", clts_, 0, 0, 0);
  read_back("clts");
  probe("lmsw cannot clear PE", lmsw_, 0, 0, 0);
  read_back("lmsw");
  write_cr0(cr0);

  print("CR2, CR8\n");
  probe("cr2 takes anything", to_cr2, 0, 0x1234567890abcdef, 0);
  read_back("cr2");
  for (int bit = 0; bit < 64; bit++) {
    print("bit %d ", bit);
    probe("cr8", to_cr8, 0, 1UL << bit, 0);
    read_back("cr8");
  }

  print("CR3\n");
  for (int pcide = 0; pcide < 2; pcide++) {
    write_cr3(cr3);
    write_cr4(pcide ? cr4 | CR4_PCIDE : cr4 & ~CR4_PCIDE);
    /* Address bits up to the physical width lead elsewhere and are not tried. */
    for (int bit = 0; bit < 64; bit++) {
      if (bit >= 12 && bit < 40) continue;
      print("pcide=%d bit %d ", pcide, bit);
      probe("cr3", to_cr3, 0, cr3 | 1UL << bit, 0);
      read_back("cr3");
      write_cr3(cr3);
    }
  }

  print("CR4\n");
  for (int pcide = 0; pcide < 2; pcide++)
    for (int bit = 0; bit < 64; bit++) {
      write_cr3(cr3);
      write_cr4(pcide ? cr4 | CR4_PCIDE : cr4 & ~CR4_PCIDE);
      /* Bits of features that only one of the two processors has. */
      if (bit == 0 || bit == 1 || (bit >= 11 && bit <= 15) || bit == 19 || (bit >= 22 && bit < 32)) continue;
      print("pcide=%d bit %d ", pcide, bit);
      probe("cr4", to_cr4, 0, read_cr4() ^ 1UL << bit, 0);
      read_back("-");
      write_cr4(cr4);
    }
  write_cr4(cr4);

  print("Combinations with PCIDE\n");
  for (u64 low = 1; low < 0x1000; low <<= 1) {
    write_cr3(cr3 | low);
    print("cr3[11:0]=%x ", low);
    probe("PCIDE on", to_cr4, 0, cr4 | CR4_PCIDE, 0);
    read_back("-");
    write_cr4(cr4);
    write_cr3(cr3);
  }
  write_cr4(cr4 | CR4_PCIDE);
  write_cr3(cr3 | 5);
  probe("PCIDE off with PCID 5", to_cr4, 0, cr4, 0);
  read_back("-");
  write_cr4(cr4);
  write_cr3(cr3);
  write_cr4(cr4 | CR4_PCIDE);
  probe("PG off with PCIDE", to_cr0, 0, cr0 & ~(1UL << 31), 0);
  write_cr4(cr4);
  struct context c = start_at32(compat_pcide, 0);
  run(&c);
  report("PCIDE on in compatibility mode", &c);
  read_back("-");
  write_cr4(cr4);

  print("No such register\n");
  static const char *const absent[] = { to_cr1, to_cr5, to_cr9, from_cr1, from_cr7 };
  for (unsigned n = 0; n < 5; n++) for (int cpl = 0; cpl <= 3; cpl += 3) probe("absent", absent[n], cpl, 0, 0);
}

static const u32 canonical_msrs[] = { 0x175, 0x176, 0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101, 0xc0000102 };

void test_msrs(void)
{
  const u64 efer = rdmsr(EFER);
  for (int bit = 0; bit < 64; bit++) {
    /* FFXSR, SVME and the like belong to processors of an other make. */
    if (bit >= 12 && bit < 16) continue;
    print("efer bit %d ", bit);
    probe("wrmsr", write_msr, 0, efer ^ 1UL << bit, EFER);
    if (outcome.vector == DONE) print("  efer=%x\n", rdmsr(EFER));
    wrmsr(EFER, efer);
  }
  static const u64 addresses[] = { 0x7fffffffffff, 0x800000000000, 0xffff7fffffffffff, 0xffff800000000000, 1UL << 63 };
  for (unsigned n = 0; n < sizeof canonical_msrs / sizeof *canonical_msrs; n++) {
    u64 old = rdmsr(canonical_msrs[n]);
    for (unsigned a = 0; a < 5; a++) {
      print("msr %x = %x ", canonical_msrs[n], addresses[a]);
      probe("wrmsr", write_msr, 0, addresses[a], canonical_msrs[n]);
      if (outcome.vector == DONE) print("  reads %x\n", rdmsr(canonical_msrs[n]));
    }
    wrmsr(canonical_msrs[n], old);
  }
  static const struct { u32 msr; u64 value; } others[] = {
    { 0x174, 0x1234 }, { 0xc0000081, 0x0020000800000000 }, { 0xc0000081, 0xffffffffffffffff }, { 0xc0000084, 0x47700 }, { 0xc0000084, 1UL << 32 },
    { 0xc0000103, 0xffffffff }, { 0xc0000103, 1UL << 32 }, { 0x277, 0x0007040600070406 }, { 0x277, 0x0007040600070402 }, { 0x277, 0x0307040600070406 },
    { 0x277, 0x0807040600070406 }, { 0xc0000200, 0 }, { 0x3fffffff, 0 }, { 0x40000000, 0 },
  };
  for (unsigned n = 0; n < sizeof others / sizeof *others; n++) {
    print("msr %x = %x ", others[n].msr, others[n].value);
    probe("wrmsr", write_msr, 0, others[n].value, others[n].msr);
    if (outcome.vector == DONE) print("  reads %x\n", rdmsr(others[n].msr));
    probe("rdmsr", read_msr, 0, 0, others[n].msr);
  }
  wrmsr(0x277, 0x0007040600070406);
  wrmsr(0xc0000084, 0);
}

PROBE(read_cr0_, "movq %cr0, %rax");
PROBE(read_cr8_, "movq %cr8, %rax");
PROBE(hlt_, "hlt");
PROBE(cli_, "cli");
PROBE(sti_, "sti");
/* The UART's scratch register, which both machines have. */
PROBE(in_, "movw $0x3ff, %dx\n inb %dx, %al");
PROBE(out_, "movw $0x3ff, %dx\n outb %al, %dx");
PROBE(lgdt_user, "lgdt gdt_pointer(%rip)");
PROBE(lidt_user, "lidt gdt_pointer(%rip)");
PROBE(sgdt_, "sgdt -32(%rsp)");
PROBE(sidt_, "sidt -32(%rsp)");
PROBE(sldt_, "sldt %ax");
PROBE(str_, "str %ax");
PROBE(smsw_, "smsw %ax");
PROBE(lldt_user, "lldt %ax");
PROBE(ltr_user, "ltr %ax");
PROBE(wbinvd_, "wbinvd");
PROBE(invd_, "invd");
PROBE(rdtsc_, "rdtsc\n xorl %eax, %eax");
PROBE(swapgs_, "swapgs\n swapgs");
PROBE(sysret_, "sysretq");
PROBE(stac_, "stac\n clac");
PROBE(clac_, "clac");
PROBE(invlpg_any, "invlpg (%rdi)");
PROBE(ud2_, "ud2");
PROBE(int3_, "int3");
PROBE(int1_, ".byte 0xf1");
PROBE(into64, ".byte 0xce");
PROBE(divide, "xorl %ecx, %ecx\n divl %ecx");
PROBE(push_es, ".byte 0x06");
PROBE(lock_nop, ".byte 0xf0, 0x90");
PROBE(long_insn, ".byte 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x90");
PROBE(popf_iopl, "pushq $0x3202\n popfq");
PROBE(mov_to_cs, ".byte 0x8e, 0xc8");
PROBE(mov_seg_6, ".byte 0x8e, 0xf0");
PROBE(alignment, "movl 1(%rdi), %eax");
PROBE(rdmsr_user, "movl $0xc0000080, %ecx\n rdmsr");
PROBE(wrfsbase_, "wrfsbase %rax");

/* What needs CPL 0, under the switches CR4.UMIP, TSD, FSGSBASE, SMAP and CR0.AM, and IOPL. */
void test_privileges(void)
{
  static const struct { const char *name, *code; } probes[] = {
    { "mov from cr0", read_cr0_ }, { "mov from cr8", read_cr8_ }, { "cli", cli_ }, { "sti", sti_ }, { "in", in_ }, { "out", out_ },
    { "sgdt", sgdt_ }, { "sidt", sidt_ }, { "sldt", sldt_ }, { "str", str_ }, { "smsw", smsw_ }, { "wbinvd", wbinvd_ }, { "rdtsc", rdtsc_ },
    { "swapgs", swapgs_ }, { "stac", stac_ }, { "clac", clac_ }, { "invlpg", invlpg_any }, { "ud2", ud2_ }, { "int3", int3_ }, { "int1", int1_ },
    { "into in 64-bit code", into64 }, { "div by 0", divide }, { "push es in 64-bit code", push_es }, { "lock nop", lock_nop }, { "16 bytes", long_insn },
    { "popf", popf_iopl }, { "mov to cs", mov_to_cs }, { "mov to segment 6", mov_seg_6 }, { "unaligned", alignment }, { "rdmsr", rdmsr_user },
    { "wrfsbase", wrfsbase_ },
  };
  static const struct { const char *name, *code; } user_only[] = {
    { "hlt", hlt_ }, { "lgdt", lgdt_user }, { "lidt", lidt_user }, { "lldt", lldt_user }, { "ltr", ltr_user }, { "invd", invd_ }, { "sysret", sysret_ },
    { "mov to cr0", to_cr0 }, { "mov to cr2", to_cr2 }, { "mov to cr3", to_cr3 }, { "mov to cr4", to_cr4 }, { "mov to cr8", to_cr8 },
    { "clts", clts_ }, { "lmsw", lmsw_ }, { "wrmsr", write_msr },
  };
  const u64 cr4 = read_cr4(), cr0 = read_cr0();
  for (int modes = 0; modes < 16; modes++) {
    /* UMIP (bit 11), TSD (2), FSGSBASE (16), SMAP (21). */
    write_cr4(cr4 | (modes & 1 ? 1UL << 11 : 0) | (modes & 2 ? 4 : 0) | (modes & 4 ? 1UL << 16 : 0) | (modes & 8 ? CR4_SMAP : 0));
    print("umip=%d tsd=%d fsgsbase=%d smap=%d\n", modes & 1, modes >> 1 & 1, modes >> 2 & 1, modes >> 3);
    for (int cpl = 0; cpl <= 3; cpl += 3)
      for (int iopl = 0; iopl <= 3; iopl += 3)
        for (unsigned n = 0; n < sizeof probes / sizeof *probes; n++) {
          struct context c = start_at(probes[n].code, cpl);
          c.rflags |= iopl << 12;
          c.gpr[RDI] = cpl ? USER(0x1c0000) : 0x1c0000;
          __asm__ volatile("outb %0, %w1" :: "a"((u8)0x5a), "Nd"(0x3ff));
          run(&c);
          print("cpl %d iopl %d ", cpl, iopl);
          report(probes[n].name, &c);
          if (outcome.vector == DONE) print("  fl=%x rax=%x\n", outcome.rflags, outcome.gpr[RAX]);
        }
    for (unsigned n = 0; n < sizeof user_only / sizeof *user_only; n++) probe(user_only[n].name, user_only[n].code, 3, 0, 0);
  }
  write_cr4(cr4);
  /* Alignment check needs CPL 3, CR0.AM and RFLAGS.AC. */
  for (int am = 0; am < 2; am++)
    for (int ac = 0; ac < 2; ac++)
      for (int cpl = 0; cpl <= 3; cpl += 3) {
        /* Our machine has no alignment checks, and stops. */
        if (am && ac && cpl) continue;
        write_cr0(am ? cr0 | 1UL << 18 : cr0 & ~(1UL << 18));
        struct context c = start_at(alignment, cpl);
        c.rflags |= ac ? 1UL << 18 : 0;
        c.gpr[RDI] = cpl ? USER(0x1c0000) : 0x1c0000;
        run(&c);
        print("am=%d ac=%d cpl %d ", am, ac, cpl);
        report("unaligned", &c);
      }
  write_cr0(cr0);
}
