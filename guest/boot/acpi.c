#include "boot/acpi.h"

#include "lib/string.h"
#include "mm/layout.h"

/* ACPI specification 6.5, section 5.2. */
struct rsdp {
  char signature[8];
  u8 checksum;
  char oem[6];
  u8 revision;
  u32 rsdt;
  u32 length;
  u64 xsdt;
} packed;
struct acpi_header {
  char signature[4];
  u32 length;
  u8 revision, checksum;
  char oem[6], oem_table[8];
  u32 oem_revision, creator, creator_revision;
} packed;
struct madt {
  struct acpi_header header;
  u32 local_apic, flags;
  u8 entries[];
} packed;
enum { MADT_LOCAL_APIC = 0, LOCAL_APIC_ENABLED = 1 };

static const void *physical(u64 address)
{
  return (const void *)(PHYSMAP_BASE + address);
}

static const struct madt *find_madt(u64 rsdp_address)
{
  const struct rsdp *rsdp = physical(rsdp_address);
  bool wide = rsdp->revision >= 2 && rsdp->xsdt;
  const struct acpi_header *root = physical(wide ? rsdp->xsdt : rsdp->rsdt);
  const u8 *pointers = (const u8 *)(root + 1);
  size_t size = wide ? 8 : 4;
  for (size_t at = 0; at + size <= root->length - sizeof *root; at += size) {
    u64 address = 0;
    memcpy(&address, pointers + at, size);
    const struct acpi_header *table = physical(address);
    if (memcmp(table->signature, "APIC", 4) == 0) return (const struct madt *)table;
  }
  return NULL;
}

u32 acpi_find_cpus(u64 rsdp, u32 boot_apic_id, u32 *apic_ids)
{
  u32 count = 1;
  apic_ids[0] = boot_apic_id;
  const struct madt *madt = rsdp ? find_madt(rsdp) : NULL;
  if (!madt) return count;
  const u8 *end = (const u8 *)madt + madt->header.length;
  for (const u8 *entry = madt->entries; entry + 2 <= end && entry[1] >= 2; entry += entry[1]) {
    /* Local APIC entry: type, length, processor, APIC identifier, flags (4 bytes). */
    if (entry[0] != MADT_LOCAL_APIC || !(entry[4] & LOCAL_APIC_ENABLED)) continue;
    if (entry[3] != boot_apic_id && count < MAX_CPUS) apic_ids[count++] = entry[3];
  }
  return count;
}
