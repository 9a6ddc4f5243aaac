/* What user programs have instead of a C library. Errors are negative numbers. */
#ifndef USER_LIB_H
#define USER_LIB_H

#include "entry/registers.h"
#include "lib/types.h"
#include "sched/task_info.h"

s64 read(int descriptor, void *buffer, size_t size);
s64 write(int descriptor, const void *buffer, size_t size);
s64 open(const char *path, int mode);
s64 close(int descriptor);
enum { FOR_READING, FOR_WRITING };

/* Anonymous memory, zeroed; addresses below zero are errors. */
s64 mmap(size_t size);
s64 munmap(void *address, size_t size);

s64 getpid(void);
s64 fork(void);
s64 exec(const char *name, char *const *argv);
__attribute__((noreturn)) void exit(int code);
/* Waits for this child, or for any with -1; its status goes to *code. With `look` it only looks, and may return 0. */
s64 wait(s64 pid, int *code, bool look);
s64 kill(s64 pid);
/* Calls handler(number, registers) for every signal of this process; it may change them, and return. Null: none. */
s64 on_signal(void (*handler)(int number, struct registers *regs));
s64 tkill(s64 pid, int number);
/* Writes a descriptor into the LDT. */
s64 modify_ldt(u64 index, u64 descriptor);
s64 yield(void);
/* In ticks of the timer. */
s64 sleep(u64 for_ticks);
__attribute__((noreturn)) void poweroff(int code);
s64 task_info(u64 index, struct task_info *info);

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
/* A decimal number; false when the text is anything else. */
bool parse_number(const char *text, u64 *value);
int format_text(char *text, size_t size, const char *format, ...) printf_like(3, 4);
/* To the console. */
void print(const char *format, ...) printf_like(1, 2);
/* The words for an error number. */
const char *error_text(s64 error);

#endif
