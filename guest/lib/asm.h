/* One C function for each privileged instruction that the kernel uses. */
#ifndef LIB_ASM_H
#define LIB_ASM_H

#include "lib/types.h"

#define DEFINE_CONTROL_REGISTER(name)                                                                                  \
  static inline u64 read_##name(void)                                                                                  \
  {                                                                                                                    \
    u64 value;                                                                                                         \
    asm volatile("mov %%" #name ", %0" : "=r"(value) : : "memory");                                                    \
    return value;                                                                                                      \
  }                                                                                                                    \
  static inline void write_##name(u64 value) { asm volatile("mov %0, %%" #name : : "r"(value) : "memory"); }
DEFINE_CONTROL_REGISTER(cr0)
DEFINE_CONTROL_REGISTER(cr2)
DEFINE_CONTROL_REGISTER(cr3)
DEFINE_CONTROL_REGISTER(cr4)
DEFINE_CONTROL_REGISTER(dr6)

static inline void outb(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void outl(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 inb(u16 port)
{
  u8 value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static inline u64 rdmsr(u32 msr)
{
  u32 low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return (u64)high << 32 | low;
}
static inline void wrmsr(u32 msr, u64 value)
{
  asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline void cpuid(u32 leaf, u32 subleaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
  asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(subleaf));
}

static inline void local_irq_disable(void) { asm volatile("cli" : : : "memory"); }
static inline void local_irq_enable(void) { asm volatile("sti" : : : "memory"); }
/* STI keeps interrupts off for one more instruction, so none can slip in before the HLT (SDM Vol. 2, STI). */
static inline void wait_for_interrupt(void) { asm volatile("sti; hlt" : : : "memory"); }
static inline void cpu_relax(void) { asm volatile("pause" : : : "memory"); }

#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)
#define RFLAGS_DF BIT(10)
#define RFLAGS_RF BIT(16)
#define RFLAGS_AC BIT(18)

static inline u64 local_irq_save(void)
{
  u64 flags;
  asm volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
  return flags;
}
static inline void local_irq_restore(u64 flags)
{
  if (flags & RFLAGS_IF) local_irq_enable();
}
static inline bool irqs_enabled(void)
{
  u64 flags;
  asm volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
  return flags & RFLAGS_IF;
}

static inline void invlpg(u64 address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }

/* INVPCID types (SDM Vol. 2, INVPCID). */
enum { INVPCID_ADDRESS, INVPCID_CONTEXT, INVPCID_ALL_AND_GLOBALS, INVPCID_ALL };
static inline void invpcid(u64 type, u64 pcid, u64 address)
{
  struct { u64 pcid, address; } descriptor = { pcid, address };
  asm volatile("invpcid %0, %1" : : "m"(descriptor), "r"(type) : "memory");
}

#define MSR_APIC_BASE 0x1b
#define MSR_MCG_STATUS 0x17a
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_FMASK 0xc0000084
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define EFER_SCE BIT(0)
#define EFER_NXE BIT(11)
#define CR0_WP BIT(16)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE BIT(17)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)

#endif
