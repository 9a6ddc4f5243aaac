/* touch N: N page faults on fresh memory; each page must be zero, and keep what is written to it. */
#include "user/count_argument.h"

int touch_main(int argc, char **argv);

enum { PAGE = 4096, CHUNK = 64 };

int touch_main(int argc, char **argv)
{
  u64 count;
  if (!count_argument(argc, argv, &count)) return 1;
  for (u64 done = 0; done < count;) {
    u64 pages = MIN(count - done, CHUNK);
    s64 address = mmap(pages * PAGE);
    if (address < 0) {
      print("touch: mmap: %s\n", error_text(address));
      return 1;
    }
    for (u64 i = 0; i < pages; i++) {
      volatile u64 *word = (u64 *)(address + (s64)(i * PAGE));
      if (*word != 0) {
        print("touch: a fresh page is not zero\n");
        return 1;
      }
      *word = done + i + 1;
    }
    for (u64 i = 0; i < pages; i++) {
      if (*(volatile u64 *)(address + (s64)(i * PAGE)) == done + i + 1) continue;
      print("touch: a page has lost what was written to it\n");
      return 1;
    }
    munmap((void *)address, pages * PAGE);
    done += pages;
  }
  print("touch: %lu ok\n", count);
  return 0;
}
