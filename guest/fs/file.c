#include "fs/file.h"

#include "mm/uaccess.h"
#include "sched/task.h"
#include "smp/spinlock.h"

static struct file files[64];
static struct spinlock lock;

struct file *file_allocate(const struct file_operations *operations)
{
  struct file *found = NULL;
  spin_lock(&lock);
  for (unsigned i = 0; i < ARRAY_SIZE(files) && !found; i++) {
    if (files[i].users) continue;
    found = &files[i];
    *found = (struct file){ .operations = operations, .users = 1 };
  }
  spin_unlock(&lock);
  return found;
}

struct file *file_get(struct file *file)
{
  if (!file) return NULL;
  /* Under the lock, as file_put counts down: an increment between its look and its store would be lost. */
  spin_lock(&lock);
  file->users++;
  spin_unlock(&lock);
  return file;
}

void file_put(struct file *file)
{
  if (!file) return;
  spin_lock(&lock);
  bool last = file->users == 1;
  if (!last) file->users--;
  spin_unlock(&lock);
  if (!last) return;
  if (file->operations->close) file->operations->close(file);
  WRITE_ONCE(file->users, 0);
}

static struct file *find(u64 descriptor)
{
  return descriptor < MAX_FILES ? current()->files[descriptor] : NULL;
}

s64 sys_read(u64 descriptor, u64 buffer, u64 size)
{
  struct file *file = find(descriptor);
  return file ? file->operations->read(file, buffer, size) : -EBADF;
}

s64 sys_write(u64 descriptor, u64 buffer, u64 size)
{
  struct file *file = find(descriptor);
  return file ? file->operations->write(file, buffer, size) : -EBADF;
}

s64 sys_open(u64 path, u64 mode)
{
  char name[64];
  if (!copy_string_from_user(name, path, sizeof name)) return -ENOENT; /* no file has so long a name */
  for (unsigned i = 0; i < MAX_FILES; i++) {
    if (current()->files[i]) continue;
    s64 result = debugfs_open(name, mode, &current()->files[i]);
    return result < 0 ? result : (s64)i;
  }
  return -EMFILE;
}

s64 sys_close(u64 descriptor)
{
  struct file *file = find(descriptor);
  if (!file) return -EBADF;
  current()->files[descriptor] = NULL;
  file_put(file);
  return 0;
}
