/*
 * ldt N: N times loads FS from the process's own LDT and reads through it, and counts for a while on a 16-bit stack, where an interrupt
 * that returned by a plain IRET would change the upper half of ESP.
 */
#include "user/count_argument.h"

int ldt_main(int argc, char **argv);
/* Counts down in 32-bit code with SS = selector; gives ESP at the end, which it set to `esp` at the beginning. */
u32 count_on_stack(u32 selector, u32 esp, u32 count);

enum { DATA = 1, STACK16 = 2, SELECTOR_LDT = 4, RPL = 3 };
enum { COUNT = 20000, ESP = 0x5a5a0f00 };

static u64 word = 0x1234567890abcdef;

/* Writable data of user mode: base, and the limit in bytes. */
static u64 descriptor(u64 base, u64 limit)
{
  return (limit & 0xffff) | (base & 0xffffff) << 16 | 0xf2ull << 40 | (limit >> 16 & 15) << 48 | (base >> 24 & 0xff) << 56;
}

int ldt_main(int argc, char **argv)
{
  u64 count;
  if (!count_argument(argc, argv, &count)) return 1;
  if (modify_ldt(DATA, descriptor((u64)&word, sizeof word - 1)) || modify_ldt(STACK16, descriptor(0, 0xffff))) {
    print("ldt: the descriptors were not accepted\n");
    return 1;
  }
  for (u64 i = 0; count == 0 || i < count; i++) {
    u64 seen;
    asm volatile("mov %1, %%fs; mov %%fs:0, %0; mov %2, %%fs" : "=&r"(seen) : "r"(DATA << 3 | SELECTOR_LDT | RPL), "r"(0));
    u32 esp = count_on_stack(STACK16 << 3 | SELECTOR_LDT | RPL, ESP, COUNT);
    if (seen == word && esp == ESP) continue;
    print("ldt: read 0x%lx, ESP 0x%x\n", seen, esp);
    return 1;
  }
  print("ldt: %lu ok\n", count);
  return 0;
}
