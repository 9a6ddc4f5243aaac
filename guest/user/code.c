/*
 * code N: N times has the kernel read from the page that this very code is on (as the name of a file, which there is none of); 0: for ever.
 * So the CPU has a translation of that page in the kernel's address space too, with whatever poison stands there.
 */
#include "user/count_argument.h"

int code_main(int argc, char **argv);

int code_main(int argc, char **argv)
{
  u64 count;
  if (!count_argument(argc, argv, &count)) return 1;
  for (u64 i = 0; count == 0 || i < count; i++) {
    if (open((const char *)code_main, FOR_READING) < 0) continue;
    print("code: there is such a file\n");
    return 1;
  }
  print("code: %lu ok\n", count);
  return 0;
}
