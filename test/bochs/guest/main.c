#include "probe.h"
#include "groups.h"


/* The test finds a group by its place in this list. */
static void (*const groups[])(void) = {
  test_rights, test_reserved_bits, test_canonical, test_control_registers, test_msrs, test_pcid, test_syscall, test_return, test_delivery,
  test_double_faults, test_segments, test_segment_bases, test_nmi, test_privileges, test_random_segments, test_random_returns, test_shutdown,
};

/* Ends the machine: by the debug-exit port here, by the shutdown port in Bochs. */
static void end(void)
{
  __asm__ volatile("outb %0, $0xf4" :: "a"((u8)0));
  for (const char *s = "Shutdown"; *s; s++) __asm__ volatile("outb %0, %w1" :: "a"(*s), "Nd"(0x8900));
}

void guest_main(void)
{
  reset_tables();
  print("BEGIN\n");
  for (unsigned n = 0; n < sizeof groups / sizeof *groups; n++) {
    if (!(parameters[0] >> n & 1)) continue;
    reset_tables();
    groups[n]();
  }
  print("END\n");
  end();
}
