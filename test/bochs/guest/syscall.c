/* SYSCALL and SYSRET (SDM Vol. 2B). */
#include "probe.h"
#include "groups.h"

PROBE(syscall_, "syscall");
PROBE(syscall_entry, "");
PROBE32(syscall_compat, "syscall");
PROBE(sysretq_, "sysretq");
PROBE(sysretl_, "sysretl");
PROBE32(sysret_compat, "sysretl");
PROBE(landing, "");

#define STAR 0xc0000081
#define LSTAR 0xc0000082
#define FMASK 0xc0000084
#define EFER_SCE 1UL

static void show(const char *label, const struct context *c)
{
  report_frame(label, c);
  print("  rcx=%x r11=%x\n", outcome.gpr[RCX], outcome.gpr[R11]);
}

static void calls(void)
{
  for (int cpl = 0; cpl <= 3; cpl += 3)
    for (int bit = -1; bit < 22; bit++)
      for (int mask = 0; mask < 3; mask++) {
        if (bit == 8) continue;
        wrmsr(FMASK, mask == 0 ? 0 : mask == 1 ? 0x47700 : 0xffffffff);
        struct context c = start_at(syscall_, cpl);
        if (bit >= 0) c.rflags |= 1UL << bit;
        /* Bits that IRETQ does not take at this place: IF would let interrupts in, VM and VIP are not for long mode. */
        if (bit == 9 || bit == 17 || bit == 20) continue;
        run(&c);
        print("cpl %d flag %d mask %d ", cpl, bit < 0 ? 99 : bit, mask);
        show("syscall", &c);
      }
  wrmsr(FMASK, 0);
  struct context c = start_at32(syscall_compat, 3);
  run(&c);
  show("syscall in compatibility mode", &c);
  wrmsr(EFER, rdmsr(EFER) & ~EFER_SCE);
  c = start_at(syscall_, 3);
  run(&c);
  show("syscall without SCE", &c);
  c = start_at(sysretq_, 0);
  run(&c);
  show("sysret without SCE", &c);
  wrmsr(EFER, rdmsr(EFER) | EFER_SCE);
  /* Only selectors come from STAR; SYSCALL ignores its RPL bits. */
  static const u64 stars[] = { 0x0020000800000000, 0x0023000b00000000, 0xffff000c00000000, 0x0020000000000000, 0x1230456000000000 };
  for (unsigned n = 0; n < sizeof stars / sizeof *stars; n++) {
    wrmsr(STAR, stars[n]);
    print("star=%x ", stars[n]);
    c = start_at(syscall_, 3);
    run(&c);
    show("syscall", &c);
    for (int wide = 0; wide < 2; wide++) {
      c = start_at(wide ? sysretq_ : sysretl_, 0);
      c.gpr[RCX] = USER(landing);
      c.gpr[R11] = 2;
      run(&c);
      show(wide ? "sysretq" : "sysretl", &c);
    }
  }
  wrmsr(STAR, 0x0020000800000000);
}

static void returns(void)
{
  static const u64 targets[] = { 0x800000000000, 0x7fffffffffff, 0xffff800000000000, 0xfffe7fffffffffff, 0x100000000, 1UL << 63 };
  for (int wide = 0; wide < 2; wide++) {
    const char *name = wide ? "sysretq" : "sysretl", *code = wide ? sysretq_ : sysretl_;
    for (int bit = 0; bit < 64; bit++) {
      /* TF is tried elsewhere; IF lets interrupts in. */
      if (bit == 9 || bit == 8) continue;
      struct context c = start_at(code, 0);
      c.gpr[RCX] = USER(landing);
      c.gpr[R11] = 1UL << bit;
      run(&c);
      print("flag %d ", bit);
      show(name, &c);
    }
    for (unsigned n = 0; n < sizeof targets / sizeof *targets; n++)
      for (int cpl = 0; cpl <= 3; cpl += 3) {
        struct context c = start_at(code, cpl);
        c.gpr[RCX] = targets[n];
        c.gpr[R11] = 2;
        c.rsp = cpl ? USER_STACK : 0x123456789a00;
        run(&c);
        print("cpl %d to %x ", cpl, targets[n]);
        show(name, &c);
      }
  }
  struct context c = start_at32(sysret_compat, 0);
  c.gpr[RCX] = USER(landing);
  c.gpr[R11] = 2;
  run(&c);
  show("sysret in compatibility mode", &c);
}

void test_syscall(void)
{
  wrmsr(STAR, 0x0020000800000000);
  wrmsr(LSTAR, (u64)syscall_entry);
  calls();
  returns();
}
