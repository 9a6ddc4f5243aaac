/* Protection keys: SDM Vol. 3A, 4.6.2 and 4.7; Vol. 2B, RDPKRU and WRPKRU. */
#include "probe.h"
#include "groups.h"

#define CR4_PKE (1UL << 22)

PROBE(k_read, "movb 0x800(%rdi), %al");
PROBE(k_write, "movb %al, 0x800(%rdi)");
PROBE(k_fetch, "jmp *%rdi");
PROBE(k_rdpkru, "rdpkru");
PROBE(k_wrpkru, "wrpkru\n xorl %ecx, %ecx\n rdpkru");
PROBE(k_switch, "movb 0x800(%rdi), %bl\n movb %bl, 0x800(%rdi)\n wrpkru\n movb 0x800(%rdi), %bl\n movb %bl, 0x800(%rdi)");

static const struct { const char *name, *code; } accesses[] = { { "r", k_read }, { "w", k_write }, { "x", k_fetch } };

static void set_pkru(u32 value) { __asm__ volatile("wrpkru" :: "a"(value), "c"(0), "d"(0)); }

/* PKRU that forbids (bit 0: access, bit 1: writes) for one key, and the other way round for all others but key 0, which Bochs applies to
   supervisor pages as well. */
static u32 pkru_of(int key, u32 bits) { return (0x55555554 * (bits ^ 3) & ~(3u << 2 * key)) | bits << 2 * key; }

static void rights(void)
{
  for (unsigned n = 0; n < 4096; n++) ((volatile u8 *)TEST_FRAME)[n] = n & 1 ? DONE : 0xcd;
  static const int keys[] = { 1, 7, 15 };
  for (int size = 0; size < 3; size++)
    for (unsigned k = 0; k < sizeof keys / sizeof *keys; k++)
      for (u32 bits = 0; bits < 4; bits++)
        for (int modes = 0; modes < 8; modes++)
          for (u64 taken = 0; taken < 8; taken++) {
            u64 leaf = (P | W | U | (u64)keys[k] << 59) & ~(taken & 1 ? W : 0) & ~(taken & 2 ? U : 0);
            if (taken & 4) leaf |= NX;
            u64 entries[5] = { 0, P | W | U, P | W | U, P | W | U, P | W | U };
            entries[1 + size] = leaf | (size ? PS : 0);
            u64 cr0 = read_cr0() & ~CR0_WP, cr4 = read_cr4() & ~(CR4_SMAP | CR4_PKE);
            write_cr0(modes & 1 ? cr0 | CR0_WP : cr0);
            write_cr4(cr4 | (modes & 2 ? CR4_SMAP : 0) | (modes & 4 ? CR4_PKE : 0));
            print("size %d key %d pkru %d modes %d taken %d:", size, keys[k], (int)bits, modes, (int)taken);
            for (int cpl = 0; cpl <= 3; cpl += 3)
              for (unsigned access = 0; access < sizeof accesses / sizeof *accesses; access++)
                for (int ac = 0; ac <= (modes >> 1 & 1); ac++) {
                  map_test_page(entries);
                  struct context c = start_at(accesses[access].code, cpl);
                  c.gpr[RDI] = TEST_LINEAR;
                  if (ac) c.rflags |= 1UL << 18;
                  if (modes & 4) set_pkru(pkru_of(keys[k], bits));
                  run(&c);
                  if (modes & 4) set_pkru(0);
                  /* QEMU sets A of the upper levels even if the access fails. */
                  u64 at = size == 2 ? TABLE(3)[1] : size == 1 ? TABLE(2)[4] : TABLE(1)[1];
                  if (outcome.vector == DONE) print(" %s.:%x", accesses[access].name, (at & (A | D)) >> 5);
                  else print(" %s%x/%x", accesses[access].name, outcome.vector, outcome.error);
                }
            print("\n");
            write_cr4(read_cr4() & ~(CR4_SMAP | CR4_PKE));
            write_cr0(cr0);
          }
}

static void instructions(void)
{
  static const u64 values[] = { 0, 1, 0x100000000, 0xffffffff };
  u64 cr4 = read_cr4();
  for (int pke = 0; pke < 2; pke++) {
    write_cr4(pke ? cr4 | CR4_PKE : cr4);
    for (int cpl = 0; cpl <= 3; cpl += 3)
      for (int which = 0; which < 2; which++)
        for (unsigned i = 0; i < 4; i++)
          for (unsigned j = 0; j < 4; j++) {
            struct context c = start_at(which ? k_wrpkru : k_rdpkru, cpl);
            /* Key 0 must stay usable. */
            c.gpr[RAX] = 0xabcdef0155555554;
            c.gpr[RCX] = values[i];
            c.gpr[RDX] = values[j];
            run(&c);
            if (pke) set_pkru(0);
            print("pke %d cpl %d %s rcx=%x rdx=%x ", pke, cpl, which ? "wrpkru" : "rdpkru", values[i], values[j]);
            report("pkru", &c);
            print("  rax=%x rdx=%x\n", outcome.gpr[RAX], outcome.gpr[RDX]);
          }
    u32 a = 7, b, count = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(count), "=d"(d));
    print("cpuid 7 ecx %x: \n", (u64)count & 0x18);
  }
  /* From one access to the next. */
  for (u64 pkru = 0; pkru < 64; pkru += 4) {
    u64 entries[5] = { 0, P | W | U | 2UL << 59, P | W | U, P | W | U, P | W | U };
    map_test_page(entries);
    struct context c = start_at(k_switch, pkru & 4 ? 0 : 3);
    c.gpr[RAX] = pkru;
    c.gpr[RDI] = TEST_LINEAR;
    run(&c);
    set_pkru(0);
    print("switch to %x ", pkru);
    report("pkru", &c);
  }
  write_cr4(cr4);
}

void test_keys(void)
{
  rights();
  instructions();
}
