/* PCIDs, INVLPG and INVPCID: faults, and that a change is seen after whatever must flush it (SDM Vol. 3A, 4.10). What may stay in the TLB is not compared:
   Bochs flushes more than a processor has to. */
#include "probe.h"
#include "groups.h"

PROBE(invpcid_, "invpcid (%rdi), %rax");
PROBE(load_cr3, "movq %rax, %cr3\n movq %cr3, %rbx");
PROBE(read_test, "movq (%rdi), %rax");

static struct { u64 pcid, address; } descriptor __attribute__((aligned(16)));
#define KEEP (1UL << 63)
#define CR4_PGE 0x80UL

static void invpcid_faults(void)
{
  static const u64 pcids[] = { 0, 5, 0xfff, 0x1000, 0x100000000, 1UL << 63 }, addresses[] = { 0, 0x7ffffffff000, 0x800000000000, 0xffff800000000000, 1UL << 63 };
  static const u64 types[] = { 0, 1, 2, 3, 4, 5, 0xff, 0x100000000, 0x8000000000000000 };
  for (int pcide = 0; pcide < 2; pcide++) {
    write_cr4(pcide ? read_cr4() | CR4_PCIDE : read_cr4() & ~CR4_PCIDE);
    for (unsigned t = 0; t < sizeof types / sizeof *types; t++)
      for (unsigned p = 0; p < sizeof pcids / sizeof *pcids; p++)
        for (unsigned a = 0; a < sizeof addresses / sizeof *addresses; a++) {
          descriptor.pcid = pcids[p];
          descriptor.address = addresses[a];
          print("pcide=%d type %x pcid %x address %x ", pcide, types[t], pcids[p], addresses[a]);
          probe("invpcid", invpcid_, 0, types[t], (u64)&descriptor);
        }
    for (unsigned t = 0; t < 5; t++) {
      print("type %x ", types[t]);
      probe("invpcid at CPL 3", invpcid_, 3, types[t], USER(&descriptor));
      probe("invpcid, absent operand", invpcid_, 0, types[t], 0x10000000000);
      probe("invpcid, non-canonical operand", invpcid_, 0, types[t], 1UL << 60);
    }
  }
  write_cr4(read_cr4() & ~CR4_PCIDE);
}

static void cr3_values(void)
{
  write_cr4(read_cr4() | CR4_PCIDE);
  u64 root = read_cr3();
  for (int keep = 0; keep < 2; keep++)
    for (u64 pcid = 0; pcid < 0x1000; pcid = pcid * 2 + 1) {
      print("keep=%d pcid %x ", keep, pcid);
      probe("mov to cr3", load_cr3, 0, root | pcid | (keep ? KEEP : 0), 0);
      print("  cr3=%x\n", outcome.gpr[RBX]);
    }
  write_cr3(root);
  write_cr4(read_cr4() & ~CR4_PCIDE);
  probe("mov to cr3 with bit 63 and without PCIDE", load_cr3, 0, root | KEEP, 0);
}

enum { BY_CR3, BY_CR3_KEEP_INVLPG, BY_INVPCID_ADDRESS, BY_INVPCID_SINGLE, BY_INVPCID_ALL, BY_INVPCID_NONGLOBAL, BY_PGE, BY_PCIDE_OFF, METHODS };
static const char *const methods[] = { "mov to cr3", "invlpg", "invpcid 0", "invpcid 1", "invpcid 2", "invpcid 3", "PGE toggled", "PCIDE off and on" };

static void do_invpcid(u64 type, u64 pcid)
{
  descriptor.pcid = pcid;
  descriptor.address = TEST_LINEAR;
  __asm__ volatile("invpcid %0, %1" :: "m"(descriptor), "r"(type) : "memory");
}

/* Drops what PCID 7 holds of TEST_LINEAR, with the current PCID `current`. */
static void drop(int method, u64 root)
{
  switch (method) {
    case BY_CR3: write_cr3(root | 7); break;
    case BY_CR3_KEEP_INVLPG: write_cr3(root | 7 | KEEP); __asm__ volatile("invlpg %0" :: "m"(*(char *)TEST_LINEAR)); break;
    case BY_INVPCID_ADDRESS: do_invpcid(0, 7); break;
    case BY_INVPCID_SINGLE: do_invpcid(1, 7); break;
    case BY_INVPCID_ALL: do_invpcid(2, 0); break;
    case BY_INVPCID_NONGLOBAL: do_invpcid(3, 0); break;
    case BY_PGE: write_cr4(read_cr4() ^ CR4_PGE); write_cr4(read_cr4() ^ CR4_PGE); break;
    default: write_cr3(root); write_cr4(read_cr4() & ~CR4_PCIDE); write_cr4(read_cr4() | CR4_PCIDE); break;
  }
}

static void changes_are_seen(void)
{
  *(volatile u64 *)TEST_FRAME = 0x1111;
  *(volatile u64 *)(TEST_FRAME + 0x1000) = 0x2222;
  write_cr4(read_cr4() | CR4_PCIDE);
  u64 root = read_cr3();
  for (int global = 0; global < 2; global++)
    for (int pge = 0; pge < 2; pge++)
      for (int method = 0; method < METHODS; method++)
        for (int current = 7; current <= 8; current++)
          for (int change = 0; change < 3; change++) {
            /* These leave global translations alone, or may. */
            if (global && pge && (method == BY_CR3 || method == BY_INVPCID_ADDRESS || method == BY_INVPCID_SINGLE || method == BY_INVPCID_NONGLOBAL)) continue;
            write_cr4(pge ? read_cr4() | CR4_PGE : read_cr4() & ~CR4_PGE);
            u64 bits[5] = { 0, P | W | U | (global ? 0x100 : 0), P | W | U, P | W | U, P | W | U };
            write_cr3(root | 7);
            map_test_page(bits);
            write_cr4(read_cr4() ^ CR4_PGE);
            write_cr4(read_cr4() ^ CR4_PGE);
            *(volatile u64 *)TEST_LINEAR;
            write_cr3(root | current | KEEP);
            if (change == 0) TABLE(1)[1] = (TEST_FRAME + 0x1000) | bits[1];
            else if (change == 1) TABLE(1)[1] = 0;
            else TABLE(2)[4] = 0;
            drop(method, root);
            write_cr3(root | 7 | KEEP);
            print("global=%d pge=%d, %s from pcid %d, change %d, ", global, pge, methods[method], current, change);
            probe("read", read_test, 0, 0, TEST_LINEAR);
            if (outcome.vector == DONE) print("  %x\n", outcome.gpr[RAX]);
            write_cr3(root);
          }
  write_cr4(read_cr4() & ~(CR4_PCIDE | CR4_PGE));
}

/* Both processors must have what the tests are about. */
static void features(void)
{
  u32 a, b, c, d;
  __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
  print("PCID %d PGE %d ", c >> 17 & 1, d >> 13 & 1);
  __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
  print("FSGSBASE %d SMEP %d INVPCID %d SMAP %d UMIP %d\n", b & 1, b >> 7 & 1, b >> 10 & 1, b >> 20 & 1, c >> 2 & 1);
}

void test_pcid(void)
{
  features();
  cr3_values();
  invpcid_faults();
  changes_are_seen();
}
