/* What the loader tells: command line, memory map, and where the ACPI tables are. */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

#include "lib/types.h"

#define MAX_RAM_RANGES 16

struct ram_range {
  u64 start, end; /* physical, page aligned, `end` excluded */
};

struct boot_info {
  char command_line[256];
  struct ram_range ram[MAX_RAM_RANGES];
  u32 nr_ram;
  u64 ram_end; /* end of the highest RAM or ACPI range below 1 GiB */
  u64 rsdp;    /* physical */
};

extern struct boot_info boot_info;

/* Copies what is needed out of struct hvm_start_info at this physical address. */
void boot_info_read(u64 start_info);

/* Copies the value of NAME=VALUE on the command line; false when NAME= is not there. */
bool command_line_value(const char *name, char *value, size_t size);
/* Whether WORD stands on the command line by itself. */
bool command_line_has(const char *word);

#endif
