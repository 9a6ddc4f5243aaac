/* Formatted text: %s %c %d %u %x %lx %lu %ld %%, with width and zero padding. */
#ifndef LIB_PRINT_H
#define LIB_PRINT_H

#include "lib/types.h"

/* Text goes to `text`, at most `size` bytes with the final zero. Returns the length that would have been needed. */
int vformat(char *text, size_t size, const char *format, va_list args);
int format_text(char *text, size_t size, const char *format, ...) printf_like(3, 4);
/* Prints on the console. May be called from anywhere, interrupt and NMI handlers included. */
void printk(const char *format, ...) printf_like(1, 2);

#endif
