#include "mm/init.h"

#include "boot/boot_info.h"
#include "drivers/lapic.h"
#include "kaiser/cpu_entry_area.h"
#include "kaiser/espfix.h"
#include "kaiser/kaiser.h"
#include "lib/asm.h"
#include "lib/panic.h"
#include "mm/mm.h"
#include "mm/pagetable.h"

extern char __kernel_start[], __text_end[], __rodata_end[], __kernel_end[];

u64 init_pgd_phys;

/*
 * None of the kernel's own pages is global: a global translation would be used in the shadow half as well, and what is
 * not mapped there would be reachable through the TLB. Without CURE_NONGLOBAL they are while KAISER is off, as in kernels
 * that have never heard of it, and stay so when it is switched on.
 */
static u64 global_bit(void)
{
  return has_cure(CURE_NONGLOBAL) || kaiser_enabled ? 0 : PTE_GLOBAL;
}

static void map_physmap(void)
{
  for (u64 at = 0; at < boot_info.ram_end; at += PMD_SIZE) {
    u64 *entry = walk(init_mm.pgd, PHYSMAP_BASE + at, LEVEL_PMD, TABLE_KERNEL);
    if (!entry) panic("no memory for the direct map");
    *entry = at | PTE_PRESENT | PTE_WRITE | PTE_LARGE | nx_bit() | global_bit();
  }
}

static void map_image(void)
{
  for (u64 at = (u64)__kernel_start; at < (u64)__kernel_end; at += PAGE_SIZE) {
    u64 flags = PTE_PRESENT | nx_bit();
    if (at < (u64)__text_end) flags = PTE_PRESENT;
    else if (at >= (u64)__rodata_end) flags |= PTE_WRITE;
    map_page(init_mm.pgd, at, at - KERNEL_BASE, flags | global_bit());
  }
}

void mm_init(u32 nr_possible_cpus)
{
  init_mm.pgd = page_alloc(PGD_PAIR_ORDER);
  if (!init_mm.pgd) panic("no memory for the first PGD");
  init_pgd_phys = to_physical(init_mm.pgd);
  map_physmap();
  map_image();
  map_page(init_mm.pgd, LOCAL_APIC_BASE, LOCAL_APIC_PHYS, PTE_PRESENT | PTE_WRITE | PTE_PCD | PTE_PWT | nx_bit());
  cpu_entry_area_init(nr_possible_cpus);
  espfix_init(nr_possible_cpus);
  kaiser_build_shadow(nr_possible_cpus);
}

void mm_load_init(void)
{
  /* The tables have NX in them, which is a reserved bit until EFER says otherwise. */
  if (nx_bit()) wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
  write_cr3(init_pgd_phys);
}
