// Executes instruction sequences on the processor it runs on (x86-64 Linux) and tells what they leave behind.
//
// Standard input: u32 case count, u32 number of code bytes, the code for CODE, then for each case
//   u64 rip, u64 rflags, u64 bits (16, 32 or 64), u64 gpr[16] (RAX RCX RDX RBX RSP RBP RSI RDI R8..R15), u32 seed, u32 patch count (0-4),
//   4 x { u64 address, u64 value }, FX_BYTES of x87, MMX and SSE state as FXSAVE64 writes it.
// Standard output: for each case u64 gpr[16], rip, rflags, vector, error code, CR2, FX_BYTES of that state, then the data pages.
//
// A case is entered by returning from a signal with its registers and ends at the next exception; INT3 follows the code.
// Everything happens in the handler, on a stack of its own, so that the case may have any RSP.
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

// See layout.ts.
#define CODE 0x40000000UL
#define CODE_PAGES 16
#define DATA 0x50000000UL
#define DATA_PAGES 3
#define GS_BASE (DATA + 0x800)
#define DATA_BYTES (DATA_PAGES * 4096)
#define FX_BYTES 416
// Linux's sign that the state of XSAVE follows (asm/sigcontext.h, which cannot be included beside ucontext.h).
#define XSTATE_MAGIC 0x46505853U
// Selectors: Linux's own flat segments, and two of the LDT with CODE and DATA as base.
enum { CS_64 = 0x33, CS_32 = 0x23, DATA_FLAT = 0x2b, CS_16 = 0x07, DATA_16 = 0x0f };
// What a case that does not end gets for a vector.
#define VECTOR_TIMEOUT 0xffff

struct test {
  uint64_t rip, rflags, bits, gpr[16];
  uint32_t seed, patches;
  struct { uint64_t address, value; } patch[4];
  uint8_t fx[FX_BYTES];
};
struct outcome {
  uint64_t gpr[16], rip, rflags, vector, error, cr2;
  uint8_t fx[FX_BYTES];
  uint8_t memory[DATA_BYTES];
};

static struct test *tests;
static struct outcome *outcomes;
static uint32_t count, current;
static int started;
static uint8_t *alias; // the data pages, writable wherever the test may not write
static gregset_t original;
static uint8_t original_fx[FX_BYTES];
static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void prepare(const struct test *t) {
  uint32_t x = t->seed | 1, *words = (uint32_t *)alias;
  for (unsigned n = 0; n < DATA_BYTES / 4; n++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    words[n] = x;
  }
  for (unsigned n = 0; n < t->patches; n++) memcpy(alias + (t->patch[n].address - DATA), &t->patch[n].value, 8);
}

static void on_signal(int signal, siginfo_t *info, void *context) {
  (void)info;
  // The case's RFLAGS.AC is still on.
  __asm__ volatile("pushfq; andl $~0x40000, (%%rsp); popfq" : : : "cc", "memory");
  greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
  // The state as FXSAVE writes it; behind it, if the second word behind 464 says so, that of XSAVE, whose header tells what is to be loaded.
  uint8_t *fx = (uint8_t *)((ucontext_t *)context)->uc_mcontext.fpregs;
  if (started) {
    struct outcome *o = &outcomes[current];
    for (int n = 0; n < 16; n++) o->gpr[n] = (uint64_t)g[order[n]];
    o->rip = (uint64_t)g[REG_RIP];
    o->rflags = (uint64_t)g[REG_EFL];
    o->vector = signal == SIGALRM ? VECTOR_TIMEOUT : (uint64_t)g[REG_TRAPNO];
    o->error = (uint64_t)g[REG_ERR];
    o->cr2 = (uint64_t)g[REG_CR2];
    memcpy(o->fx, fx, FX_BYTES);
    memcpy(o->memory, alias, DATA_BYTES);
    current++;
  } else {
    if (signal != SIGTRAP) _exit(3);
    memcpy(original, g, sizeof original);
    memcpy(original_fx, fx, FX_BYTES);
    started = 1;
  }
  if (current == count) {
    memcpy(g, original, sizeof original);
    memcpy(fx, original_fx, FX_BYTES);
    __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0));
    started = 0;
    return;
  }
  struct itimerval limit = {{0, 0}, {1, 0}};
  setitimer(ITIMER_REAL, &limit, NULL);
  const struct test *t = &tests[current];
  prepare(t);
  memcpy(fx, t->fx, FX_BYTES);
  if (*(uint32_t *)(fx + 464) == XSTATE_MAGIC) *(uint64_t *)(fx + 512) |= 3;
  for (int n = 0; n < 16; n++) g[order[n]] = (greg_t)t->gpr[n];
  g[REG_RIP] = (greg_t)t->rip;
  // CS and SS come back with the signal's frame, DS and ES stay as they are loaded here.
  uint16_t cs = t->bits == 64 ? CS_64 : t->bits == 32 ? CS_32 : CS_16, data = t->bits == 16 ? DATA_16 : DATA_FLAT;
  ((uint16_t *)&g[REG_CSGSFS])[0] = cs;
  ((uint16_t *)&g[REG_CSGSFS])[3] = data;
  __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"((uint32_t)data));
  g[REG_EFL] = (greg_t)(t->rflags | 0x202);
}

static void read_all(void *to, size_t length) {
  if (length && fread(to, length, 1, stdin) != 1) fail("harness: the input ends early");
}

int main(void) {
  uint32_t code_bytes;
  read_all(&count, 4);
  read_all(&code_bytes, 4);
  if (code_bytes > CODE_PAGES * 4096) fail("harness: too much code");
  void *code = mmap((void *)CODE, CODE_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (code != (void *)CODE) fail("harness: mmap of the code");
  memset(code, 0xcc, CODE_PAGES * 4096);
  read_all(code, code_bytes);
  if (mprotect(code, CODE_PAGES * 4096, PROT_READ | PROT_EXEC)) fail("harness: mprotect");
  int file = memfd_create("data", 0);
  if (file < 0 || ftruncate(file, DATA_PAGES * 4096)) fail("harness: memfd");
  alias = mmap(NULL, DATA_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  void *data = mmap((void *)DATA, DATA_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, file, 0);
  if (alias == MAP_FAILED || data != (void *)DATA) fail("harness: mmap of the data");
  if (mprotect((char *)data + 0x2000, 4096, PROT_READ)) fail("harness: mprotect");
  // The kernel maps pages when they are first touched: now, so that no case finds them missing.
  for (int n = 0; n < DATA_PAGES; n++) (void)*(volatile char *)((char *)data + n * 4096);
  tests = calloc(count + 1, sizeof *tests);
  outcomes = calloc(count + 1, sizeof *outcomes);
  if (!tests || !outcomes) fail("harness: memory");
  read_all(tests, count * sizeof *tests);
  if (syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE)) fail("harness: GS");

  for (unsigned n = 0; n < 2; n++) {
    struct user_desc d = {.entry_number = n, .base_addr = n ? DATA : CODE, .limit = n ? DATA_BYTES - 1 : 0xffff, .contents = n ? 0 : 2, .useable = 1};
    if (syscall(SYS_modify_ldt, 1, &d, sizeof d)) fail("harness: LDT");
  }
  stack_t stack = {.ss_sp = malloc(1 << 18), .ss_size = 1 << 18};
  if (sigaltstack(&stack, NULL)) fail("harness: sigaltstack");
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
  for (unsigned n = 0; n < sizeof signals / sizeof *signals; n++) sigaction(signals[n], &action, NULL);
  if (count) __asm__ volatile("int3" ::: "memory");
  struct itimerval off = {0};
  setitimer(ITIMER_REAL, &off, NULL);
  if (count && fwrite(outcomes, sizeof *outcomes, count, stdout) != count) fail("harness: output");
  return 0;
}
