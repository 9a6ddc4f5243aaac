#include "drivers/uart.h"

#include "lib/asm.h"

enum { UART = 0x3f8, DATA = UART, IER = UART + 1, LCR = UART + 3, MCR = UART + 4, LSR = UART + 5 };
enum { LSR_DATA_READY = 1 << 0, LSR_TRANSMIT_EMPTY = 1 << 5 };

/* The FIFOs stay as they are: to switch them on would clear them, and what was typed so far would be lost. */
void uart_init(void)
{
  outb(IER, 0);    /* no interrupts */
  outb(LCR, 0x80); /* divisor latch */
  outb(DATA, 1);   /* 115200 baud */
  outb(IER, 0);
  outb(LCR, 0x03); /* 8 bits, no parity, one stop bit */
  outb(MCR, 0x03); /* DTR, RTS */
}

static u32 writing;

void uart_write(const char *text, size_t length)
{
  /*
   * A lock that gives up: an NMI or a panic may interrupt the very code that holds it, and then text in the middle of
   * a line is better than none.
   */
  u64 flags = local_irq_save();
  int patience = 10000000;
  while (__atomic_exchange_n(&writing, 1, __ATOMIC_ACQUIRE) && --patience > 0) cpu_relax();
  for (size_t i = 0; i < length; i++) {
    while (!(inb(LSR) & LSR_TRANSMIT_EMPTY)) cpu_relax();
    outb(DATA, (u8)text[i]);
  }
  __atomic_store_n(&writing, 0, __ATOMIC_RELEASE);
  local_irq_restore(flags);
}

int uart_read(void)
{
  return inb(LSR) & LSR_DATA_READY ? inb(DATA) : -1;
}
