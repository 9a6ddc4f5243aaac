/* The one ACPI table that matters here: the MADT, which lists the CPUs. */
#ifndef BOOT_ACPI_H
#define BOOT_ACPI_H

#include "lib/types.h"

/* Fills in the local APIC identifiers of the enabled CPUs, the boot CPU first; returns how many, at most MAX_CPUS. */
u32 acpi_find_cpus(u64 rsdp, u32 boot_apic_id, u32 *apic_ids);

#endif
