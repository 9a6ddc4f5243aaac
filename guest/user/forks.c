/* forks N: N times fork, exit and wait; the child writes to memory that it shares with its parent copy on write. */
#include "user/count_argument.h"

int forks_main(int argc, char **argv);

static volatile u64 shared = 1;

int forks_main(int argc, char **argv)
{
  u64 count;
  if (!count_argument(argc, argv, &count)) return 1;
  for (u64 i = 0; i < count; i++) {
    int expected = (int)(i & 127), code = -1;
    shared = i;
    s64 child = fork();
    if (child == 0) {
      shared = ~i;
      exit(expected);
    }
    if (child < 0) {
      print("forks: fork: %s\n", error_text(child));
      return 1;
    }
    if (wait(child, &code, false) != child || code != expected || shared != i) {
      print("forks: the child ended with %d, not %d\n", code, expected);
      return 1;
    }
  }
  print("forks: %lu ok\n", count);
  return 0;
}
