/* spin: stays in user mode for ever, without a system call; ended by `kill`, or by ^C when it runs in the foreground. */
#include "user/lib.h"

int spin_main(int argc, char **argv);

int spin_main(int argc, char **argv)
{
  (void)argc;
  (void)argv;
  for (volatile u64 i = 0;; i++) continue;
}
