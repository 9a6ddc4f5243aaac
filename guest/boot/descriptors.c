#include "boot/descriptors.h"

#include "entry/offsets.h"
#include "kaiser/cpu_entry_area.h"
#include "kaiser/kaiser.h"
#include "lib/asm.h"
#include "smp/ipi.h"
#include "smp/percpu.h"

struct gdt gdts[MAX_CPUS] section(".bss.page_aligned");
struct tss tsss[MAX_CPUS] section(".bss.page_aligned");
struct gate idt[256] section(".bss.page_aligned");
_Static_assert(sizeof(struct tss) == PAGE_SIZE, "a TSS is mapped by itself");

enum { GDT_LIMIT = LDT_SELECTOR + 16 - 1, TSS_LIMIT = 103, NMI_VECTOR = 2 };

/* entry/: where the CPU jumps to. */
#define TRAMPOLINES(X)                                                                                                 \
  X(divide_error, 0, IST_NONE) X(debug, 1, IST_DEBUG) X(nmi, NMI_VECTOR, IST_NMI) X(breakpoint, 3, IST_BREAKPOINT)     \
  X(overflow, 4, IST_NONE) X(bound_range, 5, IST_NONE) X(invalid_opcode, 6, IST_NONE)                                  \
  X(device_not_available, 7, IST_NONE) X(double_fault, 8, IST_DOUBLE_FAULT) X(invalid_tss, 10, IST_NONE)               \
  X(segment_not_present, 11, IST_NONE) X(stack_segment, 12, IST_NONE) X(general_protection, 13, IST_NONE)              \
  X(page_fault, 14, IST_NONE) X(x87, 16, IST_NONE) X(alignment_check, 17, IST_NONE)                                    \
  X(machine_check, 18, IST_MACHINE_CHECK) X(simd, 19, IST_NONE) X(timer, VECTOR_TIMER, IST_NONE)                       \
  X(ipi_tlb, VECTOR_IPI_TLB, IST_NONE) X(ipi_call, VECTOR_IPI_CALL, IST_NONE)                                          \
  X(ipi_resched, VECTOR_IPI_RESCHED, IST_NONE)                                                                         \
  X(spurious, VECTOR_SPURIOUS, IST_NONE)

#define DECLARE(name, vector, ist) extern char entry_##name[];
TRAMPOLINES(DECLARE)
extern char entry_syscall64[], entry_syscall64_plain[], entry_syscall32[], entry_sysenter[], entry_int80[];

/* An interrupt gate (SDM Vol. 3A, figure 6-8): interrupts are off on entry. */
static void set_gate(unsigned vector, const char *target, enum ist ist, unsigned dpl)
{
  u64 address = (u64)target;
  idt[vector].low = (address & 0xffff) | (u64)KERNEL_CS << 16 | (u64)ist << 32 | 0x8e00ull << 32 | (u64)dpl << 45 |
                    (address >> 16 & 0xffff) << 48;
  idt[vector].high = address >> 32;
}

void idt_init(void)
{
  for (unsigned vector = 32; vector < 256; vector++) set_gate(vector, entry_spurious, IST_NONE, 0);
#define SET(name, vector, ist) set_gate(vector, entry_##name, ist, 0);
  TRAMPOLINES(SET)
  set_gate(3, entry_breakpoint, IST_BREAKPOINT, 3); /* INT3 is for everybody */
  set_gate(VECTOR_SYSCALL, entry_int80, IST_NONE, 3);
}

static void fill_gdt(struct gdt *gdt, u64 tss)
{
  gdt->entries[KERNEL_CS / 8] = 0x00af9b000000ffff;
  gdt->entries[KERNEL_DS / 8] = 0x00cf93000000ffff;
  gdt->entries[USER_CS32 / 8] = 0x00cffb000000ffff;
  gdt->entries[USER_DS / 8] = 0x00cff3000000ffff;
  gdt->entries[USER_CS / 8] = 0x00affb000000ffff;
  /* An available 64-bit TSS takes two entries (SDM Vol. 3A, figure 8-4). */
  gdt->entries[TSS_SELECTOR / 8] = TSS_LIMIT | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
  gdt->entries[TSS_SELECTOR / 8 + 1] = tss >> 32;
}

struct table_pointer {
  u16 limit;
  u64 base;
} packed;

static void load_gdt(u64 base)
{
  struct table_pointer pointer = { GDT_LIMIT, base };
  asm volatile("lgdt %0" : : "m"(pointer));
}

static bool enters_on_task_stack;

void descriptors_task_switched(u32 cpu, u64 stack_top)
{
  if (enters_on_task_stack) tsss[cpu].rsp[0] = stack_top;
}

void descriptors_load(u32 cpu)
{
  u64 area = cpu_entry_area(cpu);
  struct tss *tss = &tsss[cpu];
  /* The task's own stack is not mapped in the shadow half. */
  tss->rsp[0] = entry_stack_top(cpu);
  for (enum ist ist = 1; ist <= NR_IST; ist++) tss->ist[ist - 1] = ist_stack_top(cpu, ist);
  tss->io_map_base = TSS_LIMIT + 1; /* no I/O ports for user mode */
  enters_on_task_stack = !has_cure(CURE_ENTRY_STACK) && !kaiser_enabled;
  percpu_areas[cpu].entry_stack_top = entry_stack_top(cpu);

  /* LTR writes the busy bit into the GDT, so it has to be done before the read-only alias is in use. */
  fill_gdt(&gdts[cpu], area + AREA_TSS * PAGE_SIZE);
  load_gdt((u64)&gdts[cpu]);
  asm volatile("ltr %w0" : : "r"(TSS_SELECTOR));
  load_gdt(area + AREA_GDT * PAGE_SIZE);
  struct table_pointer pointer = { sizeof idt - 1, IDT_ADDRESS };
  asm volatile("lidt %0" : : "m"(pointer));

  /* The selectors of the boot GDT are the same for CS and the data segments; user mode gets null ones. */
  asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs" : : "r"(0));
  asm volatile("mov %0, %%ss" : : "r"(KERNEL_DS));

  wrmsr(MSR_STAR, (u64)USER_CS32 << 48 | (u64)KERNEL_CS << 32);
  wrmsr(MSR_LSTAR, (u64)(has_cure(CURE_VECTORS) || kaiser_enabled ? entry_syscall64 : entry_syscall64_plain));
  wrmsr(MSR_CSTAR, (u64)entry_syscall32);
  wrmsr(MSR_SYSENTER_CS, KERNEL_CS);
  wrmsr(MSR_SYSENTER_ESP, entry_stack_top(cpu));
  wrmsr(MSR_SYSENTER_EIP, (u64)entry_sysenter);
  /* Without CURE_GS entries look at %gs before SWAPGS: user mode begins with the kernel's base, and it stays that until user mode changes it. */
  if (!has_cure(CURE_GS)) wrmsr(MSR_KERNEL_GS_BASE, (u64)&percpu_areas[cpu]);
  wrmsr(MSR_FMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_AC | BIT(14) | BIT(12) | BIT(13));
}
