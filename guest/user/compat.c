/* compat N: N rounds of system calls from 32-bit code, by INT 0x80 and by the fast way that the CPU's maker has for it. */
#include "user/count_argument.h"

int compat_main(int argc, char **argv);
u32 compat_call(u32 way, u32 number);

enum { INT80 = 0, SYSENTER = 1, SYSCALL = 2 };
enum { NR_GETPID = 39, NR_NONE = 9999 };

static bool is_intel(void)
{
  u32 a = 0, b, c, d;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
  return b == 0x756e6547; /* "Genu" */
}

int compat_main(int argc, char **argv)
{
  u64 count;
  if (!count_argument(argc, argv, &count)) return 1;
  u32 fast = is_intel() ? SYSENTER : SYSCALL, pid = (u32)getpid();
  for (u64 i = 0; count == 0 || i < count; i++) {
    if (compat_call(INT80, NR_GETPID) == pid && compat_call(fast, NR_GETPID) == pid &&
        compat_call(fast, NR_NONE) == (u32)-ENOSYS) continue;
    print("compat: a system call has returned something else\n");
    return 1;
  }
  print("compat: %lu ok\n", count);
  return 0;
}
