#include "drivers/uart.h"
#include "lib/asm.h"
#include "lib/print.h"

void kernel_main(u64 start_info)
{
  (void)start_info;
  uart_init();
  printk("Kaiserscope guest kernel\n");
  outl(0xf4, 0);
  for (;;) wait_for_interrupt();
}
