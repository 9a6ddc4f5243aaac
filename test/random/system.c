/*
 * Random system programs. The boot module is a list of operations, 16 bytes each: change an entry of a page table, a control
 * register, a descriptor, or make an access in kernel or user mode; what each does is printed. After each change of a table the translation
 * is invalidated, so that everything is decided by the manual.
 */
#include "../fixtures/kernels/ports.h"

struct operation { u8 kind, a, b, c; u32 d; u64 value; };
struct start_info { u32 magic, version, flags, modules; u64 module_list; };

extern u64 tables[], test_table[], gdt[], seen_result, seen_vector, seen_error, seen_rip, seen_cr2, seen_flags, seen_cs, extra_flags;
extern u8 frames[], vectors[], accesses_begin[], accesses_end[];
void probe(u64 access, u64 address, u64 user);

static u64 user_table[512] __attribute__((aligned(4096)));
static u8 user_stack[4096] __attribute__((aligned(4096))), kernel_stack[8192] __attribute__((aligned(16)));
static struct { u16 low, selector; u8 ist, type; u16 middle; u32 high, zero; } __attribute__((packed)) idt[256];
static struct { u32 zero; u64 rsp[3], more[9]; u16 reserved, map; } __attribute__((packed)) tss;

static u64 read_cr(int n)
{
  u64 value;
  if (n == 0) __asm__ volatile("mov %%cr0, %0" : "=r"(value));
  else if (n == 3) __asm__ volatile("mov %%cr3, %0" : "=r"(value));
  else __asm__ volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}
static void write_cr0(u64 value) { __asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory"); }
static void write_cr3(u64 value) { __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory"); }
static void write_cr4(u64 value) { __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory"); }

static void flush_all(void)
{
  u64 cr4 = read_cr(4);
  write_cr4(cr4 & ~0x80ull);
  write_cr4(cr4);
}

static void wide(u64 value)
{
  hex((u32)(value >> 32));
  hex((u32)value);
  put(' ');
}

static void prepare(void)
{
  for (int n = 0; n < 256; n++) {
    u64 at = (u64)vectors + 16 * (u64)n;
    idt[n].low = (u16)at; idt[n].selector = 8; idt[n].type = n == 0x80 ? 0xee : 0x8e; idt[n].middle = (u16)(at >> 16); idt[n].high = (u32)(at >> 32);
  }
  struct { u16 limit; u64 base; } __attribute__((packed)) idtr = { sizeof idt - 1, (u64)idt };
  __asm__ volatile("lidt %0" : : "m"(idtr));
  tss.rsp[0] = (u64)kernel_stack + sizeof kernel_stack;
  tss.map = sizeof tss;
  gdt[6] = (sizeof tss - 1) | ((u64)&tss & 0xffffff) << 16 | 0x89ull << 40 | ((u64)&tss >> 24 & 0xff) << 56;
  gdt[7] = (u64)&tss >> 32;
  __asm__ volatile("ltr %w0" : : "r"(0x30));
  __asm__ volatile("lldt %w0" : : "r"(0));
  u64 *pdpt = tables + 512, *directory = tables + 512 * 3;
  pdpt[1] = (u64)directory | 7;
  /* Accessed from the start: whether a fault below sets the flag is left to the processor (SDM Vol. 3A, 4.8); QEMU does, the machine does not. */
  directory[0] = (u64)test_table | 0x27;
  directory[8] = (u64)user_table | 7;
  user_table[0] = (u64)accesses_begin | 5;
  user_table[1] = (u64)user_stack | 7;
  for (u32 n = 0; n < 0x4000; n++) frames[n] = 0xc3;
  flush_all();
}

void main(struct start_info *info)
{
  u64 *module = (u64 *)info->module_list;
  struct operation *list = (struct operation *)module[0];
  u64 count = module[1] / sizeof *list, directory = (u64)(tables + 512 * 3);
  prepare();
  for (u64 n = 0; n < count; n++) {
    struct operation *o = &list[n];
    switch (o->kind) {
      case 0: /* an entry of the test pages */
        test_table[o->a & 7] = ((u64)frames + (o->b & 3) * 4096) | o->value;
        __asm__ volatile("invlpg (%0)" : : "r"(0x40000000ul + (o->a & 7) * 4096ul) : "memory");
        break;
      case 1: /* the entry above them */
        *(u64 *)directory = (u64)test_table | o->value | 0x20;
        flush_all();
        break;
      case 2: write_cr0((read_cr(0) & ~0x10000ull) | o->value); break; /* WP */
      case 3: write_cr4((read_cr(4) & ~0x300000ull) | o->value); break; /* SMEP, SMAP */
      case 4: extra_flags = o->value | 2; break;
      case 5: write_cr3(read_cr(3)); break;
      case 6: gdt[8 + (o->a & 7)] = o->value; break;
      case 7: { /* EFER.NXE */
        u32 low, high;
        __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080));
        __asm__ volatile("wrmsr" : : "a"((low & ~0x800u) | (u32)o->value), "d"(high), "c"(0xc0000080));
        flush_all();
        break;
      }
      default: { /* an access */
        seen_result = seen_cr2 = 0;
        __asm__ volatile("mov %0, %%cr2" : : "r"(0ul));
        probe(o->a, o->value, o->b & 1);
        hex((u32)n);
        put(':'); put(' ');
        wide(seen_vector);
        wide(seen_error);
        wide(seen_cr2);
        wide(seen_vector == 0x80 ? seen_result : 0);
        wide(seen_rip - ((seen_cs & 3) ? 0x41000000ul : (u64)accesses_begin));
        wide(seen_flags & 0x247700);
        u64 bits = *(u64 *)directory & 0x60;
        for (int k = 0; k < 8; k++) bits = bits << 2 | (test_table[k] >> 5 & 3);
        wide(bits);
        bits = 0;
        for (int k = 0; k < 8; k++) bits = bits << 8 | (gdt[8 + k] >> 40 & 0xff);
        wide(bits);
        put('\n');
      }
    }
  }
  print("end\n");
  finish(1);
}
