#include "boot/features.h"

#include "boot/boot_info.h"
#include "lib/asm.h"

struct cpu_features cpu_has;

void features_detect(void)
{
  u32 a, b, c, d, highest;
  cpuid(0, 0, &highest, &b, &c, &d);
  cpuid(1, 0, &a, &b, &c, &d);
  cpu_has.pcid = c & BIT(17) && !command_line_has("nopcid");
  cpu_has.noflush = cpu_has.pcid && !command_line_has("nonoflush");
  cpu_has.pge = d & BIT(13) && !command_line_has("nopge");
  cpu_has.mce = d & BIT(7);
  cpu_has.mca = d & BIT(14);
  if (highest >= 7) {
    cpuid(7, 0, &a, &b, &c, &d);
    cpu_has.fsgsbase = b & BIT(0) && !command_line_has("nofsgsbase");
    cpu_has.smep = b & BIT(7) && !command_line_has("nosmep");
    cpu_has.invpcid = b & BIT(10) && !command_line_has("noinvpcid");
    cpu_has.smap = b & BIT(20) && !command_line_has("nosmap");
  }
  cpuid(0x80000001, 0, &a, &b, &c, &d);
  cpu_has.nx = d & BIT(20) && !command_line_has("nonx");
}

void features_enable(void)
{
  wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (cpu_has.nx ? EFER_NXE : 0));
  u64 cr4 = read_cr4();
  if (cpu_has.pge) cr4 |= CR4_PGE;
  if (cpu_has.smep) cr4 |= CR4_SMEP;
  if (cpu_has.smap) cr4 |= CR4_SMAP;
  if (cpu_has.fsgsbase) cr4 |= CR4_FSGSBASE;
  if (cpu_has.pcid) cr4 |= CR4_PCIDE;
  /* Without it a machine check does not enter the kernel but shuts the machine down (SDM Vol. 3A, 15.8). */
  if (cpu_has.mce) cr4 |= CR4_MCE;
  write_cr4(cr4);
}
