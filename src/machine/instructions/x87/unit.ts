import { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, Vector } from '../../core.js';
import * as L from '../../cpu/layout.js';
import type { CpuState } from '../../cpu/state.js';
import { raisePendingX87, X87_ES, X87_TOP, X87Tag } from '../../cpu/x87State.js';
import { Environment, FloatException, Rounding } from '../../float/environment.js';
import { extended, type Float, indefinite, packExtended, type Precision, unpackExtended } from '../../float/number.js';
import type { Insn } from '../../translate/insn.js';
import { effectiveAddress, effectiveOffset, privilegeOf, writeMemory } from '../operands.js';
import { handle } from '../system/registry.js';

/** Bits of the status word (SDM Vol. 1, 8.1.3). */
export const SF = 1 << 6, C0 = 1 << 8, C1 = 1 << 9, C2 = 1 << 10, C3 = 1 << 14, BUSY = 1 << 15;
const CONDITIONS = C0 | C1 | C2 | C3, MASKS = 0x3f;
const EM = 1 << 2, TS = 1 << 3;

/** Precisions by the control word's PC field (SDM Vol. 1, table 8-2): 1 is reserved and acts as 3 (measured). All have the exponents of the registers. */
const PRECISIONS: readonly Precision[] = [24, 64, 53, 64].map(bits => ({ ...extended, bits }));

/**
 * The x87 for the time of one instruction. Registers are named relative to TOP. Nothing but registers that the instruction has
 * finished with is changed before `commit`, so memory accesses that fault leave no trace if they come first.
 */
export class X87 {
  readonly env: Environment;
  /** Condition codes that the instruction sets apart from C1; those in `conditionMask` are replaced. */
  private conditions = 0;
  private conditionMask = C1;
  private status: number;
  private stackFault = false;

  constructor(readonly core: Core, readonly cpu: CpuState, readonly insn: Insn) {
    const control = cpu.int(L.X87_CONTROL);
    this.status = cpu.int(L.X87_STATUS);
    this.env = new Environment(control >> 10 & 3 as Rounding, control & MASKS, 'x87');
  }

  /** The precision of basic arithmetic. */
  get precision(): Precision { return PRECISIONS[this.cpu.int(L.X87_CONTROL) >> 8 & 3]!; }

  private get top(): number { return this.status >> 11 & 7; }
  private set top(value: number) { this.status = this.status & ~X87_TOP | (value & 7) << 11; }
  private physical(i: number): number { return this.top + i & 7; }
  private tag(i: number, tag: X87Tag): void {
    const shift = 2 * this.physical(i);
    this.cpu.setInt(L.X87_TAGS, this.cpu.int(L.X87_TAGS) & ~(3 << shift) | tag << shift);
  }

  empty(i: number): boolean { return (this.cpu.int(L.X87_TAGS) >> 2 * this.physical(i) & 3) === X87Tag.Empty; }

  /** The 80 bits of ST(i). */
  bits(i: number): bigint {
    const at = L.X87 + 16 * this.physical(i);
    return this.cpu.get(at) | BigInt(this.cpu.int(at + 8) & 0xffff) << 64n;
  }
  setBits(i: number, bits: bigint): void { this.setParts(i, BigInt.asUintN(64, bits), Number(bits >> 64n)); }
  private setParts(i: number, low: bigint, high: number): void {
    const at = L.X87 + 16 * this.physical(i), biased = high & 0x7fff;
    this.cpu.set(at, low);
    this.cpu.setInt(at + 8, high);
    this.tag(i, biased === 0 ? (low ? X87Tag.Special : X87Tag.Zero) : biased === 0x7fff || this.cpu.int(at + 4) >= 0 ? X87Tag.Special : X87Tag.Valid);
  }
  /** ST(i) as a number. */
  read(i: number): Float {
    const at = L.X87 + 16 * this.physical(i);
    return unpackExtended(this.cpu.get(at), this.cpu.int(at + 8) & 0xffff);
  }
  write(i: number, value: Float): void {
    const { significand, high } = packExtended(value);
    this.setParts(i, significand, high);
  }
  free(i: number): void { this.tag(i, X87Tag.Empty); }

  push(value: Float): void {
    this.top--;
    this.write(0, value);
  }
  pushBits(bits: bigint): void {
    this.top--;
    this.setBits(0, bits);
  }
  pop(count = 1): void {
    for (; count > 0; count--) {
      this.free(0);
      this.top++;
    }
  }
  rotate(by: number): void { this.top += by; }

  /**
   * Checks that these registers hold something; if not, there is a stack underflow. True if the operands are there; else the
   * instruction gives indefinite results, or none if `stopped`.
   */
  require(...registers: number[]): boolean { return registers.every(i => !this.empty(i)) || this.fault(false); }
  /** Checks that there is room for a push; if not, there is a stack overflow. */
  requireRoom(): boolean { return this.empty(7) || this.fault(true); }
  private fault(overflow: boolean): false {
    this.env.raise(FloatException.Invalid);
    this.stackFault = true;
    this.setConditions(C1, overflow ? C1 : 0);
    return false;
  }
  /** An unmasked exception keeps the instruction from having any result. */
  get stopped(): boolean { return this.env.stopped; }
  /**
   * The same for a store to memory, which an unmasked overflow or underflow keeps away as well (SDM Vol. 1, 8.5.4 and 8.5.5);
   * then nothing has been rounded.
   */
  get storeStopped(): boolean {
    const { env } = this, kept = env.exceptions & ~env.masks & (FloatException.Overflow | FloatException.Underflow);
    if (kept) {
      env.exceptions &= ~FloatException.Inexact;
      env.roundedUp = false;
    }
    return this.stopped || kept !== 0;
  }

  /** Replaces the condition codes in `mask`. Without it only C1 changes, which tells whether the result was rounded up. */
  setConditions(mask: number, value: number): void {
    this.conditionMask |= mask;
    this.conditions = this.conditions & ~mask | value;
  }
  /** Leaves C1 as it is. */
  keepConditions(): void { this.conditionMask = 0; }

  /** Pops for a result that is indefinite: gives it, or undefined if there is none. */
  get indefinite(): Float | undefined { return this.stopped ? undefined : indefinite(); }

  readMemory(size: number): bigint {
    const { core, cpu, insn } = this, address = effectiveAddress(cpu, insn, size), privilege = privilegeOf(insn.memory!.segment);
    if (size === 8) return core.access.read64(cpu, address, privilege);
    if (size === 4) return BigInt(core.access.read32(cpu, address, privilege));
    const bytes = core.access.readBytes(cpu, address, size, privilege);
    let value = 0n;
    for (let n = size - 1; n >= 0; n--) value = value << 8n | BigInt(bytes[n]!);
    return value;
  }
  writeMemory(size: number, value: bigint): void {
    const { core, cpu, insn } = this;
    if (size === 10) {
      // Two stores: what the first has written stays if the second faults (measured).
      writeMemory(core, cpu, insn, 8, BigInt.asUintN(64, value));
      writeMemory(core, cpu, insn, 2, BigInt.asUintN(16, value >> 64n), 8);
      return;
    }
    writeMemory(core, cpu, insn, size, BigInt.asUintN(8 * size, value));
  }

  /**
   * Ends the instruction: exceptions and condition codes go to the status word, the pointers to where they belong. As on
   * processors with CPUID.7.EBX bits 6 and 13, the data pointer changes with unmasked exceptions only and the selectors are
   * zero; the opcode changes with unmasked exceptions only (SDM Vol. 1, 8.1.8 and 8.1.9).
   */
  commit(): void {
    const { cpu, insn, env } = this, raised = env.reported;
    if (env.roundedUp && !env.stopped && !this.stackFault) this.conditions |= C1;
    let status = this.status & ~(CONDITIONS & this.conditionMask) | this.conditions & this.conditionMask;
    status |= raised | (this.stackFault ? SF : 0);
    if (raised & ~env.masks) {
      status |= X87_ES | BUSY;
      cpu.setInt(L.X87_OPCODE, lastOpcode(insn));
      if (insn.memory) cpu.set(L.X87_DATA, effectiveOffset(cpu, insn));
    }
    cpu.setInt(L.X87_STATUS, status);
    cpu.set(L.X87_IP, insn.ip);
  }
}

/** The 11 bits of the opcode that the x87 keeps: the low three of the first byte and all of the second. */
function lastOpcode(insn: Insn): number {
  const at = insn.bytes.findIndex(byte => byte >> 3 === 0x1b);
  return (insn.bytes[at]! & 7) << 8 | insn.bytes[at + 1]!;
}

/** #NM while the x87 is switched off (SDM Vol. 3A, 2.5: CR0.EM, CR0.TS). */
export function requireX87(cpu: CpuState): void {
  if (cpu.int(L.CR0) & (EM | TS)) throw new GuestFault(Vector.NM);
}

/** Gives mnemonics of instructions that compute or move a meaning: unmasked exceptions of earlier ones come first. */
export function defineX87(mnemonics: Mnemonic | readonly Mnemonic[], meaning: (unit: X87, insn: Insn) => void): void {
  for (const mnemonic of Array.isArray(mnemonics) ? mnemonics as readonly Mnemonic[] : [mnemonics as Mnemonic]) {
    handle(mnemonic, (core, cpu, insn) => {
      requireX87(cpu);
      raisePendingX87(cpu);
      const unit = new X87(core, cpu, insn);
      meaning(unit, insn);
      unit.commit();
    });
  }
}

/** Number i of the ST(i) that is operand n. */
export function stOperand(insn: Insn, n: number): number {
  const operand = insn.operands[n];
  if (operand?.kind !== 'register') throw new Error(`operand ${n} is no register`);
  return operand.register.number;
}

/** Number i of the ST(i) that is the last operand, or what it is if there is none. */
export function lastStOperand(insn: Insn, otherwise: number): number { return insn.operands.length ? stOperand(insn, insn.operands.length - 1) : otherwise; }

export function hasMemory(insn: Insn): boolean { return insn.memory !== undefined; }
