/* Page rights and reserved bits: SDM Vol. 3A, 4.5 to 4.8. */
#include "probe.h"
#include "groups.h"

PROBE(read_page, "movb 0x800(%rdi), %al");
PROBE(write_page, "movb %al, 0x800(%rdi)");
PROBE(modify_page, "lock; xaddb %al, 0x800(%rdi)");
PROBE(compare_page, "cmpxchgb %cl, 0x800(%rdi)");
PROBE(fetch_page, "jmp *%rdi");
PROBE(touch_implicitly, "movl %eax, %fs");

static const struct { const char *name, *code; } accesses[] = {
  { "r", read_page }, { "w", write_page }, { "m", modify_page }, { "c", compare_page }, { "x", fetch_page },
};

/* "Done" in the test page, for the fetch. */
static void fill_page(void)
{
  for (unsigned n = 0; n < 4096; n++) ((volatile u8 *)TEST_FRAME)[n] = n & 1 ? DONE : 0xcd;
}

/* Result of one access: `.` or the error code, then A of the levels 4 to 1 and D of the leaf as hexadecimal digits. */
static void try_access(int access, int cpl, u64 flags, const u64 bits[5])
{
  map_test_page(bits);
  struct context c = start_at(accesses[access].code, cpl);
  c.gpr[RDI] = TEST_LINEAR;
  c.rflags |= flags;
  run(&c);
  u64 leaf = bits[3] & PS ? TABLE(3)[1] : bits[2] & PS ? TABLE(2)[4] : TABLE(1)[1];
  u64 accessed = (ROOT[1] & A) >> 5 << 3 | (TABLE(3)[1] & A) >> 5 << 2 | (TABLE(2)[4] & A) >> 5 << 1 | (TABLE(1)[1] & A) >> 5;
  print(" %s", accesses[access].name);
  if (outcome.vector == DONE) print(".");
  else if (outcome.vector == 14) print("%x", outcome.error);
  else print("!%x/%x", outcome.vector, outcome.error);
  if (outcome.vector == 14 && outcome.cr2 != TEST_LINEAR + (access == 4 ? 0 : 0x800)) print("@%x", outcome.cr2);
  print(":%x%x", accessed, (leaf & D) >> 6);
}

/* WP, SMEP, SMAP, NXE. Between tests only NXE is on. */
static void set_modes(int modes)
{
  u64 cr0 = read_cr0() & ~CR0_WP, cr4 = read_cr4() & ~(CR4_SMEP | CR4_SMAP), efer = rdmsr(EFER) & ~EFER_NXE;
  write_cr0(modes & 1 ? cr0 | CR0_WP : cr0);
  write_cr4((modes & 2 ? CR4_SMEP : 0) | (modes & 4 ? CR4_SMAP : 0) | cr4);
  wrmsr(EFER, modes & 8 ? efer | EFER_NXE : efer);
}

static void all_accesses(int cpl, int modes, const u64 bits[5])
{
  for (unsigned access = 0; access < sizeof accesses / sizeof *accesses; access++) {
    try_access(access, cpl, 0, bits);
    if (modes & 4) {
      print("/ac");
      try_access(access, cpl, 1UL << 18, bits);
    }
  }
}

/* Each right taken away at each level, under every combination of the modes that matter, for each page size. */
void test_rights(void)
{
  fill_page();
  for (int leaf = 1; leaf <= 3; leaf++)
    for (int level = leaf; level <= 4; level++)
      for (int rights = 0; rights < 16; rights++)
        for (int modes = 0; modes < 16; modes++) {
          /* Without NXE bit 63 is reserved: test_reserved_bits. */
          if (rights & 8 && !(modes & 8)) continue;
          u64 bits[5] = { 0, P | W | U, P | W | U, P | W | U, P | W | U };
          bits[level] = (rights & 1 ? 0 : P) | (rights & 2 ? 0 : W) | (rights & 4 ? 0 : U) | (rights & 8 ? NX : 0);
          if (leaf > 1) bits[leaf] |= PS;
          print("leaf %d level %d without%s%s%s%s wp=%d smep=%d smap=%d nxe=%d", leaf, level, rights & 1 ? " P" : "", rights & 2 ? " W" : "",
            rights & 4 ? " U" : "", rights & 8 ? " X" : "", modes & 1, modes >> 1 & 1, modes >> 2 & 1, modes >> 3);
          set_modes(modes);
          print(" | cpl 0");
          all_accesses(0, modes, bits);
          /* WP, SMEP and SMAP say nothing about CPL 3. */
          if ((modes & 7) == 0 || (modes & 7) == 7) {
            print(" | cpl 3");
            all_accesses(3, modes, bits);
          }
          set_modes(8);
          print("\n");
        }
  /* Implicit supervisor accesses from CPL 3 (the descriptor lies on a user page) fail with SMAP whatever AC says. */
  set_modes(15);
  u64 user[5] = { 0, P | W | U, P | W | U, P | W | U, P | W | U };
  map_test_page(user);
  for (int cpl = 0; cpl <= 3; cpl += 3)
    for (int ac = 0; ac < 2; ac++) {
      struct { u64 words[4]; } *table = (void *)(TEST_FRAME + 0x100);
      table->words[0] = 0;
      table->words[1] = gdt[DATA3 / 8];
      gdt[LDT / 8] = system_descriptor(TEST_LINEAR + 0x100, 15, 0x82);
      gdt[LDT / 8 + 1] = (TEST_LINEAR + 0x100) >> 32;
      __asm__ volatile("lldt %w0" :: "r"(LDT));
      struct context c = start_at(touch_implicitly, cpl);
      c.gpr[RAX] = 0xf;
      c.rflags |= ac ? 1UL << 18 : 0;
      run(&c);
      print("implicit access, cpl %d ac=%d ", cpl, ac);
      report("", &c);
    }
  reset_tables();
  set_modes(8);
}

static void reserved(const char *what, int bit, int level, u64 bits[5])
{
  print("%s bit %d at level %d", what, bit, level);
  for (int cpl = 0; cpl <= 3; cpl += 3) {
    print(" | cpl %d", cpl);
    all_accesses(cpl, 0, bits);
  }
  print("\n");
}

/* Bits that are reserved at a level, alone and together with a denied right or a missing entry at an other level. */
void test_reserved_bits(void)
{
  fill_page();
  for (int nxe = 0; nxe < 2; nxe++) {
    set_modes(nxe ? 8 : 0);
    print("NXE=%d\n", nxe);
    for (int leaf = 1; leaf <= 3; leaf++)
      for (int level = leaf; level <= 4; level++)
        for (int bit = 7; bit < 64; bit++) {
          /* Address bits lead elsewhere, unless the page is large; bit 63 with NXE is a right. */
          if (bit > 7 && bit < 12) continue;
          if (bit >= 12 && bit < 40 && !(level == leaf && leaf > 1 && bit < 12 + 9 * (leaf - 1))) continue;
          if ((bit == 7 && level <= 3) || (nxe && bit == 63)) continue;
          u64 bits[5] = { 0, P | W | U, P | W | U, P | W | U, P | W | U };
          if (leaf > 1) bits[leaf] |= PS;
          bits[level] |= 1UL << bit;
          print("leaf %d ", leaf);
          reserved("reserved", bit, level, bits);
          if (bit < 45 || bit > 46) continue;
          for (int other = leaf; other <= 4; other++) {
            if (other == level) continue;
            u64 keep = bits[other];
            bits[other] = keep & ~P;
            print("leaf %d, level %d absent, ", leaf, other);
            reserved("reserved", bit, level, bits);
            bits[other] = keep & ~(W | U);
            print("leaf %d, level %d without rights, ", leaf, other);
            reserved("reserved", bit, level, bits);
            bits[other] = keep;
          }
        }
  }
  set_modes(8);
  reset_tables();
}
