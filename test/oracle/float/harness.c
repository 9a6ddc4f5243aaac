// Executes single x87 and SSE instructions on the processor it runs on (x86-64 Linux) with given registers, and tells what they
// leave behind.
//
// Standard input: u32 case count, then the cases; standard output: the outcomes. Both are `struct state` (see layout.ts); the
// instruction stands at CODE, its memory operand at DATA, to which RDI points. SIGFPE ends a case with the vector of #MF or #XM.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define CODE 0x40100000UL
#define DATA 0x40200000UL
#define DATA_BYTES 128
#define CODE_BYTES 16

struct state {
  uint8_t code[CODE_BYTES]; // behind the instruction zeros
  uint16_t control, status;
  uint8_t tags, pad; // abridged: a set bit is a register that is not empty
  uint16_t opcode;
  uint64_t ip, data_pointer;
  uint32_t mxcsr, vector;
  uint64_t rax, rflags;
  uint8_t st[8][16], xmm[4][16];
  uint8_t memory[DATA_BYTES];
};

struct fxsave {
  uint16_t control, status;
  uint8_t tags, reserved;
  uint16_t opcode;
  uint64_t ip, data_pointer;
  uint32_t mxcsr, mxcsr_mask;
  uint8_t st[8][16], xmm[16][16];
  uint8_t rest[96];
} __attribute__((aligned(16)));

static struct fxsave area;
static volatile uint32_t vector;

static void on_signal(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
  vector = (uint32_t)g[REG_TRAPNO];
  g[REG_RIP] = CODE + CODE_BYTES; // a RET
}

static void execute(struct state *s) {
  uint8_t *code = (uint8_t *)CODE;
  unsigned length = CODE_BYTES;
  while (length && !s->code[length - 1]) length--;
  memcpy(code, s->code, length);
  code[length] = 0xc3;
  memcpy((void *)DATA, s->memory, DATA_BYTES);
  memset(&area, 0, sizeof area);
  area.control = s->control, area.status = s->status, area.tags = s->tags, area.opcode = s->opcode;
  area.ip = s->ip, area.data_pointer = s->data_pointer, area.mxcsr = s->mxcsr;
  memcpy(area.st, s->st, sizeof s->st);
  memcpy(area.xmm, s->xmm, sizeof s->xmm);
  vector = 0;
  uint64_t rax = s->rax, rflags = s->rflags | 0x202;
  __asm__ volatile("fxrstor64 %2\n\t"
                   "pushq %1\n\tpopfq\n\t"
                   "call *%3\n\t"
                   "pushfq\n\tpopq %1\n\t"
                   "fxsave64 %2\n\t"
                   "fninit\n\tldmxcsr %4"
                   : "+a"(rax), "+b"(rflags), "+m"(area)
                   : "c"(CODE), "m"((uint32_t){0x1f80}), "D"(DATA)
                   : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                     "xmm12", "xmm13", "xmm14", "xmm15");
  s->control = area.control, s->status = area.status, s->tags = area.tags, s->opcode = area.opcode;
  s->ip = area.ip, s->data_pointer = area.data_pointer, s->mxcsr = area.mxcsr, s->vector = vector;
  s->rax = rax, s->rflags = rflags;
  memcpy(s->st, area.st, sizeof s->st);
  memcpy(s->xmm, area.xmm, sizeof s->xmm);
  memcpy(s->memory, (void *)DATA, DATA_BYTES);
}

int main(void) {
  uint32_t count;
  if (fread(&count, 4, 1, stdin) != 1) return 1;
  if (mmap((void *)CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)CODE) return 2;
  if (mmap((void *)DATA, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)DATA) return 2;
  memset((void *)CODE, 0xc3, 64);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  sigaction(SIGFPE, &action, NULL);
  struct state s;
  for (uint32_t n = 0; n < count; n++) {
    if (fread(&s, sizeof s, 1, stdin) != 1) return 3;
    execute(&s);
    if (fwrite(&s, sizeof s, 1, stdout) != 1) return 4;
  }
  return 0;
}
