/* Copying between the kernel and the memory of the current process. */
#ifndef MM_UACCESS_H
#define MM_UACCESS_H

#include "lib/types.h"

/* True, or false when a part of the range is not the process's to access. */
bool copy_from_user(void *to, u64 from, size_t size);
bool copy_to_user(u64 to, const void *from, size_t size);
/* Copies a string with its final zero; false when it is longer than size - 1 or not readable. */
bool copy_string_from_user(char *to, u64 from, size_t size);

/* Whether the kernel instruction at `rip` is one that accesses user memory and may fault; where to go if that fails. */
bool is_user_access(u64 rip);
u64 user_access_fixup(u64 rip);

#endif
