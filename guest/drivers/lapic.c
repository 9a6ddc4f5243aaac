#include "drivers/lapic.h"

#include "lib/asm.h"
#include "mm/layout.h"
#include "smp/ipi.h"

/* Register offsets (SDM Vol. 3A, table 10-1). */
enum {
  APIC_ID = 0x20, TASK_PRIORITY = 0x80, EOI = 0xb0, SPURIOUS = 0xf0, ICR_LOW = 0x300, ICR_HIGH = 0x310,
  LVT_TIMER = 0x320, LVT_LINT0 = 0x350, LVT_LINT1 = 0x360, LVT_ERROR = 0x370, TIMER_INITIAL = 0x380, TIMER_DIVIDE = 0x3e0,
};
enum {
  APIC_ENABLE = 1 << 8, LVT_MASKED = 1 << 16, LVT_PERIODIC = 1 << 17, DIVIDE_BY_1 = 0xb,
  ICR_NMI = 4 << 8, ICR_INIT = 5 << 8, ICR_STARTUP = 6 << 8, ICR_ASSERT = 1 << 14, ICR_PENDING = 1 << 12,
};

/* One tick: 1 ms on QEMU, whose local APIC counts at 1 GHz. Nothing is calibrated, so that boots are alike. */
#define TICK_COUNT 1000000

static volatile u32 *reg(u32 offset)
{
  return (volatile u32 *)(LOCAL_APIC_BASE + offset);
}

void lapic_init(void)
{
  /* The old interrupt controller, where there is one, must not deliver anything. */
  outb(0x21, 0xff);
  outb(0xa1, 0xff);
  *reg(LVT_LINT0) = LVT_MASKED;
  *reg(LVT_LINT1) = ICR_NMI;
  *reg(LVT_ERROR) = LVT_MASKED;
  *reg(LVT_TIMER) = LVT_MASKED;
  *reg(TASK_PRIORITY) = 0;
  *reg(SPURIOUS) = APIC_ENABLE | VECTOR_SPURIOUS;
}

void lapic_start_timer(void)
{
  *reg(TIMER_DIVIDE) = DIVIDE_BY_1;
  *reg(LVT_TIMER) = LVT_PERIODIC | VECTOR_TIMER;
  *reg(TIMER_INITIAL) = TICK_COUNT;
}

void lapic_eoi(void)
{
  *reg(EOI) = 0;
}

u32 lapic_id(void)
{
  return *reg(APIC_ID) >> 24;
}

static void send(u32 apic_id, u32 command)
{
  u64 flags = local_irq_save(); /* an interrupt between the two writes could send another message */
  while (*reg(ICR_LOW) & ICR_PENDING) cpu_relax();
  *reg(ICR_HIGH) = apic_id << 24;
  *reg(ICR_LOW) = command;
  local_irq_restore(flags);
}

void lapic_send(u32 apic_id, u8 vector)
{
  send(apic_id, ICR_ASSERT | vector);
}

void lapic_send_nmi(u32 apic_id)
{
  send(apic_id, ICR_ASSERT | ICR_NMI);
}

void lapic_send_init(u32 apic_id)
{
  send(apic_id, ICR_ASSERT | ICR_INIT);
}

void lapic_send_startup(u32 apic_id, u8 page)
{
  send(apic_id, ICR_ASSERT | ICR_STARTUP | page);
}
