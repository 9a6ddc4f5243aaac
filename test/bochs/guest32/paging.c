/* Paging outside long mode: SDM Vol. 3A, 4.3 and 4.4, with the rights of 4.6. Prints to port 0xe9. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum { CODE0 = 0x08, DATA0 = 0x10, CODE3 = 0x1b, DATA3 = 0x23, DONE = 0x81 };
struct outcome { u32 vector, error, cr2, eip, cs; } outcome;
extern const char vectors[];
extern void enter(u32 eip, u32 cs, u32 eflags, u32 esp, u32 ss, u32 edi);

static u64 idt[256] __attribute__((aligned(8)));
/* Linear 0x00000000 is mapped to itself for the supervisor, the same again at 0x40000000 for CPL 3; the page under test is at 0x80c01000. */
#define DIRECTORY ((volatile u32 *)0x200000)
#define DIRECTORIES ((volatile u64 *)0x202000)
#define PDPTES ((volatile u64 *)0x201000)
#define TABLE 0x210000
#define TEST 0x80c01000u
#define FRAME 0xc01000u
#define USER(address) ((u32)(address) + 0x40000000)
enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };
#define NX (1ull << 63)
#define CR4_PSE 0x10
#define CR4_PAE 0x20
#define CR4_PGE 0x80
#define CR4_SMEP (1 << 20)
#define CR4_SMAP (1 << 21)
#define CR0_WP (1 << 16)

static void put(char c) { __asm__ volatile("outb %0, $0xe9" :: "a"(c)); }
static void text(const char *s) { while (*s) put(*s++); }
static void hex(u32 v) { int shift = 28; while (shift > 0 && !(v >> shift)) shift -= 4; for (; shift >= 0; shift -= 4) put("0123456789abcdef"[v >> shift & 15]); }

#define PROBE(name, code) __asm__(".pushsection .text\n.balign 16\n.globl " #name "\n" #name ":\n" code "\n\tint $0x81\n.popsection\n"); extern const char name[]
PROBE(p_read, "movb 0x800(%edi), %al");
PROBE(p_write, "movb %al, 0x800(%edi)");
PROBE(p_fetch, "jmp *%edi");
static const char *const probes[] = { p_read, p_write, p_fetch };

#define READ(cr) ({ u32 v; __asm__ volatile("mov %%" cr ", %0" : "=r"(v)); v; })
#define WRITE(cr, v) __asm__ volatile("mov %0, %%" cr :: "r"(v) : "memory")
static void set_nxe(int on) { __asm__ volatile("wrmsr" :: "c"(0xc0000080), "a"(on ? 0x800 : 0), "d"(0)); }

/* Paging modes and page sizes; the entries of the test page, leaf last. */
static const struct { const char *name; u32 cr4; int pae, large; } modes[] = {
  { "32-bit", 0, 0, 0 }, { "pse", CR4_PSE, 0, 0 }, { "pse 4M", CR4_PSE, 0, 1 }, { "no pse 4M", 0, 0, 2 }, { "pae", CR4_PAE, 1, 0 }, { "pae 2M", CR4_PAE, 1, 1 },
};

static void map(int pae, u64 upper, u64 leaf)
{
  if (pae) {
    DIRECTORIES[1024 + (TEST >> 21 & 511)] = upper;
    ((volatile u64 *)TABLE)[TEST >> 12 & 511] = leaf;
  } else {
    DIRECTORY[TEST >> 22] = upper;
    ((volatile u32 *)TABLE)[TEST >> 12 & 1023] = leaf;
  }
  WRITE("cr3", READ("cr3"));
}

static void try_all(int pae, int large, u64 upper, u64 leaf, int acs)
{
  for (int cpl = 0; cpl < 2; cpl++)
    for (int probe = 0; probe < 3; probe++)
      for (int ac = 0; ac <= acs; ac++) {
        map(pae, upper, leaf);
        u32 code = (u32)probes[probe];
        WRITE("cr2", 0);
        enter(cpl ? USER(code) : code, cpl ? CODE3 : CODE0, 2 | ac << 18, 0x401c0000, DATA3, TEST);
        put(' ');
        put("rwx"[probe]);
        if (outcome.vector == DONE) put('.');
        else { hex(outcome.vector); put('/'); hex(outcome.error); }
        if (outcome.vector == 14 && outcome.cr2 != TEST + (probe == 2 ? 0 : 0x800)) { put('@'); hex(outcome.cr2); }
        u64 high = pae ? DIRECTORIES[1024 + (TEST >> 21 & 511)] : DIRECTORY[TEST >> 22], low = large ? high : pae ? ((volatile u64 *)TABLE)[TEST >> 12 & 511] : ((volatile u32 *)TABLE)[TEST >> 12 & 1023];
        put(':');
        hex((high & A) >> 5);
        hex((low & (A | D)) >> 5);
      }
  put('\n');
}

static void set_paging(unsigned mode)
{
  WRITE("cr0", READ("cr0") & 0x7fffffff);
  WRITE("cr4", modes[mode].cr4);
  WRITE("cr3", modes[mode].pae ? (u32)PDPTES : (u32)DIRECTORY);
  WRITE("cr0", READ("cr0") | 0x80000000);
}

static void rights(unsigned mode)
{
  int pae = modes[mode].pae, large = modes[mode].large;
  for (int controls = 0; controls < 16; controls++) {
    u32 cr0 = READ("cr0") & ~CR0_WP;
    WRITE("cr0", controls & 1 ? cr0 | CR0_WP : cr0);
    WRITE("cr4", modes[mode].cr4 | (controls & 2 ? CR4_SMEP : 0) | (controls & 4 ? CR4_SMAP : 0));
    set_nxe(controls & 8);
    for (int taken = 0; taken < (pae ? 64 : 16); taken++) {
      int levels = pae ? 8 : 4, high = taken % levels, low = taken / levels;
      if (large == 1 && high) continue;
      /* A quarter of the many. */
      if (pae && !large && (controls + taken) % 4) continue;
      u64 upper = P | W | U, leaf = P | W | U;
      upper &= ~(u64)((high & 1 ? W : 0) | (high & 2 ? U : 0));
      leaf &= ~(u64)((low & 1 ? W : 0) | (low & 2 ? U : 0));
      if (high & 4) upper |= NX;
      if (low & 4) leaf |= NX;
      text(modes[mode].name); text(" controls "); hex(controls); text(" taken "); hex(taken); put(':');
      if (large == 1) try_all(pae, 1, leaf | PS | (pae ? FRAME & ~0x1fffffu : FRAME & ~0x3fffffu), 0, controls >> 2 & 1);
      else try_all(pae, 0, upper | TABLE | (large == 2 ? PS : 0), leaf | FRAME, controls >> 2 & 1);
    }
  }
  WRITE("cr4", modes[mode].cr4);
  set_nxe(1);
  WRITE("cr0", READ("cr0") | CR0_WP);
}

static void reserved(unsigned mode)
{
  int pae = modes[mode].pae, large = modes[mode].large;
  for (int nxe = 0; nxe < 2; nxe++) {
    set_nxe(nxe);
    for (int level = 0; level < (large == 1 ? 1 : 2); level++)
      for (int bit = 0; bit < (pae ? 64 : 32); bit++) {
        int leaf = level == 1 || large == 1;
        /* Address bits that lead elsewhere, and PS. */
        if ((bit >= 12 && bit < 40 && !(leaf && large == 1 && bit < 22 && (pae || bit == 21))) || (bit == 7 && level == 0)) continue;
        u64 upper = large == 1 ? P | W | U | PS | (pae ? FRAME & ~0x1fffffu : FRAME & ~0x3fffffu) : P | W | U | TABLE, low = P | W | U | FRAME;
        if (pae && large == 1 && bit == 21) continue;
        *(level ? &low : &upper) ^= 1ull << bit;
        text(modes[mode].name); text(nxe ? " nxe" : ""); text(" level "); hex(level); text(" bit "); hex(bit); put(':');
        try_all(pae, large, upper, low, 0);
      }
  }
}

/* PDPTE registers: MOV to CR3 with each bit of an entry set. */
PROBE(p_cr3, "movl %edi, %cr3");
static void pdptes(void)
{
  for (int n = 0; n < 4; n++)
    for (int bit = 0; bit < 64; bit++)
      for (int present = 0; present < 2; present++) {
        volatile u64 *copy = (volatile u64 *)0x203fe0;
        for (int i = 0; i < 4; i++) copy[-0x2000 / 8 + i] = PDPTES[i];
        volatile u64 *table = copy - 0x2000 / 8;
        if (bit >= 12 && bit < 40) continue;
        table[n] = n == 3 ? (present ? 0x206001 : 0x206000) ^ (bit ? 1ull << bit : 0) : table[n] ^ (bit ? 1ull << bit : 0);
        text("pdpte "); hex(n); text(" bit "); hex(bit); text(present ? " present:" : ":");
        if (n < 3 && !(table[n] & P)) { put('\n'); continue; }
        enter((u32)p_cr3, CODE0, 2, 0, 0, (u32)table);
        hex(outcome.vector); put('/'); hex(outcome.error); text(" cr3 "); hex(READ("cr3")); put('\n');
        WRITE("cr3", (u32)PDPTES);
      }
}

void guest_main(void)
{
  __asm__ volatile("outb %0, $0x21\n outb %0, $0xa1" :: "a"((u8)0xff));
  for (int n = 0; n < 256; n++) {
    u32 at = (u32)vectors + 16 * n;
    idt[n] = (at & 0xffff) | (u32)CODE0 << 16 | (u64)(0xee00 | (at & 0xffff0000)) << 32;
  }
  struct __attribute__((packed)) { u16 limit; u32 base; } pointer = { sizeof idt - 1, (u32)idt };
  __asm__ volatile("lidt %0" :: "m"(pointer));
  *(volatile u32 *)0x30004 = 0x1e0000;
  *(volatile u32 *)0x30008 = DATA0;
  for (unsigned n = 0; n < 0x800; n++) ((volatile u8 *)FRAME)[n] = n & 1 ? DONE : 0xcd;
  /* 64 MiB each. 32-bit paging maps them by tables, since 4 MiB pages are not always there. */
  for (u32 n = 0; n < 16; n++) {
    DIRECTORY[n] = (0x220000 + n * 0x1000) | P | W;
    DIRECTORY[0x100 + n] = (0x230000 + n * 0x1000) | P | W | U;
    for (u32 i = 0; i < 1024; i++) {
      ((volatile u32 *)(0x220000 + n * 0x1000))[i] = (n << 22 | i << 12) | P | W;
      ((volatile u32 *)(0x230000 + n * 0x1000))[i] = (n << 22 | i << 12) | P | W | U;
    }
  }
  for (int n = 0; n < 4; n++) PDPTES[n] = (0x202000 + n * 0x1000) | P;
  for (u32 n = 0; n < 32; n++) {
    DIRECTORIES[n] = (n << 21) | P | W | PS;
    DIRECTORIES[512 + n] = (n << 21) | P | W | U | PS;
  }
  text("BEGIN\n");
  for (unsigned mode = 0; mode < sizeof modes / sizeof *modes; mode++) {
    set_paging(mode);
    text("GROUP "); text(modes[mode].name); put('\n');
    rights(mode);
    reserved(mode);
  }
  text("GROUP pdptes\n");
  pdptes();
  text("END\n");
  __asm__ volatile("outb %0, $0xf4" :: "a"((u8)0));
  for (const char *s = "Shutdown"; *s; s++) __asm__ volatile("outb %0, %w1" :: "a"(*s), "Nd"(0x8900));
}
