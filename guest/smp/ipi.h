/* Interrupt vectors of the local APIC, and messages from CPU to CPU. */
#ifndef SMP_IPI_H
#define SMP_IPI_H

#include "lib/types.h"

enum {
  VECTOR_SYSCALL = 0x80, /* INT 0x80 of 32-bit programs */
  VECTOR_TIMER = 0xec,
  VECTOR_IPI_TLB = 0xfb,
  VECTOR_IPI_CALL = 0xfc,
  VECTOR_IPI_RESCHED = 0xfd,
  VECTOR_SPURIOUS = 0xff,
};

void ipi_send(u32 cpu, u8 vector);
/* Makes a CPU look for another task as soon as it may; may be called with interrupts off and locks held. */
void ipi_resched(u32 cpu);
/* Stops all other CPUs for good, whatever they do: by NMI. */
void ipi_halt_others(void);
/* Set by it; the NMI handler looks at it. */
extern bool halting;

#endif
