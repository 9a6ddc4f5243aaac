/* The files below /sys/kernel/debug: text that is made when a file is opened, and commands that are written to it. */
#include "fs/file.h"
#include "fs/page_tables.h"
#include "kaiser/kaiser.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/uaccess.h"
#include "sched/task.h"
#include "smp/bringup.h"
#include "smp/hotplug.h"
#include "smp/percpu.h"

enum { TEXT_ORDER = 2, TEXT_SIZE = PAGE_SIZE << TEXT_ORDER };

struct debugfs_file {
  const char *path;
  size_t (*show)(char *text, size_t size);
  s64 (*store)(const char *text); /* null: read only */
};

static size_t show_enabled(char *text, size_t size)
{
  return (size_t)format_text(text, size, "%u\n", READ_ONCE(kaiser_enabled));
}

static s64 store_enabled(const char *text)
{
  if ((text[0] != '0' && text[0] != '1') || text[1]) {
    printk("kaiser-enabled: \"%s\" is neither 0 (off) nor 1 (on)\n", text);
    return -EINVAL;
  }
  return kaiser_toggle(text[0] == '1');
}

static size_t show_online(char *text, size_t size)
{
  return (size_t)format_text(text, size, "%u\n", READ_ONCE(nr_cpus));
}

static s64 store_online(const char *text)
{
  s64 result = text[0] >= '0' && text[0] <= '9' && !text[1] ? cpus_set_online((u32)(text[0] - '0')) : -EINVAL;
  if (result < 0) printk("cpus-online: \"%s\" is no number of CPUs from 1 to %u\n", text, smp_possible());
  return result;
}

static size_t show_kernel(char *text, size_t size)
{
  return page_tables_show(text, size, init_mm.pgd);
}

static size_t show_current_kernel(char *text, size_t size)
{
  return page_tables_show(text, size, current()->mm->pgd);
}

static size_t show_current_user(char *text, size_t size)
{
  return page_tables_show(text, size, shadow_half(current()->mm->pgd));
}

static const struct debugfs_file debugfs_files[] = {
  { "/sys/kernel/debug/x86/kaiser-enabled", show_enabled, store_enabled },
  { "/sys/kernel/debug/cpus-online", show_online, store_online },
  { "/sys/kernel/debug/page_tables/kernel", show_kernel, NULL },
  { "/sys/kernel/debug/page_tables/current_kernel", show_current_kernel, NULL },
  { "/sys/kernel/debug/page_tables/current_user", show_current_user, NULL },
};

static s64 debugfs_read(struct file *file, u64 buffer, size_t size)
{
  if (!file->text) return -EBADF;
  size = MIN(size, file->length - file->position);
  if (!copy_to_user(buffer, file->text + file->position, size)) return -EFAULT;
  file->position += size;
  return (s64)size;
}

static s64 debugfs_write(struct file *file, u64 buffer, size_t size)
{
  const struct debugfs_file *entry = file->private;
  char text[32];
  if (file->text || !entry->store) return -EBADF;
  if (size >= sizeof text) return -EINVAL;
  if (!copy_from_user(text, buffer, size)) return -EFAULT;
  text[size] = 0;
  for (size_t end = size; end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' '); end--) text[end - 1] = 0;
  s64 result = entry->store(text);
  return result < 0 ? result : (s64)size;
}

static void debugfs_close(struct file *file)
{
  if (file->text) page_free(file->text, TEXT_ORDER);
}

static const struct file_operations debugfs_operations = { debugfs_read, debugfs_write, debugfs_close };

s64 debugfs_open(const char *path, u64 mode, struct file **file)
{
  for (unsigned i = 0; i < ARRAY_SIZE(debugfs_files); i++) {
    if (strcmp(debugfs_files[i].path, path)) continue;
    if (mode == OPEN_WRITE && !debugfs_files[i].store) return -EINVAL;
    char *text = mode == OPEN_WRITE ? NULL : page_alloc(TEXT_ORDER);
    struct file *opened = mode == OPEN_WRITE || text ? file_allocate(&debugfs_operations) : NULL;
    if (!opened) {
      if (text) page_free(text, TEXT_ORDER);
      return -ENOMEM;
    }
    opened->private = &debugfs_files[i];
    opened->text = text;
    if (text) opened->length = debugfs_files[i].show(text, TEXT_SIZE);
    *file = opened;
    return 0;
  }
  return -ENOENT;
}
