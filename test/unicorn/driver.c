/*
 * Executes 64-bit instruction sequences in Unicorn and tells what they leave behind.
 *
 * Standard input: u32 case count, u32 number of code bytes, the code for CODE, then for each case
 *   u64 rip, u64 rflags, u64 gpr[16] (RAX RCX RDX RBX RSP RBP RSI RDI R8..R15), u32 seed, u32 patch count (0-4), 4 x { u64 address, u64 value }.
 * Standard output: for each case u64 gpr[16], rip, rflags, vector, address of a memory fault, then the data pages.
 * The vector is 3 at the INT3 behind the code, 14 for any access or fetch that leads nowhere, 0xffff for a case that does not end.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>

/* See test/oracle/layout.ts. */
#define CODE 0x40000000ul
#define CODE_BYTES 0x10000
#define DATA 0x50000000ul
#define DATA_BYTES 0x3000
#define READ_ONLY (DATA + 0x2000)
#define GS_BASE (DATA + 0x800)
#define VECTOR_TIMEOUT 0xffff

struct test {
  uint64_t rip, rflags, gpr[16];
  uint32_t seed, patches;
  struct { uint64_t address, value; } patch[4];
};
struct outcome {
  uint64_t gpr[16], rip, rflags, vector, address;
  uint8_t memory[DATA_BYTES];
};

static const int registers[16] = {
  UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX, UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
  UC_X86_REG_R8, UC_X86_REG_R9, UC_X86_REG_R10, UC_X86_REG_R11, UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15,
};
static uint64_t vector, address;

static void check(uc_err error, const char *what)
{
  if (error == UC_ERR_OK) return;
  fprintf(stderr, "%s: %s\n", what, uc_strerror(error));
  exit(1);
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *data)
{
  (void)data;
  if (vector == VECTOR_TIMEOUT) vector = number;
  uc_emu_stop(uc);
}

static bool on_memory(uc_engine *uc, uc_mem_type type, uint64_t at, int size, int64_t value, void *data)
{
  (void)uc; (void)type; (void)size; (void)value; (void)data;
  vector = 14;
  address = at;
  return false;
}

static bool on_invalid(uc_engine *uc, void *data)
{
  (void)uc; (void)data;
  vector = 6;
  return false;
}

static void run(uc_engine *uc, const struct test *t, struct outcome *o)
{
  static uint32_t words[DATA_BYTES / 4];
  uint32_t x = t->seed | 1;
  for (unsigned n = 0; n < DATA_BYTES / 4; n++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    words[n] = x;
  }
  for (unsigned n = 0; n < t->patches; n++) memcpy((uint8_t *)words + (t->patch[n].address - DATA), &t->patch[n].value, 8);
  check(uc_mem_write(uc, DATA, words, DATA_BYTES), "data");
  for (int n = 0; n < 16; n++) check(uc_reg_write(uc, registers[n], &t->gpr[n]), "register");
  uint64_t flags = t->rflags | 0x202, gs = GS_BASE;
  check(uc_reg_write(uc, UC_X86_REG_RFLAGS, &flags), "flags");
  check(uc_reg_write(uc, UC_X86_REG_GS_BASE, &gs), "gs");
  vector = VECTOR_TIMEOUT;
  address = 0;
  uc_err error = uc_emu_start(uc, t->rip, 0, 0, 0);
  if (vector == VECTOR_TIMEOUT && error == UC_ERR_INSN_INVALID) vector = 6;
  if (vector == VECTOR_TIMEOUT && error != UC_ERR_OK) vector = 0x100 + error;
  for (int n = 0; n < 16; n++) uc_reg_read(uc, registers[n], &o->gpr[n]);
  uc_reg_read(uc, UC_X86_REG_RIP, &o->rip);
  uc_reg_read(uc, UC_X86_REG_RFLAGS, &o->rflags);
  o->vector = vector;
  o->address = address;
  check(uc_mem_read(uc, DATA, o->memory, DATA_BYTES), "result");
}

int main(void)
{
  uint32_t head[2];
  if (fread(head, sizeof head, 1, stdin) != 1 || head[1] != CODE_BYTES) return 2;
  uint8_t *code = malloc(CODE_BYTES);
  struct test *tests = malloc(head[0] * sizeof *tests);
  if (fread(code, 1, CODE_BYTES, stdin) != CODE_BYTES || fread(tests, sizeof *tests, head[0], stdin) != head[0]) return 2;
  uc_engine *uc;
  check(uc_open(UC_ARCH_X86, UC_MODE_64, &uc), "open");
  check(uc_ctl_set_cpu_model(uc, UC_CPU_X86_HASWELL), "processor model");
  check(uc_mem_map(uc, CODE, CODE_BYTES, UC_PROT_READ | UC_PROT_EXEC), "map");
  check(uc_mem_map(uc, DATA, 0x2000, UC_PROT_READ | UC_PROT_WRITE), "map");
  check(uc_mem_map(uc, READ_ONLY, 0x1000, UC_PROT_READ), "map");
  check(uc_mem_write(uc, CODE, code, CODE_BYTES), "code");
  uc_hook hooks[3];
  check(uc_hook_add(uc, &hooks[0], UC_HOOK_INTR, (void *)on_interrupt, NULL, 1, 0), "hook");
  check(uc_hook_add(uc, &hooks[1], UC_HOOK_MEM_INVALID, (void *)on_memory, NULL, 1, 0), "hook");
  check(uc_hook_add(uc, &hooks[2], UC_HOOK_INSN_INVALID, (void *)on_invalid, NULL, 1, 0), "hook");
  struct outcome *o = malloc(sizeof *o);
  for (uint32_t n = 0; n < head[0]; n++) {
    memset(o, 0, sizeof *o);
    run(uc, &tests[n], o);
    fwrite(o, sizeof *o, 1, stdout);
  }
  return 0;
}
