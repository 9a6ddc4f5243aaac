/* execs N: N times fork, exec, exit and wait. The child is this program again, with nothing left to do: a new address space each time. */
#include "user/count_argument.h"

int execs_main(int argc, char **argv);

int execs_main(int argc, char **argv)
{
  u64 count;
  if (!count_argument(argc, argv, &count)) return 1;
  if (count == 0) return 42;
  for (u64 i = 0; i < count; i++) {
    char *const again[] = { argv[0], "0", NULL };
    int code = -1;
    s64 child = fork();
    if (child == 0) exit(exec(again[0], again) ? 1 : 0);
    if (child < 0) {
      print("execs: fork: %s\n", error_text(child));
      return 1;
    }
    if (wait(child, &code, false) != child || code != 42) {
      print("execs: the child ended with %d, not 42\n", code);
      return 1;
    }
  }
  print("execs: %lu ok\n", count);
  return 0;
}
