#include "lib/print.h"

#include "drivers/uart.h"
#include "lib/string.h"
#include "lib/format.inc"

int format_text(char *text, size_t size, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int length = vformat(text, size, format, args);
  va_end(args);
  return length;
}

void printk(const char *format, ...)
{
  char text[384];
  va_list args;
  va_start(args, format);
  int length = vformat(text, sizeof text, format, args);
  va_end(args);
  uart_write(text, MIN((size_t)length, sizeof text - 1));
}
