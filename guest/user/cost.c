/*
 * cost WHAT N...: what the kernel costs, in clock cycles by the time stamp counter. Each measurement is made in rounds and the
 * cheapest round counts: the first one finds caches empty, and some have a timer interrupt in them.
 *
 *   cost syscall N           N system calls that do nothing; prints the cycles of one
 *   cost fault N             N page faults on fresh memory (at most 64); the cycles of one
 *   cost work PAGES LOOPS N  N times LOOPS rounds of an empty loop, one read in each of PAGES pages, and a system call;
 *                            the cycles of one time
 *   cost idle PAGES LOOPS N  the same without the system call
 */
#include "user/lib.h"

int cost_main(int argc, char **argv);

enum { PAGE = 4096, MAX_FAULTS = 64, MAX_PAGES = 2048, ROUNDS = 5 };

static u64 clock(void)
{
  u32 low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return (u64)high << 32 | low;
}

static u64 syscalls(u64 count)
{
  u64 start = clock();
  for (u64 i = 0; i < count; i++) getpid();
  return clock() - start;
}

static u64 faults(u64 count)
{
  s64 address = mmap(count * PAGE);
  if (address < 0) return 0;
  u64 start = clock();
  for (u64 i = 0; i < count; i++) *(volatile u8 *)(address + (s64)(i * PAGE)) = 1;
  u64 cycles = clock() - start;
  munmap((void *)address, count * PAGE);
  return cycles;
}

static u64 work(volatile u8 *memory, u64 pages, u64 loops, u64 count, bool calls)
{
  u64 start = clock();
  for (u64 i = 0; i < count; i++) {
    for (u64 n = 0; n < loops; n++) asm volatile("");
    for (u64 n = 0; n < pages; n++) memory[n * PAGE];
    if (calls) getpid();
  }
  return clock() - start;
}

static int usage(void)
{
  print("cost: usage: cost syscall N, cost fault N (at most %d), cost work|idle PAGES LOOPS N (at most %d pages)\n", MAX_FAULTS, MAX_PAGES);
  return 1;
}

int cost_main(int argc, char **argv)
{
  u64 numbers[3] = { 0 };
  for (int i = 2; i < argc && i < 5; i++)
    if (!parse_number(argv[i], &numbers[i - 2])) return usage();
  const char *what = argc > 1 ? argv[1] : "";
  bool fault = !strcmp(what, "fault"), calls = !strcmp(what, "work"), idle = !strcmp(what, "idle");
  u64 pages = numbers[0], loops = numbers[1], count = calls || idle ? numbers[2] : numbers[0];
  if (!(fault || calls || idle || !strcmp(what, "syscall")) || argc != (calls || idle ? 5 : 3)) return usage();
  if (count == 0 || (fault && count > MAX_FAULTS) || ((calls || idle) && pages > MAX_PAGES)) return usage();

  u8 *memory = 0;
  if ((calls || idle) && pages) {
    s64 address = mmap(pages * PAGE);
    if (address < 0) {
      print("cost: mmap: %s\n", error_text(address));
      return 1;
    }
    memory = (u8 *)address;
    for (u64 i = 0; i < pages; i++) memory[i * PAGE] = 1;
  }
  u64 best = ~0ull;
  for (int round = 0; round < ROUNDS; round++) {
    u64 cycles = fault ? faults(count) : calls || idle ? work(memory, pages, loops, count, calls) : syscalls(count);
    best = MIN(best, cycles);
  }
  print("cost: %s %lu cycles\n", what, (best + count / 2) / count);
  return 0;
}
