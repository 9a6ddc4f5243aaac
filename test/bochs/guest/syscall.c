/* SYSCALL and SYSRET, SYSENTER and SYSEXIT (SDM Vol. 2B). */
#include "probe.h"
#include "groups.h"

PROBE(syscall_, "syscall");
PROBE(syscall_entry, "");
PROBE32(syscall_compat, "syscall");
PROBE(sysretq_, "sysretq");
PROBE(sysretl_, "sysretl");
PROBE32(sysret_compat, "sysretl");
PROBE(landing, "");
PROBE(sysenter_, "sysenter");
PROBE32(sysenter_compat, "sysenter");
PROBE(sysexitq_, "sysexitq");
PROBE(sysexitl_, "sysexit");
PROBE32(sysexit_compat, "sysexit");

#define STAR 0xc0000081
#define LSTAR 0xc0000082
#define FMASK 0xc0000084
#define SYSENTER_CS 0x174
#define SYSENTER_ESP 0x175
#define SYSENTER_EIP 0x176
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

static void show_exit(const char *name, u64 stack, u64 target, int cpl, const char *code)
{
  struct context c = start_at(code, cpl);
  c.gpr[RCX] = stack;
  c.gpr[RDX] = target;
  run(&c);
  print("cpl %d stack %x target %x ", cpl, stack, target);
  show(name, &c);
}

static void sysenters(void)
{
  static const u64 selectors[] = { 0, 3, 4, 8, 0xb, 0x20, 0x23, 0xfff8, 0xffe8, 0x10000, 0x10008 };
  static const u64 targets[] = { 0x800000000000, 0x7fffffffffff, 0xffff800000000000, 0xfffe7fffffffffff, 0x100000000, 1UL << 63 };
  wrmsr(SYSENTER_ESP, USER_STACK - 0x100);
  wrmsr(SYSENTER_EIP, (u64)syscall_entry);
  for (unsigned n = 0; n < sizeof selectors / sizeof *selectors; n++) {
    wrmsr(SYSENTER_CS, selectors[n]);
    for (int cpl = 0; cpl <= 3; cpl += 3) {
      struct context c = start_at(sysenter_, cpl);
      run(&c);
      print("cs=%x cpl %d ", selectors[n], cpl);
      show("sysenter", &c);
      show_exit("sysexitq", USER_STACK, USER(landing), cpl, sysexitq_);
      show_exit("sysexit", USER_STACK, USER(landing), cpl, sysexitl_);
    }
  }
  wrmsr(SYSENTER_CS, 8);
  for (int bit = 0; bit < 22; bit++) {
    if (bit == 8 || bit == 9 || bit == 17 || bit == 20) continue;
    struct context c = start_at(sysenter_, 3);
    c.rflags |= 1UL << bit;
    run(&c);
    print("flag %d ", bit);
    show("sysenter", &c);
  }
  for (unsigned n = 0; n < sizeof targets / sizeof *targets; n++) {
    show_exit("sysexitq", USER_STACK, targets[n], 0, sysexitq_);
    show_exit("sysexitq", targets[n], USER(landing), 0, sysexitq_);
    show_exit("sysexit", USER_STACK, targets[n], 0, sysexitl_);
    show_exit("sysexit", targets[n], USER(landing), 0, sysexitl_);
  }
  struct context c = start_at32(sysenter_compat, 3);
  run(&c);
  show("sysenter in compatibility mode", &c);
  c = start_at32(sysexit_compat, 0);
  c.gpr[RCX] = USER_STACK;
  c.gpr[RDX] = USER(landing);
  run(&c);
  show("sysexit in compatibility mode", &c);
  wrmsr(SYSENTER_CS, 0);
}

void test_syscall(void)
{
  wrmsr(STAR, 0x0020000800000000);
  wrmsr(LSTAR, (u64)syscall_entry);
  calls();
  returns();
  sysenters();
}
