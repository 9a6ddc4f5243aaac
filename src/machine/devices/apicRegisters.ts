import { TimerMode } from './apicTimer.js';

/** The registers of a local APIC: numbers, bits, and the 256-bit ones that have a bit for each vector. */

/** Registers by number: offset in the xAPIC page >> 4 = x2APIC MSR - 0x800 (SDM Vol. 3A, tables 10-1 and 10-6). */
export const enum ApicRegister {
  Id = 0x02, Version = 0x03, Tpr = 0x08, Apr = 0x09, Ppr = 0x0a, Eoi = 0x0b, Rrd = 0x0c, Ldr = 0x0d, Dfr = 0x0e, Svr = 0x0f,
  Isr = 0x10, Tmr = 0x18, Irr = 0x20, Esr = 0x28, Icr = 0x30, IcrHigh = 0x31, LvtTimer = 0x32, LvtThermal = 0x33, LvtPerformance = 0x34,
  LvtLint0 = 0x35, LvtLint1 = 0x36, LvtError = 0x37, InitialCount = 0x38, CurrentCount = 0x39, Divide = 0x3e, SelfIpi = 0x3f,
}

/** Version 0x14 (integrated APIC), six LVT entries. */
export const VERSION = 0x0005_0014;
export const LVT_MASKED = 1 << 16;
/** Bits 18:17 of LVT Timer; TSC-deadline mode where the processor has it. */
export const LVT_MODE_SHIFT = 17, LVT_TSC_DEADLINE = TimerMode.TscDeadline << LVT_MODE_SHIFT;
export const SVR_ENABLED = 1 << 8;
/** Delivery modes of LINT0 (SDM Vol. 3A, 10.5.1). */
export const MODE_FIXED = 0, MODE_NMI = 4, MODE_EXTERNAL = 7;
/** Writable bits of each LVT entry. Bits 12 and 14 are status. Timer: vector, mask, mode. */
export const LVT_WRITABLE: Record<number, number> = {
  [ApicRegister.LvtTimer]: 0x700ff, [ApicRegister.LvtThermal]: 0x107ff, [ApicRegister.LvtPerformance]: 0x107ff,
  [ApicRegister.LvtLint0]: 0x1a7ff, [ApicRegister.LvtLint1]: 0x1a7ff, [ApicRegister.LvtError]: 0x100ff,
};
/** Error status bits (SDM Vol. 3A, 10.5.3). */
export const enum ApicError { SendIllegalVector = 1 << 5, ReceivedIllegalVector = 1 << 6, IllegalRegister = 1 << 7 }

/** IA32_APIC_BASE (SDM Vol. 3A, 10.4.4). */
export const APIC_BASE_BSP = 1n << 8n, APIC_BASE_EXTD = 1n << 10n, APIC_BASE_ENABLE = 1n << 11n;
/** Where the xAPIC page lies; this machine does not move it. */
export const APIC_PHYSICAL = 0xfee00000;

/** Registers that can be read; in x2APIC mode DFR and ICR's upper half do not exist, which the MSR side knows. */
export function isReadable(register: number): boolean {
  switch (register) {
    case ApicRegister.Id: case ApicRegister.Version: case ApicRegister.Tpr: case ApicRegister.Apr: case ApicRegister.Ppr: case ApicRegister.Ldr: case ApicRegister.Dfr:
    case ApicRegister.Svr: case ApicRegister.Esr: case ApicRegister.Icr: case ApicRegister.IcrHigh: case ApicRegister.InitialCount: case ApicRegister.CurrentCount:
    case ApicRegister.Divide: return true;
    default: return register >= ApicRegister.Isr && register < ApicRegister.Esr || register >= ApicRegister.LvtTimer && register <= ApicRegister.LvtError;
  }
}

/** Highest vector set in the 256-bit register that starts at `first`; 0 if there is none. */
export function highest(registers: Uint32Array, first: number): number {
  for (let word = 7; word >= 0; word--) {
    const bits = registers[first + word]!;
    if (bits !== 0) return word * 32 + 31 - Math.clz32(bits);
  }
  return 0;
}

/** Bit n is set for each word that is not zero, of the 256-bit register that starts at `first`. */
export function words(registers: Uint32Array, first: number): number {
  let set = 0;
  for (let word = 0; word < 8; word++) if (registers[first + word] !== 0) set |= 1 << word;
  return set;
}
