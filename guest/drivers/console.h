/* The console: lines with echo and backspace on top of the UART. */
#ifndef DRIVERS_CONSOLE_H
#define DRIVERS_CONSOLE_H

/* Takes what the UART has received; called by the tick of the boot CPU and by readers. */
void console_poll(void);

/* Called once, when the shell is about to print its first prompt: the debugger's mark for the end of the boot. */
void kaiser_shell_ready(void);

#endif
