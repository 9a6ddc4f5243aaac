/* storm N: N system calls, as fast as they go; 0: for ever. Every one is a way in by SYSCALL and out by SYSRET. */
#include "user/count_argument.h"

int storm_main(int argc, char **argv);

int storm_main(int argc, char **argv)
{
  u64 count;
  if (!count_argument(argc, argv, &count)) return 1;
  s64 pid = getpid();
  for (u64 i = 0; count == 0 || i < count; i++) {
    if (getpid() == pid) continue;
    print("storm: getpid has changed\n");
    return 1;
  }
  print("storm: %lu ok\n", count);
  return 0;
}
