/* Page tables as text, in the shape of Linux's /sys/kernel/debug/page_tables. */
#ifndef FS_PAGE_TABLES_H
#define FS_PAGE_TABLES_H

#include "lib/types.h"

/*
 * One line for each run of pages with the same rights, mapped at the same level; section markers between. Rights are
 * effective ones: all levels together, so that the NX poison of a top-level entry shows. Returns the length of the text.
 */
size_t page_tables_show(char *text, size_t size, const u64 *pgd);

#endif
