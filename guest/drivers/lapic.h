/* The local APIC, by its memory-mapped registers (xAPIC mode). */
#ifndef DRIVERS_LAPIC_H
#define DRIVERS_LAPIC_H

#include "lib/types.h"

#define LOCAL_APIC_PHYS 0xfee00000

/* Software-enables this CPU's local APIC, everything masked but NMI. */
void lapic_init(void);
/* Starts the periodic tick of this CPU. */
void lapic_start_timer(void);
void lapic_eoi(void);
u32 lapic_id(void);

void lapic_send(u32 apic_id, u8 vector);
void lapic_send_nmi(u32 apic_id);
/* The two messages that start an application processor at `page` << 12 (SDM Vol. 3A, 8.4.4). */
void lapic_send_init(u32 apic_id);
void lapic_send_startup(u32 apic_id, u8 page);

#endif
