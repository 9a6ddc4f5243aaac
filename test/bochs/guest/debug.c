/* Debug registers and debug exceptions: SDM Vol. 3B, 17.2 and 17.3; Vol. 3A, 6.8.3 and table 6-2. */
#include "probe.h"
#include "groups.h"

static u8 watched[64] __attribute__((aligned(64)));

static u64 read_dr6(void) { u64 v; __asm__ volatile("mov %%dr6, %0" : "=r"(v)); return v; }
static u64 read_dr7(void) { u64 v; __asm__ volatile("mov %%dr7, %0" : "=r"(v)); return v; }
static void write_dr6(u64 v) { __asm__ volatile("mov %0, %%dr6" :: "r"(v)); }
static void write_dr7(u64 v) { __asm__ volatile("mov %0, %%dr7" :: "r"(v)); }
static void write_dr(int n, u64 v)
{
  switch (n) {
    case 0: __asm__ volatile("mov %0, %%dr0" :: "r"(v)); break;
    case 1: __asm__ volatile("mov %0, %%dr1" :: "r"(v)); break;
    case 2: __asm__ volatile("mov %0, %%dr2" :: "r"(v)); break;
    default: __asm__ volatile("mov %0, %%dr3" :: "r"(v));
  }
}
/* DR7 with breakpoint n: R/W and LEN as they are encoded. */
#define AT(n, rw, len) (2UL << 2 * (n) | (u64)((rw) | (len) << 2) << (16 + 4 * (n)))
/* The same without the enable bit. */
#define OFF(n, rw, len) ((u64)((rw) | (len) << 2) << (16 + 4 * (n)))
enum { EXECUTE, WRITE, IO, ACCESS };
#define RF (1UL << 16)
#define TF (1UL << 8)

static void run_with(const char *label, const struct context *c, u64 dr7)
{
  write_dr6(0);
  write_dr7(dr7);
  run(c);
  u64 after = read_dr7();
  write_dr7(0);
  print("dr6=%x dr7=%x rf=%x ", read_dr6() & 0xf00f, after, outcome.rflags & (RF | TF));
  report(label, c);
}

PROBE(d_r1, "movb (%rbx), %al");
PROBE(d_r2, "movw (%rbx), %ax");
PROBE(d_r4, "movl (%rbx), %eax");
PROBE(d_r8, "movq (%rbx), %rax");
PROBE(d_w1, "movb %al, (%rbx)");
PROBE(d_w2, "movw %ax, (%rbx)");
PROBE(d_w4, "movl %eax, (%rbx)");
PROBE(d_w8, "movq %rax, (%rbx)");
PROBE(d_modify, "addl $1, (%rbx)");
PROBE(d_test, "cmpl $1, (%rbx)");
PROBE(d_xchg, "xchgl %eax, (%rbx)");
PROBE(d_push, "leaq 8(%rbx), %rsp\n push %rax");
PROBE(d_pop, "movq %rbx, %rsp\n pop %rax");
PROBE(d_call, "leaq 8(%rbx), %rsp\n call 1f\n1: nop");
PROBE(d_movs, "movq %rbx, %rsi\n leaq 32(%rbx), %rdi\n movsl");
PROBE(d_stos, "movq %rbx, %rdi\n movl $3, %ecx\n rep stosb");
PROBE(d_movs_to, "leaq 32(%rbx), %rsi\n movq %rbx, %rdi\n movl $2, %ecx\n rep movsw");
PROBE(d_cmps, "movq %rbx, %rsi\n leaq 32(%rbx), %rdi\n cmpsb");
PROBE(d_leave, "movq %rbx, %rbp\n leave");
PROBE(d_lea, "leaq (%rbx), %rax\n nopl (%rbx)");
PROBE(d_sgdt, "sgdt (%rbx)");

static const struct { const char *name, *code; } accesses[] = {
  { "r1", d_r1 }, { "r2", d_r2 }, { "r4", d_r4 }, { "r8", d_r8 }, { "w1", d_w1 }, { "w2", d_w2 }, { "w4", d_w4 }, { "w8", d_w8 }, { "add", d_modify },
  { "cmp", d_test }, { "xchg", d_xchg }, { "push", d_push }, { "pop", d_pop }, { "call", d_call }, { "movs", d_movs }, { "stos", d_stos },
  { "rep movs", d_movs_to }, { "cmps", d_cmps }, { "leave", d_leave }, { "lea, nop", d_lea },
};

static void clear(void) { for (unsigned n = 0; n < sizeof watched; n++) watched[n] = 0; }

static void data_breakpoints(void)
{
  static const int offsets[] = { -8, -4, -2, -1, 0, 1, 2, 3, 4, 7, 8 };
  for (unsigned access = 0; access < sizeof accesses / sizeof *accesses; access++)
    for (unsigned o = 0; o < sizeof offsets / sizeof *offsets; o++)
      for (int rw = WRITE; rw <= ACCESS; rw++)
        for (int len = 0; len < 4; len++) {
          int cpl = (access + o + len) % 2 * 3;
          u64 base = (u64)watched + 16;
          clear();
          struct context c = start_at(accesses[access].code, cpl);
          c.gpr[RBX] = cpl ? USER(base) : base;
          write_dr(2, c.gpr[RBX] + offsets[o]);
          print("%s offset %x rw %d len %d ", accesses[access].name, (u64)(offsets[o] + 16), rw, len);
          run_with("data", &c, AT(2, rw, len));
        }
}

/* Several registers at once, some of them off. */
static void combinations(void)
{
  u32 x = 12345;
  for (int n = 0; n < 300; n++) {
    u64 dr7 = 0;
    for (int i = 0; i < 4; i++) {
      x = x * 1664525 + 1013904223;
      write_dr(i, (u64)watched + 16 + (x >> 24 & 7));
      u32 rw = (x >> 16 & 1) ? WRITE : ACCESS, len = x >> 18 & 3;
      dr7 |= x >> 20 & 1 ? AT(i, rw, len) : x >> 21 & 1 ? OFF(i, rw, len) : 1UL << 2 * i | OFF(i, rw, len);
    }
    x = x * 1664525 + 1013904223;
    unsigned access = (x >> 16) % (sizeof accesses / sizeof *accesses);
    clear();
    struct context c = start_at(accesses[access].code, 0);
    c.gpr[RBX] = (u64)watched + 16 + (x >> 24 & 3);
    if (x >> 28 & 1) c.rflags |= TF;
    print("%d %s ", n, accesses[access].name);
    run_with("several", &c, dr7);
  }
}

PROBE(i_nops, "nop\n nop\n nop");
PROBE(i_long, "movabsq $0x1122334455667788, %rax\n nop");
PROBE(i_ud, "nop\n ud2");
PROBE(i_fault, "nop\n movb (%rbx), %al");
PROBE(i_rep, "nop\n rep stosb\n nop");
PROBE(i_int3, "nop\n int3\n nop");
PROBE(i_store, "nop\n movl %eax, (%rbx)\n nop");
PROBE(i_popf, "nop\n pushfq\n popfq\n nop");
PROBE(i_jump, "jmp 1f\n nop\n1: nop\n nop");
PROBE(i_ss, "nop\n movl %eax, %ss\n nop\n nop");
PROBE(i_popss, "nop\n push %rax\n .byte 0x66, 0x8e, 0xd0\n nop\n nop");
PROBE(i_sti, "cli\n sti\n nop\n nop");
static const struct { const char *name, *code; } codes[] = {
  { "nops", i_nops }, { "long", i_long }, { "ud2", i_ud }, { "fault", i_fault }, { "rep", i_rep }, { "int3", i_int3 }, { "store", i_store }, { "popf", i_popf },
  { "jump", i_jump }, { "mov ss", i_ss }, { "pop ss", i_popss }, { "sti", i_sti },
};

static void instruction_breakpoints(void)
{
  for (unsigned code = 0; code < sizeof codes / sizeof *codes; code++)
    for (int offset = -1; offset < 10; offset++)
      for (int flags = 0; flags < 4; flags++)
        for (int cpl = 0; cpl <= 3; cpl += 3) {
          if (cpl && code >= 9) continue;
          struct context c = start_at(codes[code].code, cpl);
          c.gpr[RAX] = DATA0;
          c.gpr[RBX] = code == 3 ? 0x7ffffff000 : cpl ? USER(watched) : (u64)watched;
          c.gpr[RDI] = c.gpr[RBX] + 8;
          c.gpr[RCX] = 3;
          c.rflags |= (flags & 1 ? RF : 0) | (flags & 2 ? TF : 0);
          write_dr(0, c.rip + offset);
          write_dr(1, c.gpr[RBX]);
          write_dr(3, c.rip + offset);
          print("cpl %d %s +%x flags %d ", cpl, codes[code].name, (u64)(offset + 1), flags);
          run_with("code", &c, AT(0, EXECUTE, 0) | AT(1, WRITE, 2) | OFF(3, EXECUTE, 0));
        }
  /* The length of an instruction breakpoint must be 1 byte; disabled ones; a low address. */
  for (int enable = 0; enable < 4; enable++) {
    struct context c = start_at(i_nops, 0);
    write_dr(1, c.rip + 1);
    print("enable %d ", enable);
    run_with("code", &c, (u64)enable << 2 | OFF(1, EXECUTE, 0) | 0x300);
  }
}

/* MOV SS and POP SS hold debug traps over the next instruction. */
PROBE(s_mov_nop, "movw (%rbx), %ss\n nop\n nop");
PROBE(s_mov_load, "movw (%rbx), %ss\n movl 32(%rbx), %ecx\n nop");
PROBE(s_mov_mov, "movw (%rbx), %ss\n movw (%rbx), %ss\n nop\n nop");
PROBE(s_mov_ud, "movw (%rbx), %ss\n ud2");
PROBE(s_lss, "lss (%rbx), %esp\n nop\n nop");
PROBE(s_mov_fault, "movw (%rbx), %ss\n movb (%rdi), %al");
PROBE(s_mov_rep, "movw (%rbx), %ss\n rep stosb\n nop");
static const struct { const char *name, *code; } shadows[] = {
  { "nop", s_mov_nop }, { "load", s_mov_load }, { "mov ss", s_mov_mov }, { "ud2", s_mov_ud }, { "lss", s_lss }, { "fault", s_mov_fault }, { "rep", s_mov_rep },
};

static void held_over(void)
{
  for (unsigned n = 0; n < sizeof shadows / sizeof *shadows; n++)
    for (int flags = 0; flags < 2; flags++)
      for (int watch = 0; watch < 4; watch++) {
        clear();
        *(u16 *)(watched + 16) = DATA0;
        *(u16 *)(watched + 20) = DATA0;
        struct context c = start_at(shadows[n].code, 0);
        c.gpr[RBX] = (u64)watched + 16;
        c.gpr[RDI] = n == 5 ? 0x7ffffff000 : (u64)watched + 8;
        c.gpr[RCX] = 2;
        if (flags) c.rflags |= TF;
        write_dr(0, (u64)watched + 16);
        write_dr(1, (u64)watched + 48);
        print("mov ss, %s flags %d watch %d ", shadows[n].name, flags, watch);
        run_with("held", &c, (watch & 1 ? AT(0, ACCESS, 1) : 0) | (watch & 2 ? AT(1, ACCESS, 3) : 0));
      }
}

PROBE(g_read0, "mov %dr0, %rax");
PROBE(g_read4, ".byte 0x0f, 0x21, 0xe0");
PROBE(g_read5, ".byte 0x0f, 0x21, 0xe8");
PROBE(g_read6, "mov %dr6, %rax");
PROBE(g_read7, "mov %dr7, %rax");
PROBE(g_write0, "mov %rax, %dr0");
PROBE(g_write3, "mov %rax, %dr3");
PROBE(g_write4, ".byte 0x0f, 0x23, 0xe0\n mov %dr6, %rcx");
PROBE(g_write5, ".byte 0x0f, 0x23, 0xe8\n mov %dr7, %rcx");
PROBE(g_write6, "mov %rax, %dr6\n mov %dr6, %rcx");
PROBE(g_write7, "mov %rax, %dr7\n mov %dr7, %rcx");
PROBE(g_read8, ".byte 0x44, 0x0f, 0x21, 0xc0");
PROBE(g_icebp, ".byte 0xf1");
PROBE(g_step, "nop");
static const struct { const char *name, *code; } moves[] = {
  { "read dr0", g_read0 }, { "read dr4", g_read4 }, { "read dr5", g_read5 }, { "read dr6", g_read6 }, { "read dr7", g_read7 }, { "write dr0", g_write0 },
  { "write dr3", g_write3 }, { "write dr4", g_write4 }, { "write dr5", g_write5 }, { "write dr6", g_write6 }, { "write dr7", g_write7 }, { "read dr8", g_read8 },
  { "int1", g_icebp }, { "nop", g_step },
};

static void moves_and_detect(void)
{
  static const u64 values[] = { 0, 0x100000000, 0x400, 0xffffffff, 0x8000000000000000, 0x123456789abc };
  for (unsigned n = 0; n < sizeof moves / sizeof *moves; n++)
    for (int cpl = 0; cpl <= 3; cpl += 3)
      for (int de = 0; de < 2; de++)
        for (int gd = 0; gd < 2; gd++)
          for (unsigned v = 0; v < (n < 5 || n > 10 ? 1 : sizeof values / sizeof *values); v++)
            for (int flags = 0; flags < (n > 10 ? 2 : 1); flags++) {
              /* What would turn breakpoints on is not meant here. */
              if ((n == 8 || n == 10) && values[v] == 0xffffffff) continue;
              /* GD would stay on. */
              if (gd && (cpl || (de && (n == 1 || n == 2 || n == 7 || n == 8)) || n == 11)) continue;
              u64 cr4 = read_cr4();
              write_cr4(de ? cr4 | 8 : cr4 & ~8UL);
              write_dr(0, 0x5555);
              struct context c = start_at(moves[n].code, cpl);
              c.gpr[RAX] = values[v];
              if (flags) c.rflags |= TF;
              print("%s cpl %d de %d gd %d value %x flags %d ", moves[n].name, cpl, de, gd, values[v], flags);
              run_with("move", &c, gd ? 0x2000 : 0);
              print("  rax=%x rcx=%x\n", outcome.gpr[RAX], outcome.gpr[RCX]);
              write_cr4(cr4);
            }
  for (int bit = 0; bit < 32; bit++)
    for (int reg = 6; reg < 8; reg++) {
      if (reg == 7 && (bit < 8 || bit == 13)) continue;
      struct context c = start_at(reg == 6 ? g_write6 : g_write7, 0);
      c.gpr[RAX] = 1UL << bit;
      print("dr%d bit %d ", reg, bit);
      run_with("move", &c, 0);
      print("  rcx=%x\n", outcome.gpr[RCX]);
    }
}

PROBE(p_out1, "outb %al, %dx\n nop");
PROBE(p_in1, "inb %dx, %al\n nop");
PROBE(p_outs, "outsb\n nop");
PROBE(p_ins, "insb\n nop");
PROBE(p_repouts, "rep outsb\n nop");

static void port_breakpoints(void)
{
  static const struct { const char *name, *code; } ports[] = { { "out", p_out1 }, { "in", p_in1 }, { "outs", p_outs }, { "ins", p_ins }, { "rep outs", p_repouts } };
  u64 cr4 = read_cr4();
  for (unsigned n = 0; n < sizeof ports / sizeof *ports; n++)
    for (int port = 0x7d; port < 0x84; port++)
      for (int len = 0; len < 4; len++)
        for (int de = 0; de < 2; de++)
          for (int cpl = 0; cpl <= 3; cpl += 3) {
            write_cr4(de ? cr4 | 8 : cr4 & ~8UL);
            struct context c = start_at(ports[n].code, cpl);
            c.gpr[RDX] = 0x80;
            c.gpr[RCX] = 2;
            c.gpr[RSI] = c.gpr[RDI] = cpl ? USER(watched) : (u64)watched;
            /* CPL 3 may use ports with IOPL 3 alone. */
            if (port & 1) c.rflags |= 0x3000;
            write_dr(1, port);
            print("%s port %x len %d de %d cpl %d ", ports[n].name, (u64)port, len, de, cpl);
            run_with("port", &c, AT(1, IO, len));
          }
  write_cr4(cr4);
}

/* Descriptors and gates that are read from watched bytes. */
PROBE(e_int, "int $0x60");
PROBE(e_ud, "ud2");
PROBE(e_load, "movl %eax, %fs");
static void system_accesses(void)
{
  static const struct { const char *name, *code; } events[] = { { "int", e_int }, { "ud2", e_ud }, { "load fs", e_load } };
  for (unsigned n = 0; n < sizeof events / sizeof *events; n++)
    for (int cpl = 0; cpl <= 3; cpl += 3)
      for (int place = 0; place < 2; place++) {
        struct context c = start_at(events[n].code, cpl);
        c.gpr[RAX] = DATA3;
        write_dr(0, place ? (u64)&gdt[DATA3 / 8] : (u64)&idt[n == 0 ? 0x60 : 6]);
        print("%s cpl %d place %d ", events[n].name, cpl, place);
        run_with("system", &c, AT(0, ACCESS, 2));
      }
}

void test_debug(void)
{
  data_breakpoints();
  combinations();
  instruction_breakpoints();
  held_over();
  moves_and_detect();
  port_breakpoints();
  system_accesses();
}
