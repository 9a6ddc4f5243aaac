#include "probe.h"

struct gate idt[256] __attribute__((aligned(16)));
u8 tss[0x100] __attribute__((aligned(128)));
struct outcome outcome;

static void put(char c) { __asm__ volatile("outb %0, $0xe9" :: "a"(c)); }

static void put_hex(u64 value)
{
  int shift = 60;
  while (shift > 0 && !(value >> shift)) shift -= 4;
  for (; shift >= 0; shift -= 4) put("0123456789abcdef"[value >> shift & 15]);
}

void print(const char *format, ...)
{
  __builtin_va_list list;
  __builtin_va_start(list, format);
  for (; *format; format++) {
    if (*format != '%') { put(*format); continue; }
    switch (*++format) {
      case 's': for (const char *s = __builtin_va_arg(list, const char *); *s; s++) put(*s); break;
      case 'd': { int n = __builtin_va_arg(list, int); if (n >= 10) put('0' + n / 10); put('0' + n % 10); break; }
      default: put_hex(__builtin_va_arg(list, u64));
    }
  }
  __builtin_va_end(list);
}

static struct context start(const char *code, u64 cs, u64 ss, int cpl)
{
  struct context c = { 0 };
  c.rip = cpl ? USER(code) : (u64)code;
  c.cs = cs;
  c.ss = ss;
  c.rflags = 2;
  c.rsp = cpl ? USER_STACK : KERNEL_STACK;
  return c;
}
struct context start_at(const char *code, int cpl) { return start(code, cpl ? CODE3 : CODE0, cpl ? DATA3 : DATA0, cpl); }
struct context start_at32(const char *code, int cpl) { return start(code, cpl ? CODE32_3 : CODE32_0, cpl ? DATA3 : DATA0, cpl); }

void run(const struct context *context)
{
  __asm__ volatile("mov %0, %%cr2" :: "r"(0UL));
  enter(context);
}

static const char *const names[32] = {
  "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9", "#TS", "#NP", "#SS", "#GP", "#PF", "15", "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
  "22", "23", "24", "25", "26", "27", "28", "29", "30", "31",
};

static void put_event(const struct context *from)
{
  if (outcome.vector == DONE) print("ok");
  else if (outcome.vector < 32) print("%s", names[outcome.vector]);
  else print("int %x", outcome.vector);
  if (outcome.error != -1UL) print(" e=%x", outcome.error);
  if (outcome.cr2) print(" cr2=%x", outcome.cr2);
  u64 away = outcome.rip - from->rip;
  if (away < 64) print(" at +%x", away);
  else print(" at %x", outcome.rip);
}

void report(const char *label, const struct context *from)
{
  print("%s: ", label);
  put_event(from);
  print("\n");
}

void report_frame(const char *label, const struct context *from)
{
  print("%s: ", label);
  put_event(from);
  print(" cs=%x fl=%x rsp=%x ss=%x | ds=%x es=%x fs=%x gs=%x | handler cs=%x ss=%x fl=%x frame=%x\n", outcome.cs, outcome.rflags, outcome.rsp, outcome.ss,
    outcome.ds, outcome.es, outcome.fs, outcome.gs, outcome.handler_cs, outcome.handler_ss, outcome.handler_flags, outcome.frame);
}

void probe(const char *label, const char *code, int cpl, u64 rax, u64 rdi)
{
  struct context c = start_at(code, cpl);
  c.gpr[RAX] = rax;
  c.gpr[RDI] = rdi;
  run(&c);
  print("cpl %d ", cpl);
  report(label, &c);
}

void set_gate(int vector, u64 target, u16 selector, int ist, int type)
{
  idt[vector] = (struct gate){ target, selector, ist, type, target >> 16, target >> 32, 0 };
}

u64 system_descriptor(u64 base, u32 limit, int type)
{
  return (limit & 0xffff) | (base & 0xffffff) << 16 | (u64)type << 40 | (u64)(limit >> 16 & 15) << 48 | (base >> 24 & 0xff) << 56;
}

void load_task(u32 limit)
{
  gdt[TSS / 8] = system_descriptor((u64)tss, limit, 0x89);
  gdt[TSS / 8 + 1] = 0;
  __asm__ volatile("ltr %w0" :: "r"(TSS));
}

void reset_tables(void)
{
  static const u64 segments[7] = {
    0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff,
  };
  for (int n = 0; n < 7; n++) gdt[n] = segments[n];
  for (int n = SLOT / 8; n < GDT_END / 8; n++) gdt[n] = 0;
  gdt[LDT / 8] = gdt[LDT / 8 + 1] = 0;
  __asm__ volatile("lldt %w0" :: "r"(0));
  __asm__ volatile("movl %0, %%fs\n movl %0, %%gs" :: "r"(0));
  for (int n = 0; n < 256; n++) set_gate(n, (u64)vectors + 16 * n, CODE0, 1, 0xee);
  struct pointer pointer = { sizeof idt - 1, (u64)idt };
  __asm__ volatile("lidt %0" :: "m"(pointer));
  for (unsigned n = 0; n < sizeof tss; n++) tss[n] = 0;
  *(u64 *)(tss + 4) = RSP0_STACK;
  for (int n = 1; n <= 7; n++) *(u64 *)(tss + 0x24 + 8 * (n - 1)) = IST_STACK(n);
  *(u16 *)(tss + 0x66) = 0x68;
  load_task(0x67);
}

void map_test_page(const u64 bits[5])
{
  ROOT[1] = (u64)TABLE(3) | bits[4];
  TABLE(3)[1] = bits[3] & PS ? bits[3] : (u64)TABLE(2) | bits[3];
  TABLE(2)[4] = bits[2] & PS ? (TEST_FRAME & ~0x1fffffUL) | bits[2] : (u64)TABLE(1) | bits[2];
  TABLE(1)[1] = TEST_FRAME | bits[1];
  flush();
}
