import { Mnemonic } from 'iced-x86';
import * as L from '../../src/machine/cpu/layout.js';
import { Seg } from '../../src/machine/cpu/layout.js';
import { readFlags, writeFlags } from '../../src/machine/cpu/flags.js';
import { updateMode } from '../../src/machine/cpu/modes.js';
import { Machine } from '../../src/machine/machine.js';
import { decode } from '../../src/machine/translate/decode.js';
import type { Insn } from '../../src/machine/translate/insn.js';
import { Qemu, type Registers } from './qemu.js';

/** What a lockstep run found. */
export interface LockstepResult {
  /** Instructions compared; a REP string instruction is one here. */
  steps: number;
  /** Instructions whose results come from a device or a timer and were taken over from QEMU. */
  takenOver: number;
  /** Why the run ended before its count: a difference in words, or that the guest halted. */
  difference?: string;
  halted?: boolean;
}

const { CF, PF, AF, ZF, SF, OF } = { CF: 1, PF: 4, AF: 0x10, ZF: 0x40, SF: 0x80, OF: 0x800 };
/** Flags that the manual leaves undefined after an instruction (SDM Vol. 2, "Flags Affected"). */
const UNDEFINED_FLAGS = new Map<Mnemonic, number>([
  ...[Mnemonic.And, Mnemonic.Or, Mnemonic.Xor, Mnemonic.Test].map(m => [m, AF] as [Mnemonic, number]),
  ...[Mnemonic.Shl, Mnemonic.Sal, Mnemonic.Shr, Mnemonic.Sar, Mnemonic.Shld, Mnemonic.Shrd].map(m => [m, AF | OF | CF] as [Mnemonic, number]),
  ...[Mnemonic.Rol, Mnemonic.Ror, Mnemonic.Rcl, Mnemonic.Rcr].map(m => [m, OF] as [Mnemonic, number]),
  ...[Mnemonic.Mul, Mnemonic.Imul].map(m => [m, SF | ZF | AF | PF] as [Mnemonic, number]),
  ...[Mnemonic.Div, Mnemonic.Idiv].map(m => [m, CF | OF | SF | ZF | AF | PF] as [Mnemonic, number]),
  ...[Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc].map(m => [m, OF | SF | AF | PF] as [Mnemonic, number]),
  ...[Mnemonic.Bsf, Mnemonic.Bsr].map(m => [m, CF | OF | SF | AF | PF] as [Mnemonic, number]),
]);
/** Their results depend on the processor's identity, on devices or on time. */
const TAKE_OVER = new Set<Mnemonic>([Mnemonic.Cpuid, Mnemonic.Rdtsc, Mnemonic.Rdtscp, Mnemonic.In, Mnemonic.Rdmsr]);

/**
 * Runs the same ELF on QEMU's TCG and on the machine, one instruction at a time from the PVH entry, and compares all
 * registers after each. The machine starts with a copy of QEMU's memory and registers, and takes no interrupts, since
 * QEMU's stub takes none while it steps.
 */
export async function lockstep(elf: string, entry: number, options: { steps: number; append: string; ramMiB?: number; cpu?: string; features?: object }): Promise<LockstepResult> {
  const ramMiB = options.ramMiB ?? 32;
  const qemu = await Qemu.start(elf, { append: options.append, ramMiB, cpu: options.cpu });
  try {
    await qemu.runTo(entry);
    const machine = new Machine({ cpus: 1, ramSize: ramMiB << 20, features: options.features });
    machine.inhibitInterrupts = true;
    machine.memory.write(0, await qemu.memory(ramMiB << 20));
    const cpu = machine.cpus[0]!;
    let theirs = await qemu.registers();
    adopt(machine, theirs);
    const result: LockstepResult = { steps: 0, takenOver: 0 };
    while (result.steps < options.steps) {
      const insn = instructionAt(machine);
      const before = cpu.rip;
      const skip = insn !== undefined && insn.rep !== 'none' && (readFlags(cpu) & L.Flag.IF) === 0 && cpu.gpr(1) > 1n && machine.mmu.readLinear(cpu, insn.next, 1).length > 0;
      let stop = machine.step(0);
      while (skip && !stop && cpu.rip === before) stop = machine.step(0);
      if (stop) return { ...result, difference: `the machine stopped at 0x${before.toString(16)}: ${JSON.stringify(stop, (_, v) => typeof v === 'bigint' ? `0x${v.toString(16)}` : v as unknown)}` };
      if (insn?.mnemonic === Mnemonic.Hlt) return { ...result, halted: true };
      if (skip && cpu.rip === insn.next) await qemu.runTo(insn.next);
      else await qemu.gdb.step();
      const last = theirs;
      theirs = await qemu.registers();
      // Now and then QEMU answers a step without having executed anything: an event of its own came first.
      if (theirs.rip === last.rip && insn?.target !== before && same(theirs, last)) {
        await qemu.gdb.step();
        theirs = await qemu.registers();
      }
      result.steps++;
      if (insn && (TAKE_OVER.has(insn.mnemonic) || touchesDevice(machine, insn))) {
        theirs.gpr.forEach((value, n) => cpu.setGpr(n, value));
        result.takenOver++;
      }
      const difference = compare(machine, theirs, insn ? UNDEFINED_FLAGS.get(insn.mnemonic) ?? 0 : 0);
      if (difference) return { ...result, difference: `after ${result.steps} steps, instruction at 0x${before.toString(16)} (${insn ? describe(insn) : 'not readable'}): ${difference}` };
      writeFlags(cpu, theirs.rflags);
    }
    return result;
  } finally {
    qemu.stop();
  }
}

function same(a: Registers, b: Registers): boolean { return a.rflags === b.rflags && a.gpr.every((value, n) => value === b.gpr[n]); }

/** Gives CPU 0 QEMU's registers; at the PVH entry segments are flat, 32 bits and ring 0. */
function adopt(machine: Machine, from: Registers): void {
  const cpu = machine.cpus[0]!;
  from.gpr.forEach((value, n) => cpu.setGpr(n, value));
  cpu.rip = from.rip;
  writeFlags(cpu, from.rflags);
  cpu.set(L.CR0, from.cr0);
  cpu.set(L.CR4, from.cr4);
  cpu.set(L.EFER, from.efer);
  from.selectors.forEach((selector, n) => cpu.setSegment(n, selector, n === Seg.CS ? 0xc09b : 0xc093, 0xffffffff, 0n));
  updateMode(machine, cpu);
}

function instructionAt(machine: Machine): Insn | undefined {
  const cpu = machine.cpus[0]!, mode = cpu.int(L.MODE);
  const linear = cpu.linearRip;
  const insn = decode(machine.mmu.readLinear(cpu, linear, 15), cpu.rip, linear, mode);
  return typeof insn === 'string' ? undefined : insn;
}

/** A load from the local APIC's page. */
function touchesDevice(machine: Machine, insn: Insn): boolean {
  const memory = insn.memory;
  if (!memory || insn.operands[0]?.kind === 'memory' && insn.mnemonic === Mnemonic.Mov) return false;
  const cpu = machine.cpus[0]!;
  // The base register may have been overwritten by the load itself: then the page is told by the value no more; none of our loads do that to a device.
  const linear = BigInt.asUintN(64, (memory.base >= 0 ? cpu.gpr(memory.base) : 0n) + (memory.index >= 0 ? cpu.gpr(memory.index) * BigInt(memory.scale) : 0n) + memory.displacement);
  const physical = machine.mmu.probe(cpu, Number(linear & 0xffffffffn) | 0, Number(linear >> 32n) | 0);
  return physical >= 0xfee00000 && physical < 0xfee01000;
}

function compare(machine: Machine, theirs: Registers, undefinedFlags: number): string | undefined {
  const cpu = machine.cpus[0]!, wrong: string[] = [];
  const check = (name: string, ours: bigint, qemu: bigint) => { if (ours !== qemu) wrong.push(`${name} is 0x${ours.toString(16)}, QEMU has 0x${qemu.toString(16)}`); };
  names.forEach((name, n) => check(name, cpu.gpr(n), theirs.gpr[n]!));
  check('rip', cpu.rip, theirs.rip);
  // RF is not kept by QEMU as by a processor after a fault's IRET; it is compared by our own tests.
  const mask = ~(undefinedFlags | 0x10000);
  check('rflags', BigInt(readFlags(cpu) & mask), BigInt(theirs.rflags & mask));
  ['es', 'cs', 'ss', 'ds', 'fs', 'gs'].forEach((name, n) => check(name, BigInt(cpu.segSelector(n)), BigInt(theirs.selectors[n]!)));
  check('fs_base', cpu.segBase(Seg.FS), theirs.fsBase);
  check('gs_base', cpu.segBase(Seg.GS), theirs.gsBase);
  check('kernel_gs_base', cpu.get(L.KERNEL_GS_BASE), theirs.kernelGsBase);
  check('cr0', cpu.get(L.CR0), theirs.cr0);
  check('cr2', cpu.get(L.CR2), theirs.cr2);
  check('cr3', cpu.get(L.CR3), theirs.cr3);
  check('cr4', cpu.get(L.CR4), theirs.cr4);
  check('efer', cpu.get(L.EFER), theirs.efer);
  return wrong.length ? wrong.join('; ') : undefined;
}

function describe(insn: Insn): string { return `${Mnemonic[insn.mnemonic]!.toLowerCase()}, bytes ${Buffer.from(insn.bytes).toString('hex')}`; }

const names = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];
