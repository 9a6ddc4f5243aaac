/* Open files, and the few names there are. */
#ifndef FS_FILE_H
#define FS_FILE_H

#include "lib/types.h"

struct file;

/* What a kind of file can do; sizes and results in bytes, negative results are error numbers. */
struct file_operations {
  s64 (*read)(struct file *file, u64 buffer, size_t size);
  s64 (*write)(struct file *file, u64 buffer, size_t size);
  void (*close)(struct file *file);
};

struct file {
  const struct file_operations *operations;
  u32 users;            /* 0: this slot of the table is free */
  const void *private;
  char *text;           /* fs/debugfs.c: what reading gives */
  size_t length, position;
};

/* A free slot with one user, or null. */
struct file *file_allocate(const struct file_operations *operations);
/* One user more, one less; null is allowed. */
struct file *file_get(struct file *file);
void file_put(struct file *file);

/* The console, opened; for descriptors 0 to 2 of the first process. */
struct file *console_open(void);
/* fs/debugfs.c: opens by name; null: no such file. */
enum { OPEN_READ = 0, OPEN_WRITE = 1 };
s64 debugfs_open(const char *path, u64 mode, struct file **file);

s64 sys_read(u64 descriptor, u64 buffer, u64 size);
s64 sys_write(u64 descriptor, u64 buffer, u64 size);
s64 sys_open(u64 path, u64 mode);
s64 sys_close(u64 descriptor);

#endif
