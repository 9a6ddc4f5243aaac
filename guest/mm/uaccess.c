#include "mm/uaccess.h"

#include "mm/layout.h"

struct exception_entry {
  u64 instruction, fixup;
};
extern const struct exception_entry __ex_table_start[], __ex_table_end[];

/* mm/copy_user.S: returns how many bytes were not copied. */
size_t copy_user(void *to, const void *from, size_t size);

static bool is_user_range(u64 start, size_t size)
{
  return start < USER_END && size <= USER_END - start;
}

bool copy_from_user(void *to, u64 from, size_t size)
{
  return is_user_range(from, size) && copy_user(to, (const void *)from, size) == 0;
}

bool copy_to_user(u64 to, const void *from, size_t size)
{
  return is_user_range(to, size) && copy_user((void *)to, from, size) == 0;
}

bool copy_string_from_user(char *to, u64 from, size_t size)
{
  for (size_t i = 0; i < size; i++) {
    if (!copy_from_user(&to[i], from + i, 1)) return false;
    if (to[i] == 0) return true;
  }
  return false;
}

bool is_user_access(u64 rip)
{
  return user_access_fixup(rip) != 0;
}

u64 user_access_fixup(u64 rip)
{
  for (const struct exception_entry *entry = __ex_table_start; entry < __ex_table_end; entry++)
    if (entry->instruction == rip) return entry->fixup;
  return 0;
}
