/* IRET, far RET, far JMP and far CALL: every kind of selector, flags, targets (SDM Vol. 2A and 2B, IRET, RET, JMP, CALL). */
#include "probe.h"
#include "groups.h"
#include "transfer.h"

PROBE(iretq_, "iretq");
PROBE(iretl_, "iretl");
PROBE(iretw_, "iretw");
PROBE(lretq_, ".byte 0x48, 0xcb");
PROBE(lretl_, ".byte 0xcb");
PROBE(ljmpq_, "rex.w ljmp *(%rdi)");
PROBE(ljmpl_, "ljmp *(%rdi)");
PROBE(lcallq_, "rex.w lcall *(%rdi)");
PROBE32(iretl_compat, "iretl");
PROBE32(lretl_compat, "lretl");
PROBE(transfer_landing, "");

const struct transfer transfers[TRANSFERS] = {
  { "iretq", iretq_, 8, 1, 1 }, { "iretl", iretl_, 4, 1, 1 }, { "iretw", iretw_, 2, 1, 1 }, { "lretq", lretq_, 8, 0, 1 }, { "lretl", lretl_, 4, 0, 1 },
  { "ljmpq", ljmpq_, 8, 0, 0 }, { "ljmpl", ljmpl_, 4, 0, 0 }, { "lcallq", lcallq_, 8, 0, 0 }, { "iretl in compatibility mode", iretl_compat, 4, 1, 1, 1 },
  { "lretl in compatibility mode", lretl_compat, 4, 0, 1, 1 },
};

static u64 put_value(u64 at, int size, u64 value)
{
  if (size == 8) *(volatile u64 *)at = value;
  else if (size == 4) *(volatile u32 *)at = value;
  else *(volatile u16 *)at = value;
  return at + size;
}

struct context make_transfer(const struct transfer *t, int cpl, const struct frame *f)
{
  struct context c = t->compat ? start_at32(t->code, cpl) : start_at(t->code, cpl);
  u64 at = 0x1c8000;
  *(volatile u16 *)LANDING16 = 0x81cd;
  u64 frame = cpl ? USER(at) : at;
  at = put_value(at, t->size, f->rip);
  at = put_value(at, t->size, f->cs);
  if (t->flags) at = put_value(at, t->size, f->rflags);
  at = put_value(at, t->size, f->rsp);
  put_value(at, t->size, f->ss);
  c.gpr[RDI] = frame;
  if (t->stack) c.rsp = frame;
  return c;
}

static void show(const char *label, const struct context *c)
{
  report_frame(label, c);
}

u64 landing_for(u64 cs) { return (cs & 3) == 3 ? USER(transfer_landing) : (u64)transfer_landing; }
static u64 stack_for(u64 cs) { return (cs & 3) == 3 ? USER_STACK : KERNEL_STACK; }

static const u16 codes[] = {
  0, 3, 0x08, 0x09, 0x0b, 0x18, 0x1b, 0x20, 0x22, 0x23, 0x30, 0x33, 0x10, 0x2b, 0x38, 0x3b, 0x48, 0x58, 0x5b, 0x60, 0x63, 0x68, 0x6b, 0x70, 0x73, 0x98, 0x0c, 0xffff,
};
static const u16 stacks[] = { 0, 1, 3, 0x10, 0x12, 0x13, 0x28, 0x2b, 0x08, 0x33, 0x38, 0x78, 0x7b, 0x98, 0x0f };

/* 58 conforming 64-bit code, 60 absent 64-bit code of DPL 3, 68 code with L and D, 70 conforming 32-bit code of DPL 3, 78 absent data of DPL 3. */
static void make_segments(void)
{
  gdt[0x58 / 8] = 0x00af9e000000ffff;
  gdt[0x60 / 8] = 0x00af7b000000ffff;
  gdt[0x68 / 8] = 0x00effb000000ffff;
  gdt[0x70 / 8] = 0x00cffe000000ffff;
  gdt[0x78 / 8] = 0x00cf73000000ffff;
}

static void selectors(void)
{
  for (int n = 0; n < TRANSFERS; n++)
    for (int cpl = 0; cpl <= 3; cpl += 3)
      for (unsigned code = 0; code < sizeof codes / sizeof *codes; code++)
        for (unsigned stack = 0; stack < sizeof stacks / sizeof *stacks; stack++) {
          if (!transfers[n].stack && stack) continue;
          make_segments();
          if (transfers[n].stack == 0 && codes[code] == 0x38) continue;
          struct frame f = { transfers[n].size == 2 ? LANDING16 : landing_for(codes[code]), codes[code], 2, stack_for(codes[code]), stacks[stack] };
          struct context c = make_transfer(&transfers[n], cpl, &f);
          run(&c);
          print("cpl %d cs %x ss %x ", cpl, codes[code], stacks[stack]);
          show(transfers[n].name, &c);
        }
}

static void flags(void)
{
  static const u16 codes[] = { CODE0, CODE3 };
  static const int forms[] = { 0, 1, 8 };
  for (unsigned n = 0; n < 3; n++)
    for (int from = 0; from <= 3; from += 3)
      for (unsigned code = from ? 1 : 0; code < 2; code++)
        for (int iopl = 0; iopl <= 3; iopl += 3)
          for (int bit = 0; bit < 33; bit++) {
            const struct transfer *t = &transfers[forms[n]];
            /* IF lets interrupts in; the return of 32-bit code to 64-bit code is of no use here. */
            if (bit == 9 && (!from || iopl)) continue;
            struct frame f = { landing_for(codes[code]), codes[code], 1UL << bit, stack_for(codes[code]), code ? DATA3 : DATA0 };
            struct context c = make_transfer(t, from, &f);
            c.rflags |= iopl << 12;
            run(&c);
            print("cpl %d iopl %d flag %d ", from, iopl, bit);
            show(t->name, &c);
          }
  struct frame f = { landing_for(CODE0), CODE0, 2, KERNEL_STACK, DATA0 };
  struct context c = make_transfer(&transfers[0], 0, &f);
  c.rflags |= 1UL << 14;
  run(&c);
  show("iretq with NT", &c);
}

static void targets(void)
{
  /* Nothing is mapped where the low 32 bits lead to. */
  static const u64 addresses[] = { 0x800030000000, 0xffff800030000000, 0x8000000030000000, 0x130000000, 0x7fffffffffff };
  static const u16 codes[] = { CODE0, CODE3, CODE32_0, CODE32_3 };
  for (int n = 0; n < TRANSFERS; n++)
    for (int cpl = 0; cpl <= 3; cpl += 3)
      for (unsigned code = 0; code < 4; code++)
        for (unsigned a = 0; a < sizeof addresses / sizeof *addresses; a++)
          for (int where = 0; where < 2; where++) {
            struct frame f = { landing_for(codes[code]), codes[code], 2, stack_for(codes[code]), codes[code] & 3 ? DATA3 : DATA0 };
            if (transfers[n].size == 2) f.rip = LANDING16;
            if (where) f.rsp = addresses[a];
            else if (transfers[n].size != 2) f.rip = addresses[a];
            struct context c = make_transfer(&transfers[n], cpl, &f);
            run(&c);
            print("cpl %d cs %x %s %x ", cpl, codes[code], where ? "rsp" : "rip", addresses[a]);
            show(transfers[n].name, &c);
          }
}

PROBE(with_segments, "movl %eax, %ds\n movl %eax, %es\n movl %ebx, %fs\n movl %ebx, %gs\n iretq");

/* Data segments that the outer level may not have become null. */
static void data_segments(void)
{
  static const u16 selectors[] = { 0, 3, 0x10, 0x28, 0x2b, 0x08, 0x30, 0x33, 0x58, 0x5b };
  make_segments();
  for (unsigned n = 0; n < sizeof selectors / sizeof *selectors; n++)
    for (unsigned m = 0; m < sizeof selectors / sizeof *selectors; m++) {
      struct frame f = { landing_for(CODE3), CODE3, 2, USER_STACK, DATA3 };
      struct context c = make_transfer(&transfers[0], 0, &f);
      c.rip = (u64)with_segments;
      c.gpr[RAX] = selectors[n];
      c.gpr[RBX] = selectors[m];
      run(&c);
      report_frame("iretq to CPL 3", &c);
    }
}

void test_return(void)
{
  selectors();
  reset_tables();
  flags();
  targets();
  data_segments();
}
