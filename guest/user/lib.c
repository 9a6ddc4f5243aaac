#include "user/lib.h"

#include "lib/format.inc"

s64 mmap_prot(size_t size, u32 prot);
s64 wait_raw(s64 pid, int *code, u64 options);

s64 mmap(size_t size)
{
  return mmap_prot(size, 3); /* read and write */
}

s64 wait(s64 pid, int *code, bool look)
{
  return wait_raw(pid, code, look);
}

void sigreturn(void);
s64 sigaction_raw(void (*handler)(int number, struct registers *regs), void (*restorer)(void));

s64 on_signal(void (*handler)(int number, struct registers *regs))
{
  return sigaction_raw(handler, sigreturn);
}

void *memcpy(void *to, const void *from, size_t size)
{
  void *at = to;
  asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
  return to;
}

void *memset(void *to, int byte, size_t size)
{
  void *at = to;
  asm volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(byte) : "memory");
  return to;
}

size_t strlen(const char *text)
{
  size_t length = 0;
  while (((const volatile char *)text)[length]) length++;
  return length;
}

int strcmp(const char *a, const char *b)
{
  while (*a && *a == *b) a++, b++;
  return (u8)*a - (u8)*b;
}

bool parse_number(const char *text, u64 *value)
{
  u64 number = 0;
  if (!*text) return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9' || number > (~0ull - 9) / 10) return false;
    number = number * 10 + (u64)(*text - '0');
  }
  *value = number;
  return true;
}

int format_text(char *text, size_t size, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int length = vformat(text, size, format, args);
  va_end(args);
  return length;
}

void print(const char *format, ...)
{
  char text[256];
  va_list args;
  va_start(args, format);
  int length = vformat(text, sizeof text, format, args);
  va_end(args);
  write(1, text, MIN((size_t)length, sizeof text - 1));
}

const char *error_text(s64 error)
{
  switch (-error) {
  case ENOENT: return "no such file";
  case ESRCH: return "no such process";
  case EBADF: return "bad file descriptor";
  case EAGAIN: return "try again";
  case ENOMEM: return "out of memory";
  case EFAULT: return "bad address";
  case EINVAL: return "invalid argument";
  case EMFILE: return "too many open files";
  default: return "error";
  }
}
