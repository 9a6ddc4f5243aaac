/* When x87's neighbours are allowed: SDM Vol. 3A, 2.5, 12.1 and 13.1; Vol. 1, 13.3. */
#include "probe.h"
#include "groups.h"

#define CR0_MP 2UL
#define CR0_EM 4UL
#define CR0_TS 8UL
#define CR0_NE 0x20UL
#define CR4_OSFXSR 0x200UL
#define CR4_OSXSAVE 0x40000UL

PROBE(v_xmm, "paddb %xmm1, %xmm0");
PROBE(v_movaps, "movaps (%rdi), %xmm0");
PROBE(v_addps, "addps %xmm1, %xmm0");
PROBE(v_pshufb, "pshufb %xmm1, %xmm0");
PROBE(v_mmx, "paddb %mm1, %mm0");
PROBE(v_pshufw, "pshufw $1, %mm1, %mm0");
PROBE(v_pabs, "pabsb %mm1, %mm0");
PROBE(v_movntq, "movntq %mm1, (%rdi)");
PROBE(v_movq2dq, "movq2dq %mm1, %xmm0");
PROBE(v_movdq2q, "movdq2q %xmm1, %mm0");
PROBE(v_cvtpi2ps, "cvtpi2ps %mm1, %xmm0");
PROBE(v_cvttps2pi, "cvttps2pi %xmm0, %mm1");
PROBE(v_cvtsi2sd, "cvtsi2sd %rax, %xmm0");
PROBE(v_emms, "emms");
PROBE(v_ldmxcsr, "ldmxcsr 24(%rdi)");
PROBE(v_stmxcsr, "stmxcsr (%rdi)");
PROBE(v_fxsave, "fxsave (%rdi)");
PROBE(v_fxrstor, "fxrstor (%rdi)");
PROBE(v_xsave, "xsave (%rdi)");
PROBE(v_xsaveopt, "xsaveopt (%rdi)");
PROBE(v_xrstor, "xrstor (%rdi)");
PROBE(v_xgetbv, "xor %ecx, %ecx\n xgetbv");
PROBE(v_movnti, "movnti %rax, (%rdi)");
PROBE(v_clflush, "clflush (%rdi)");
PROBE(v_sfence, "sfence");
PROBE(v_prefetch, "prefetcht0 (%rdi)");
PROBE(v_xsetbv, "xsetbv");

static const struct { const char *name, *code; } codes[] = {
  { "xmm", v_xmm }, { "movaps", v_movaps }, { "addps", v_addps }, { "pshufb", v_pshufb }, { "mmx", v_mmx }, { "pshufw", v_pshufw }, { "pabs", v_pabs }, { "movntq", v_movntq },
  { "movq2dq", v_movq2dq }, { "movdq2q", v_movdq2q }, { "cvtpi2ps", v_cvtpi2ps }, { "cvttps2pi", v_cvttps2pi }, { "cvtsi2sd", v_cvtsi2sd }, { "emms", v_emms },
  { "ldmxcsr", v_ldmxcsr }, { "stmxcsr", v_stmxcsr }, { "fxsave", v_fxsave }, { "fxrstor", v_fxrstor }, { "xsave", v_xsave }, { "xsaveopt", v_xsaveopt }, { "xrstor", v_xrstor },
  { "xgetbv", v_xgetbv }, { "movnti", v_movnti }, { "clflush", v_clflush }, { "sfence", v_sfence }, { "prefetch", v_prefetch },
};
static u8 area[1024] __attribute__((aligned(64)));
static u64 cr0, cr4;

/* A division by zero that is not masked leaves an exception waiting. */
static void prepare(int waiting)
{
  write_cr0((cr0 & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
  write_cr4(cr4 | CR4_OSFXSR | CR4_OSXSAVE);
  for (unsigned n = 0; n < sizeof area; n++) area[n] = 0;
  *(u16 *)area = 0x37f;
  *(u32 *)(area + 24) = 0x1f80;
  u16 control = 0x37b;
  __asm__ volatile("fninit");
  if (waiting) __asm__ volatile("fldcw %0\n fld1\n fldz\n fdivrp" :: "m"(control));
}

static void allowed(void)
{
  for (int waiting = 0; waiting < 2; waiting++)
    for (u64 bits = 0; bits < 32; bits++)
      for (unsigned n = 0; n < sizeof codes / sizeof *codes; n++) {
        prepare(waiting);
        write_cr4((cr4 & ~(CR4_OSFXSR | CR4_OSXSAVE)) | (bits & 8 ? CR4_OSFXSR : 0) | (bits & 16 ? CR4_OSXSAVE : 0));
        struct context c = start_at(codes[n].code, 0);
        c.gpr[RDI] = (u64)area;
        c.gpr[RAX] = 3;
        write_cr0((cr0 & ~(CR0_EM | CR0_TS | CR0_MP)) | CR0_NE | (bits & 1 ? CR0_MP : 0) | (bits & 2 ? CR0_EM : 0) | (bits & 4 ? CR0_TS : 0));
        run(&c);
        print("%s%s%s%s%s%s ", waiting ? "waiting " : "", bits & 1 ? "mp " : "", bits & 2 ? "em " : "", bits & 4 ? "ts " : "", bits & 8 ? "osfxsr " : "", bits & 16 ? "osxsave " : "");
        report(codes[n].name, &c);
      }
}

/* XCR0, and what XRSTOR refuses of headers. */
static void xcr0(void)
{
  static const u64 values[] = { 0, 1, 2, 3, 0x8000000000000003, 0x100000001 }, headers[] = { 0, 1, 2, 3, 4, 0x400, 0x8000000000000000 };
  for (int cpl = 0; cpl <= 3; cpl += 3)
    for (u64 number = 0; number < 3; number++)
      for (unsigned n = 0; n < sizeof values / sizeof *values; n++) {
        prepare(0);
        struct context c = start_at(v_xsetbv, cpl);
        c.gpr[RCX] = number << (number == 2 ? 31 : 0);
        c.gpr[RAX] = (u32)values[n] | 0xabcd00000000;
        c.gpr[RDX] = values[n] >> 32;
        run(&c);
        print("cpl %d xcr%x = %x ", cpl, c.gpr[RCX], values[n]);
        report("xsetbv", &c);
        c = start_at(v_xgetbv, cpl);
        run(&c);
        print("  is %x:%x\n", outcome.gpr[RDX], outcome.gpr[RAX]);
      }
  prepare(0);
  __asm__ volatile("xsetbv" :: "c"(0), "a"(3), "d"(0));
  for (unsigned n = 0; n < sizeof headers / sizeof *headers; n++)
    for (int reserved = 0; reserved < 2; reserved++)
      for (u64 mask = 0; mask < 4; mask++)
        for (int bad = 0; bad < 2; bad++) {
          prepare(0);
          *(u64 *)(area + 512) = headers[n];
          *(u64 *)(area + 528) = reserved;
          if (bad) area[26] = 1;
          struct context c = start_at(v_xrstor, 0);
          c.gpr[RDI] = (u64)area;
          c.gpr[RAX] = mask;
          run(&c);
          print("xstate_bv %x reserved %d mask %x mxcsr %d ", headers[n], reserved, mask, bad);
          report("xrstor", &c);
        }
}

void test_vectors(void)
{
  cr0 = read_cr0();
  cr4 = read_cr4();
  allowed();
  xcr0();
  prepare(0);
  write_cr0(cr0);
  write_cr4(cr4);
}
