#include "boot/boot_info.h"

#include "lib/panic.h"
#include "lib/string.h"
#include "mm/layout.h"

struct boot_info boot_info;

/* xen/include/public/arch-x86/hvm/start_info.h, version 1. */
struct hvm_start_info {
  u32 magic, version, flags, nr_modules;
  u64 modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
  u32 memmap_entries, reserved;
};
struct hvm_memmap_entry {
  u64 addr, size;
  u32 type, reserved;
};
enum { START_INFO_MAGIC = 0x336ec578, MEMMAP_RAM = 1, MEMMAP_ACPI = 3, MEMMAP_NVS = 4 };

/* The tables of boot/pvh.S map the first GiB; more memory than that stays unused. */
#define BOOT_MAPPED_END (1ull << 30)

static const void *physical(u64 address)
{
  return (const void *)(PHYSMAP_BASE + address);
}

void boot_info_read(u64 start_info)
{
  const struct hvm_start_info *info = physical(start_info);
  if (info->magic != START_INFO_MAGIC) panic("the loader passed no PVH start info (magic 0x%x)", info->magic);
  if (info->version < 1) panic("the PVH start info has version 0, without a memory map");

  if (info->cmdline_paddr) copy_string(boot_info.command_line, physical(info->cmdline_paddr), sizeof boot_info.command_line);
  boot_info.rsdp = info->rsdp_paddr;

  const struct hvm_memmap_entry *map = physical(info->memmap_paddr);
  for (u32 i = 0; i < info->memmap_entries; i++) {
    u64 start = ALIGN_UP(map[i].addr, PAGE_SIZE);
    u64 end = ALIGN_DOWN(MIN(map[i].addr + map[i].size, BOOT_MAPPED_END), PAGE_SIZE);
    if (start >= end) continue;
    bool ram = map[i].type == MEMMAP_RAM;
    if ((ram || map[i].type == MEMMAP_ACPI || map[i].type == MEMMAP_NVS) && end > boot_info.ram_end) boot_info.ram_end = end;
    if (ram && boot_info.nr_ram < MAX_RAM_RANGES) boot_info.ram[boot_info.nr_ram++] = (struct ram_range){ start, end };
  }
}

/* The place behind `word` where it begins a word of the command line, or null. */
static const char *find_word(const char *word)
{
  size_t length = strlen(word);
  for (const char *at = boot_info.command_line; *at;) {
    while (*at == ' ') at++;
    if (strncmp(at, word, length) == 0) return at + length;
    while (*at && *at != ' ') at++;
  }
  return NULL;
}

bool command_line_value(const char *name, char *value, size_t size)
{
  char key[32];
  copy_string(key, name, sizeof key - 1);
  size_t length = strlen(key);
  key[length] = '=';
  key[length + 1] = 0;
  const char *at = find_word(key);
  if (!at) return false;
  size_t i = 0;
  while (at[i] && at[i] != ' ' && i < size - 1) {
    value[i] = at[i];
    i++;
  }
  value[i] = 0;
  return true;
}

bool command_line_has(const char *word)
{
  const char *after = find_word(word);
  return after && (*after == 0 || *after == ' ');
}
