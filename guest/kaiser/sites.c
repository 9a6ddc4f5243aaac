#include "kaiser/sites.h"

#include "entry/offsets.h"
#include "kaiser/cures.h"
#include "kaiser/kaiser.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/page.h"
#include "smp/percpu.h"
#include "smp/text_poke.h"

enum { MAX_SITES = 32 };

static void put32(u8 *to, u64 value)
{
  u32 low = (u32)value;
  memcpy(to, &low, sizeof low);
}

static void put_jump(u8 *to, u64 at, u64 target)
{
  to[0] = 0xe9;
  put32(to + 1, target - (at + SITE_PATCH));
}

/* A jz rel32 at `offset` of the site. */
static void put_jz(const struct kaiser_site *site, u8 *bytes, unsigned offset)
{
  bytes[offset] = 0x0f;
  bytes[offset + 1] = 0x84;
  put32(bytes + offset + 2, site->skip - (site->address + offset + 6));
}

static const u8 nops5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
static const u8 nops10[] = { 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 };
static const u8 nops6[] = { 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 };

void site_bytes(const struct kaiser_site *site, enum site_form form, u8 bytes[SITE_LENGTH])
{
  switch (form) {
  case SITE_TESTS_FLAG:
    bytes[0] = 0xf6; /* testb imm8, disp32(%rip) */
    bytes[1] = 0x05;
    put32(bytes + 2, (u64)&kaiser_asm_do_switch - (site->address + 7));
    bytes[6] = 1;
    put_jz(site, bytes, 7);
    bytes[13] = 0x66;
    bytes[14] = 0x90;
    return;
  case SITE_TESTS_CPU_WORD: {
    static const u8 test[] = { 0x65, 0xf6, 0x04, 0x25 }; /* testb imm8, %gs:disp32 */
    memcpy(bytes, test, sizeof test);
    put32(bytes + 4, PERCPU_KAISER_WORD);
    bytes[8] = 1;
    put_jz(site, bytes, 9);
    return;
  }
  case SITE_SWITCHES:
  case SITE_SKIPS:
    if (form == SITE_SKIPS) put_jump(bytes, site->address, site->skip);
    else memcpy(bytes, nops5, sizeof nops5);
    memcpy(bytes + SITE_PATCH, nops10, sizeof nops10);
    return;
  }
}

/* Kernel text is read only where it runs; the direct map has the same bytes, writable. */
static u8 *writable(u64 address)
{
  return to_virtual(to_physical((const void *)address));
}

static const u8 swapgs[] = { 0x0f, 0x01, 0xf8 };

/* Is the instruction in front of the site a SWAPGS? */
static bool follows_swapgs(const struct kaiser_site *site)
{
  const u8 *code = (const u8 *)site->address - sizeof swapgs;
  return code[0] == swapgs[0] && code[1] == swapgs[1] && code[2] == swapgs[2];
}

/*
 * Without CURE_GS: the look at the CPU's word comes before the SWAPGS in front of the site, and so reads what user mode has GS point at.
 * SWAPGS leaves the flags alone: testb, swapgs, jz, which takes the place of both.
 */
static void look_before_swapgs(const struct kaiser_site *site)
{
  enum { TEST = 9 };
  u8 bytes[SITE_LENGTH];
  site_bytes(site, SITE_TESTS_CPU_WORD, bytes);
  u8 *to = writable(site->address - sizeof swapgs);
  memcpy(to, bytes, TEST);
  memcpy(to + TEST, swapgs, sizeof swapgs);
  memcpy(to + TEST + sizeof swapgs, bytes + TEST, SITE_LENGTH - TEST);
}

/*
 * Designs that keep the CR3 of user mode ready: behind the site, in place of `mov %cr3, scratch` and what derives the value from that, it is
 * loaded, and execution goes on at the write to CR3. That is the last instruction of the switch, but for a `pop %rax` where there is a stack.
 */
static void load_user_cr3(const struct kaiser_site *site)
{
  enum { PUSH_RAX = 0x50, LOAD = 9 };
  u64 at = site->address + SITE_LENGTH + SITE_WINDOW_LENGTH, write = site->skip - 4; /* mov %r8, %cr3 has four bytes */
  const u8 *code = (const u8 *)at;
  bool has_stack = code[0] == PUSH_RAX;
  u8 load_rdi[LOAD] = { 0x65, 0x48, 0x8b, 0x3c, 0x25 }, load_r8[LOAD] = { 0x65, 0x4c, 0x8b, 0x04, 0x25 };
  u8 *load = has_stack ? load_rdi : load_r8; /* mov %gs:PERCPU_USER_CR3, scratch */
  if (has_stack) at++;
  code += 1; /* the PUSH, or the REX prefix that R8 needs */
  if (code[0] != 0x0f || code[1] != 0x20) panic("behind the site at 0x%lx CR3 is not read", site->address);
  put32(load + 5, PERCPU_USER_CR3);
  memcpy(writable(at), load, LOAD);
  put_jump(writable(at + LOAD), at + LOAD, write);
}

static enum site_form boot_form(const struct kaiser_site *site, bool on)
{
  if (site->kind == SITE_TO_KERNEL && kaiser_design->entry_by_cr3) return SITE_SWITCHES;
  if (kaiser_design->asks == ASKS_FLAG) return SITE_TESTS_FLAG;
  if (kaiser_design->asks == ASKS_CPU_WORD) return SITE_TESTS_CPU_WORD;
  return on ? SITE_SWITCHES : SITE_SKIPS;
}

void sites_init(bool on)
{
  for (const struct kaiser_site *site = __kaiser_sites_start; site < __kaiser_sites_end; site++) {
    u8 bytes[SITE_LENGTH];
    if (site->kind == SITE_WINDOW) {
      static const u8 open[SITE_WINDOW_LENGTH] = { 0xfb, 0x90, 0xfa }; /* sti; nop; cli: STI holds interrupts off for one more instruction */
      if (has_cure(CURE_EXIT_WINDOW)) continue;
      memcpy(bytes, open, sizeof open);
    } else if (site->kind == SITE_CR3_TEST) {
      if (kaiser_design->entry_by_cr3) continue;
      memcpy(bytes, nops5, sizeof nops5);
      memcpy(bytes + sizeof nops5, nops6, sizeof nops6);
    } else {
      site_bytes(site, boot_form(site, on), bytes);
    }
    memcpy(writable(site->address), bytes, site->length);
    if (site->kind == SITE_TO_USER && kaiser_design->keeps_user_cr3) load_user_cr3(site);
    if (site->kind == SITE_TO_KERNEL && !has_cure(CURE_GS) && kaiser_design->asks == ASKS_CPU_WORD && follows_swapgs(site)) look_before_swapgs(site);
  }
}

void sites_patch(u32 kinds, bool on)
{
  for (const struct kaiser_site *site = __kaiser_sites_start; site < __kaiser_sites_end; site++) {
    if (!(kinds & BIT(site->kind))) continue;
    u8 bytes[SITE_LENGTH];
    site_bytes(site, on ? SITE_SWITCHES : SITE_SKIPS, bytes);
    memcpy(writable(site->address), bytes, SITE_PATCH);
  }
}

void sites_patch_live(u32 kinds, bool on, bool one_by_one)
{
  static struct text_poke pokes[MAX_SITES];
  unsigned count = 0;
  for (const struct kaiser_site *site = __kaiser_sites_start; site < __kaiser_sites_end; site++) {
    if (!(kinds & BIT(site->kind))) continue;
    if (count == MAX_SITES) panic("more than %u sites to patch", (u32)MAX_SITES);
    u8 bytes[SITE_LENGTH];
    site_bytes(site, on ? SITE_SWITCHES : SITE_SKIPS, bytes);
    struct text_poke *poke = &pokes[count++];
    poke->address = site->address;
    poke->alias = writable(site->address);
    poke->behind = on ? site->address + SITE_PATCH : site->skip;
    memcpy(poke->bytes, bytes, SITE_PATCH);
  }
  if (!one_by_one) {
    text_poke(pokes, count);
    return;
  }
  for (unsigned i = 0; i < count; i++) text_poke(&pokes[i], 1);
}
