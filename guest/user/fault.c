/* fault KIND: raises one exception in user mode. The kernel ends the program and says why. */
#include "user/lib.h"

int fault_main(int argc, char **argv);

static void peek(u64 address)
{
  u64 value;
  asm volatile("mov (%1), %0" : "=r"(value) : "r"(address));
}

static void read_null(void)
{
  peek(8);
}

static void read_kernel(void)
{
  peek(0xffffffff80100000); /* mapped in the kernel's half only */
}

static void read_entry(void)
{
  peek(0xfffffe0000000000); /* the IDT: mapped in both halves, for the kernel */
}

static void write_text(void)
{
  *(volatile u8 *)&fault_main = 0;
}

static void fetch_data(void)
{
  static volatile u8 code[] = { 0xc3 }; /* RET; volatile, so that it stays in writable memory */
  ((void (*)(void))(u64)code)();
}

static void divide(void)
{
  asm volatile("div %0" : : "r"(0u), "a"(1u), "d"(0u));
}

static void opcode(void)
{
  asm volatile("ud2");
}

static void privileged(void)
{
  asm volatile("cli");
}

static void breakpoint(void)
{
  asm volatile("int3");
}

static void single_step(void)
{
  asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop" : : : "memory", "cc");
}

static const struct kind {
  const char *name;
  void (*function)(void);
} kinds[] = {
  { "null", read_null }, { "kernel", read_kernel }, { "entry", read_entry }, { "text", write_text }, { "data", fetch_data },
  { "divide", divide }, { "opcode", opcode }, { "privileged", privileged }, { "int3", breakpoint },
  { "step", single_step },
};

int fault_main(int argc, char **argv)
{
  for (unsigned i = 0; argc == 2 && i < ARRAY_SIZE(kinds); i++) {
    if (strcmp(kinds[i].name, argv[1])) continue;
    kinds[i].function();
    print("fault: %s did not fault\n", argv[1]);
    return 1;
  }
  print("fault: usage: fault KIND, one of");
  for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) print(" %s", kinds[i].name);
  print("\n");
  return 1;
}
