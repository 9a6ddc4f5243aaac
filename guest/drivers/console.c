/*
 * Characters wait in a ring until somebody reads a line; only then are they echoed. So what is typed ahead appears where
 * it is used, and the same input gives the same text on the console however fast it came.
 */
#include "drivers/console.h"

#include "drivers/uart.h"
#include "fs/file.h"
#include "mm/uaccess.h"
#include "sched/task.h"
#include "smp/spinlock.h"

enum { RING_SIZE = 1024, LINE_SIZE = 200, CTRL_C = 3, BACKSPACE = 8, DELETE = 127 };

static u8 ring[RING_SIZE];
static u32 ring_in, ring_out; /* count up; index modulo RING_SIZE */
static struct spinlock ring_lock;

/* ^C ends the process that the shell waits for; false when it waits for none. */
static bool interrupt_foreground(void)
{
  u64 flags = spin_lock_irq(&sched_lock);
  struct task *shell = task_find_locked(1);
  u32 pid = shell ? shell->waits_for : 0;
  spin_unlock_irq(&sched_lock, flags);
  return pid && sys_kill(pid) == 0;
}

void console_poll(void)
{
  bool received = false;
  for (;;) {
    u64 flags = spin_lock_irq(&ring_lock);
    int c = ring_in - ring_out < RING_SIZE ? uart_read() : -1;
    if (c >= 0 && c != CTRL_C) {
      ring[ring_in++ % RING_SIZE] = (u8)c;
      received = true;
    }
    spin_unlock_irq(&ring_lock, flags);
    if (c < 0) break;
    if (c == CTRL_C) interrupt_foreground();
  }
  if (received) wake_up(ring);
}

/* Sleeps until there is a character; -1 when the task is to end instead. */
static int next_character(void)
{
  for (;;) {
    console_poll();
    u64 flags = spin_lock_irq(&ring_lock);
    int c = ring_in != ring_out ? ring[ring_out++ % RING_SIZE] : -1;
    spin_unlock_irq(&ring_lock, flags);
    if (c >= 0) return c;
    flags = spin_lock_irq(&sched_lock);
    bool killed = current()->killed;
    if (!killed && READ_ONCE(ring_in) == READ_ONCE(ring_out)) sleep_locked(ring, 0);
    spin_unlock_irq(&sched_lock, flags);
    if (killed) return -1;
  }
}

/* Reads one line, with its newline. A longer one than fits is cut. */
static s64 console_read(struct file *file, u64 buffer, size_t size)
{
  (void)file;
  char line[LINE_SIZE];
  size_t length = 0;
  for (;;) {
    int c = next_character();
    if (c < 0) return -EAGAIN;
    if (c == '\r') c = '\n';
    if (c == '\n') break;
    if (c == BACKSPACE || c == DELETE) {
      if (length == 0) continue;
      length--;
      uart_write("\b \b", 3);
    } else if (c >= ' ' && length < LINE_SIZE - 1) {
      line[length++] = (char)c;
      uart_write(&line[length - 1], 1);
    }
  }
  line[length++] = '\n';
  uart_write("\n", 1);
  length = MIN(length, size);
  return copy_to_user(buffer, line, length) ? (s64)length : -EFAULT;
}

noinline void kaiser_shell_ready(void)
{
  asm volatile("" : : : "memory");
}

static s64 console_write(struct file *file, u64 buffer, size_t size)
{
  (void)file;
  /* The first thing that any process writes is the shell's prompt. */
  static bool ready;
  if (!ready) {
    ready = true;
    kaiser_shell_ready();
  }
  char chunk[128];
  for (size_t at = 0; at < size; at += sizeof chunk) {
    size_t length = MIN(size - at, sizeof chunk);
    if (!copy_from_user(chunk, buffer + at, length)) return -EFAULT;
    uart_write(chunk, length);
  }
  return (s64)size;
}

struct file *console_open(void)
{
  static const struct file_operations operations = { console_read, console_write, NULL };
  return file_allocate(&operations);
}
