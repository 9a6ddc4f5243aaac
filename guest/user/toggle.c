/* toggle N: switches KAISER off and on N times through its file. */
#include "user/count_argument.h"

int toggle_main(int argc, char **argv);

#define PATH "/sys/kernel/debug/x86/kaiser-enabled"

static s64 set(const char *text)
{
  s64 file = open(PATH, FOR_WRITING);
  if (file < 0) return file;
  s64 result = write((int)file, text, strlen(text));
  close((int)file);
  return result;
}

static int state(void)
{
  char text[4] = { 0 };
  s64 file = open(PATH, FOR_READING);
  if (file < 0) return -1;
  read((int)file, text, sizeof text - 1);
  close((int)file);
  return text[0] - '0';
}

int toggle_main(int argc, char **argv)
{
  u64 count;
  if (!count_argument(argc, argv, &count)) return 1;
  for (u64 i = 0; i < 2 * count; i++) {
    int on = (int)(i & 1);
    s64 result = set(on ? "1\n" : "0\n");
    if (result < 0 || state() != on) {
      print("toggle: %s: %s\n", PATH, result < 0 ? error_text(result) : "has not changed");
      return 1;
    }
  }
  print("toggle: %lu ok\n", count);
  return 0;
}
