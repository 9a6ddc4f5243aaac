#include "probe.h"
#include "groups.h"


/* The test chooses groups by their place in this list (groups.ts has the same one) and finds their lines by their names. */
static const struct { const char *name; void (*run)(void); } groups[] = {
  { "page rights", test_rights }, { "reserved bits", test_reserved_bits }, { "canonical addresses", test_canonical },
  { "control registers", test_control_registers }, { "MSRs", test_msrs }, { "PCID", test_pcid }, { "SYSCALL and SYSRET", test_syscall },
  { "far transfers", test_return }, { "event delivery", test_delivery }, { "double faults", test_double_faults }, { "segment loads", test_segments },
  { "segment bases", test_segment_bases }, { "NMI blocking", test_nmi }, { "privileges", test_privileges },
  { "random segment loads", test_random_segments }, { "random far transfers", test_random_returns },
  { "debug registers", test_debug }, { "protection keys", test_keys }, { "call gates", test_gates }, { "alignment checks", test_alignment }, { "vector units", test_vectors }, { "shutdown", test_shutdown },
};

/* Ends the machine: by the debug-exit port here, by the shutdown port in Bochs. */
static void end(void)
{
  __asm__ volatile("outb %0, $0xf4" :: "a"((u8)0));
  for (const char *s = "Shutdown"; *s; s++) __asm__ volatile("outb %0, %w1" :: "a"(*s), "Nd"(0x8900));
}

void guest_main(void)
{
  /* Firmware may have left the PICs on. */
  __asm__ volatile("outb %0, $0x21\n outb %0, $0xa1" :: "a"((u8)0xff));
  reset_tables();
  print("BEGIN\n");
  for (unsigned n = 0; n < sizeof groups / sizeof *groups; n++) {
    if (!(parameters[0] >> n & 1)) continue;
    reset_tables();
    print("GROUP %s\n", groups[n].name);
    groups[n].run();
  }
  print("END\n");
  end();
}
