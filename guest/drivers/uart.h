/* The 16550 UART at port 0x3f8, polled both ways: the machine has no interrupt controller for it. */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include "lib/types.h"

void uart_init(void);
/* Writes all bytes; other CPUs' text is not mixed into it. */
void uart_write(const char *text, size_t length);
/* The next byte received, or -1. */
int uart_read(void);

#endif
