#include "lib/string.h"

void *memcpy(void *to, const void *from, size_t size)
{
  void *at = to;
  asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
  return to;
}

void *memmove(void *to, const void *from, size_t size)
{
  if ((uintptr_t)to - (uintptr_t)from >= size) return memcpy(to, from, size);
  for (size_t i = size; i-- > 0;) ((u8 *)to)[i] = ((const volatile u8 *)from)[i];
  return to;
}

void *memset(void *to, int byte, size_t size)
{
  void *at = to;
  asm volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(byte) : "memory");
  return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
  const u8 *x = a, *y = b;
  for (size_t i = 0; i < size; i++)
    if (x[i] != y[i]) return x[i] - y[i];
  return 0;
}

size_t strlen(const char *text)
{
  size_t length = 0;
  while (((const volatile char *)text)[length]) length++;
  return length;
}

int strncmp(const char *a, const char *b, size_t size)
{
  for (size_t i = 0; i < size; i++)
    if (a[i] != b[i] || !a[i]) return (u8)a[i] - (u8)b[i];
  return 0;
}

int strcmp(const char *a, const char *b)
{
  return strncmp(a, b, SIZE_MAX);
}

void copy_string(char *to, const char *from, size_t size)
{
  size_t length = MIN(strlen(from), size - 1);
  memcpy(to, from, length);
  to[length] = 0;
}
