import { type Core, GuestFault, Vector } from '../core.js';
import type { CpuState } from '../cpu/state.js';
import { ApicError, ApicRegister } from './apicRegisters.js';

/** Bits that may be written in each register's MSR (SDM Vol. 3A, table 10-6); what is not here is read-only or absent. */
const writable = new Map<number, bigint>([
  [ApicRegister.Tpr, 0xffn], [ApicRegister.Eoi, 0n], [ApicRegister.Svr, 0x1ffn], [ApicRegister.Esr, 0n],
  [ApicRegister.LvtTimer, 0x310ffn], [ApicRegister.LvtThermal, 0x117ffn], [ApicRegister.LvtPerformance, 0x117ffn],
  [ApicRegister.LvtLint0, 0x1f7ffn], [ApicRegister.LvtLint1, 0x1f7ffn], [ApicRegister.LvtError, 0x110ffn],
  [ApicRegister.InitialCount, 0xffffffffn], [ApicRegister.Divide, 0xbn],
]);
const ICR_WRITABLE = 0xffffffff_000ccfffn;

function refuse(): never { throw new GuestFault(Vector.GP, 0); }

/** RDMSR of 0x800 + `register`: #GP(0) outside x2APIC mode and for registers that do not exist there. */
export function readX2apic(core: Core, cpu: CpuState, register: number): bigint {
  const apic = core.apics[cpu.index]!;
  if (!apic.x2apic || !isReadable(register)) refuse();
  const low = BigInt(apic.read(register) >>> 0);
  return register === ApicRegister.Icr ? BigInt(apic.peek(ApicRegister.IcrHigh) >>> 0) << 32n | low : low;
}

function isReadable(register: number): boolean {
  switch (register) {
    case ApicRegister.Id: case ApicRegister.Version: case ApicRegister.Ppr: case ApicRegister.Ldr: case ApicRegister.Icr: case ApicRegister.CurrentCount: return true;
    case ApicRegister.Eoi: return false;
    default: return register >= ApicRegister.Isr && register < ApicRegister.Esr || writable.has(register);
  }
}

/** WRMSR of 0x800 + `register`. */
export function writeX2apic(core: Core, cpu: CpuState, register: number, value: bigint): void {
  const apic = core.apics[cpu.index]!;
  if (!apic.x2apic) refuse();
  if (register === ApicRegister.Icr) {
    if (value & ~ICR_WRITABLE) refuse();
    apic.writeIcr64(Number(value & 0xffffffffn), Number(value >> 32n));
    return;
  }
  if (register === ApicRegister.SelfIpi) {
    if (value >> 8n) refuse();
    if (value < 16n) apic.raiseError(ApicError.SendIllegalVector);
    else apic.accept(Number(value));
    return;
  }
  const mask = writable.get(register);
  if (mask === undefined || value & ~mask) refuse();
  apic.write(register, Number(value));
}
