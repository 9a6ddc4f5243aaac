/* The one argument that most programs take: how many times. */
#ifndef USER_COUNT_ARGUMENT_H
#define USER_COUNT_ARGUMENT_H

#include "user/lib.h"

/* False after saying what is wrong. */
static inline bool count_argument(int argc, char **argv, u64 *count)
{
  if (argc == 2 && parse_number(argv[1], count)) return true;
  print("%s: usage: %s NUMBER\n", argv[0], argv[0]);
  return false;
}

#endif
