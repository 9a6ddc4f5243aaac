/* Random descriptors, selectors and frames. The generator is a 64-bit LCG (Knuth's MMIX constants), seeded by the test. */
#include "probe.h"
#include "groups.h"
#include "segments.h"
#include "transfer.h"

static u64 state;
static u32 next(u32 below)
{
  state = state * 6364136223846793005UL + 1442695040888963407UL;
  return (state >> 33) % below;
}

/* A descriptor of any type. Base and limit are such that code in it is where the probes are, and the TSS where it is. */
static u64 random_descriptor(void)
{
  int type = next(4) ? 0x10 | next(16) : next(16), present = next(8) != 0;
  u64 d = system_descriptor(type < 0x10 ? (u64)tss : 0, 0xfffff, type | next(4) << 5 | present << 7);
  return d | (u64)next(16) << 52 | (next(4) ? 0x80000000000000UL : 0);
}

static void random_table(void)
{
  for (int n = SLOT / 8; n < GDT_END / 8; n++) gdt[n] = random_descriptor();
}

static u16 random_selector(void) { return next(6) == 0 ? next(GDT_END + 16) : (SLOT + 8 * next((GDT_END - SLOT) / 8)) | next(4); }

static void show_table(u16 selector)
{
  if ((selector & ~7u) < GDT_END && !(selector & 4)) print("%x ", gdt[selector / 8]);
}

void test_random_segments(void)
{
  state = parameters[1];
  for (int n = 0; n < 2000; n++) {
    random_table();
    const struct load *load = &loads[next(LOADS)];
    u16 selector = random_selector();
    int cpl = next(2) * 3;
    show_table(selector);
    run_load(load, cpl, selector, next(0x2000));
  }
  reset_tables();
}

/* A call gate stops our machine, which has none; far JMP and CALL through one are left out. */
static int is_call_gate(u16 selector)
{
  if ((selector & ~7u) >= GDT_END || selector & 4) return 0;
  return (gdt[selector / 8] >> 40 & 0x1f) == 12;
}

void test_random_returns(void)
{
  state = parameters[1] ^ 0x5555;
  for (int n = 0; n < 3000; n++) {
    random_table();
    const struct transfer *t = &transfers[next(TRANSFERS)];
    int cpl = next(2) * 3;
    u16 cs = next(3) ? random_selector() : CODE0 + 8 * next(6) + (next(2) ? 3 : 0), ss = next(3) ? random_selector() : next(2) ? DATA0 : DATA3;
    if (!t->stack && is_call_gate(cs)) continue;
    /* IF would let interrupts in, IOPL would let CPL 3 set it. */
    u64 flags = (next(0x400000) & ~0x200UL) | 2, low = next(4) ? (u64)landing_for(cs) : 0x8000000 + next(0x30000000);
    struct frame f = { t->size == 2 ? LANDING16 : low, cs, flags, ((cs & 3) == 3 ? USER_STACK : KERNEL_STACK) + next(64), ss };
    struct context c = make_transfer(t, cpl, &f);
    show_table(cs);
    show_table(ss);
    print("cpl %d cs %x ss %x fl %x ", cpl, (u64)cs, (u64)ss, flags);
    run(&c);
    report_frame(t->name, &c);
  }
  reset_tables();
}

PROBE(shut_down, "ud2");

/* A triple fault. It is the last test of a run: the machine is dead, and END is not printed. */
void test_shutdown(void)
{
  print("no handlers at all: shutdown is expected\n");
  struct pointer none = { 0, 0 };
  __asm__ volatile("lidt %0" :: "m"(none));
  struct context c = start_at(shut_down, 0);
  run(&c);
  print("survived\n");
}
