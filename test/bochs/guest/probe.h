/* The test guest's means: run a few instructions (a probe) in a chosen state, and say what became of them. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
enum { CODE0 = 0x08, DATA0 = 0x10, CODE32_0 = 0x18, CODE32_3 = 0x23, DATA3 = 0x2b, CODE3 = 0x33, TSS = 0x38, LDT = 0x48, SLOT = 0x58, GDT_END = 0x98 };
enum { DONE = 0x81 };

/* Registers to enter a probe with; `gpr[RSP]` is not used. Offsets are known to entry.S. */
struct context { u64 gpr[16], rip, cs, rflags, rsp, ss; };

/* What the event that ended the probe left. `error` is -1 where the event pushes none. Offsets are known to entry.S. */
struct outcome {
  u64 gpr[16], vector, error;
  /* Of the handler: where its frame begins, SS, RFLAGS. */
  u64 frame, cr2, handler_ss, handler_flags;
  u64 rip, cs, rflags, rsp, ss;
  u64 ds, es, fs, gs, handler_cs;
};

struct gate { u16 low; u16 selector; u8 ist; u8 type; u16 middle; u32 high; u32 zero; };
struct __attribute__((packed)) pointer { u16 limit; u64 base; };

/* Which groups run (a bit each), and the seed of the random ones. */
extern volatile u64 parameters[2];

extern u64 gdt[];
extern struct gate idt[256];
extern u8 tss[0x100];
extern struct outcome outcome;
extern const char vectors[];
extern void enter(const struct context *);

/* The pages that tests map as they like: linear address, and the physical page it leads to at every page size. */
#define TEST_LINEAR 0x8040801000UL
#define TEST_FRAME 0x801000UL
#define ROOT ((volatile u64 *)0x200000)
/* A table of level 3, 2 or 1 on the way to TEST_LINEAR. */
#define TABLE(level) ((volatile u64 *)(0x210000UL + 0x1000 * (3 - (level))))
#define KERNEL_STACK 0x1e0000UL
#define IST_STACK(n) (0x1d0000UL + 0x1000 * (n))
#define RSP0_STACK 0x1dc000UL
#define USER_STACK (USER(0x1cf000))

/* The address of the same byte in the mapping for CPL 3. */
#define USER(address) ((u64)(address) + 0x40000000UL)

/* A probe: instructions that end with INT DONE. It runs at its own address at CPL 0, at USER(address) at CPL 3. */
#define PROBE(name, code) \
  __asm__(".pushsection .probe, \"ax\"\n.balign 16\n.globl " #name "\n" #name ":\n" code "\n\tint $0x81\n.popsection\n"); \
  extern const char name[]
/* The same of 32-bit code. */
#define PROBE32(name, code) PROBE(name, ".code32\n" code "\n\tint $0x81\n.code64")

/* Output: %s, %x (u64), %d. */
void print(const char *format, ...);

/* The state in which a probe starts at privilege level 0 or 3: flat segments, its stack, no flags. */
struct context start_at(const char *probe, int cpl);
struct context start_at32(const char *probe, int cpl);
/* Runs it; the outcome is in `outcome`. */
void run(const struct context *context);
/* Prints label, event, error code, and where: `#PF 7 cr2=... +3`. */
void report(const char *label, const struct context *from);
/* The same with the whole frame and the handler's state. */
void report_frame(const char *label, const struct context *from);
/* Both in one: runs a probe with RAX, RDI and reports briefly. */
void probe(const char *label, const char *code, int cpl, u64 rax, u64 rdi);

void set_gate(int vector, u64 target, u16 selector, int ist, int type);
/* Every gate, the TSS and the GDT as they are between tests. */
void reset_tables(void);
void load_task(u32 limit);
u64 system_descriptor(u64 base, u32 limit, int type);

static inline u64 read_cr0(void) { u64 v; __asm__ volatile("mov %%cr0, %0" : "=r"(v)); return v; }
static inline u64 read_cr3(void) { u64 v; __asm__ volatile("mov %%cr3, %0" : "=r"(v)); return v; }
static inline u64 read_cr4(void) { u64 v; __asm__ volatile("mov %%cr4, %0" : "=r"(v)); return v; }
static inline void write_cr0(u64 v) { __asm__ volatile("mov %0, %%cr0" :: "r"(v) : "memory"); }
static inline void write_cr3(u64 v) { __asm__ volatile("mov %0, %%cr3" :: "r"(v) : "memory"); }
static inline void write_cr4(u64 v) { __asm__ volatile("mov %0, %%cr4" :: "r"(v) : "memory"); }
static inline u64 rdmsr(u32 n) { u32 a, d; __asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(n)); return (u64)d << 32 | a; }
static inline void wrmsr(u32 n, u64 v) { __asm__ volatile("wrmsr" :: "c"(n), "a"((u32)v), "d"((u32)(v >> 32)) : "memory"); }
static inline void flush(void) { write_cr3(read_cr3()); }

#define CR0_WP (1UL << 16)
#define CR4_PCIDE (1UL << 17)
#define CR4_SMEP (1UL << 20)
#define CR4_SMAP (1UL << 21)
#define EFER 0xc0000080
#define EFER_NXE (1UL << 11)
#define P 1UL
#define W 2UL
#define U 4UL
#define A 0x20UL
#define D 0x40UL
#define PS 0x80UL
#define NX (1UL << 63)

/* Maps TEST_LINEAR with these bits at levels 4 to 1 (index 4 to 1); PS at level 3 or 2 ends the walk there. Flushes. */
void map_test_page(const u64 bits[5]);
