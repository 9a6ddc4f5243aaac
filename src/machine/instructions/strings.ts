import { Mnemonic } from 'iced-x86';
import type { Core, Handler } from '../core.js';
import { readFlags, writeFlags } from '../cpu/flags.js';
import { setResumeFlag } from '../cpu/debug.js';
import * as L from '../cpu/layout.js';
import { CodeMode, Flag, Seg } from '../cpu/layout.js';
import { segmentToLinear } from '../cpu/segmentLimit.js';
import type { CpuState } from '../cpu/state.js';
import { emittedFor } from '../emitted/index.js';
import type { Insn } from '../translate/insn.js';
import { addressMask } from '../translate/record.js';
import { requirePort } from './system/portIo.js';

/**
 * String instructions (SDM Vol. 1, 7.3.9). With REP each iteration counts as one step of the machine and can be
 * interrupted after it; what is usual goes many at a time, with the same result.
 */

const RAX = 0, RCX = 1, RDX = 2, RSI = 6, RDI = 7;

/** Bytes that go at once on a CPU with data watchpoints. */
const WATCHED_BYTES = 4096;

type Operation = 'movs' | 'stos' | 'lods' | 'scas' | 'cmps' | 'ins' | 'outs';

const families: [Operation, Mnemonic[]][] = [
  ['movs', [Mnemonic.Movsb, Mnemonic.Movsw, Mnemonic.Movsd, Mnemonic.Movsq]],
  ['stos', [Mnemonic.Stosb, Mnemonic.Stosw, Mnemonic.Stosd, Mnemonic.Stosq]],
  ['lods', [Mnemonic.Lodsb, Mnemonic.Lodsw, Mnemonic.Lodsd, Mnemonic.Lodsq]],
  ['scas', [Mnemonic.Scasb, Mnemonic.Scasw, Mnemonic.Scasd, Mnemonic.Scasq]],
  ['cmps', [Mnemonic.Cmpsb, Mnemonic.Cmpsw, Mnemonic.Cmpsd, Mnemonic.Cmpsq]],
  ['ins', [Mnemonic.Insb, Mnemonic.Insw, Mnemonic.Insd]],
  ['outs', [Mnemonic.Outsb, Mnemonic.Outsw, Mnemonic.Outsd]],
];

export const stringHandlers = new Map<Mnemonic, Handler>();
for (const [operation, mnemonics] of families) {
  mnemonics.forEach((mnemonic, log) => stringHandlers.set(mnemonic, (core, cpu, insn) => execute(core, cpu, insn, operation, 1 << log)));
}

function execute(core: Core, cpu: CpuState, insn: Insn, operation: Operation, size: number): 'jumped' | void {
  const mask = addressMask(insn.memory!.addressSize);
  if (insn.rep === 'none') { iterate(core, cpu, insn, operation, size, mask); return; }
  let left = cpu.gpr(RCX) & mask;
  // Whether the port is allowed is asked even so (measured).
  if (left === 0n && (operation === 'ins' || operation === 'outs')) portOf(core, cpu, size);
  const compares = operation === 'scas' || operation === 'cmps';
  if (left === 0n) {
    // With 32-bit addresses Intel's processors clear upper halves even so (measured); the SDM leaves it open.
    setCounter(cpu, RCX, 0n, mask);
    if (operation === 'movs') setCounter(cpu, RSI, cpu.gpr(RSI), mask);
    if (operation === 'movs' || operation === 'stos') setCounter(cpu, RDI, cpu.gpr(RDI), mask);
    return;
  }
  for (;;) {
    // The step that completes last is taken from the budget by the caller.
    const budget = cpu.int(L.BUDGET), context = cpu.int(L.FAST_CONTEXT);
    const bulk = iterateMany(core, cpu, insn, operation, size, Math.min(Number(left < 0x10000n ? left : 0x10000n), budget));
    if (bulk === 0) iterate(core, cpu, insn, operation, size, mask);
    const done = BigInt(bulk || 1);
    left -= done;
    setCounter(cpu, RCX, left, mask);
    cpu.setInt(L.BUDGET, budget - (bulk || 1) + 1);
    if (left === 0n) return;
    if (compares && ((readFlags(cpu) & Flag.ZF) !== 0) !== (insn.rep === 'rep')) return;
    // Where TLBs forget, an iteration that has changed translations may have changed that of the instruction.
    const refetch = core.mmu.forgets && cpu.int(L.FAST_CONTEXT) !== context;
    if (budget - (bulk || 1) <= 0 || refetch || core.watch.noted || cpu.int(L.PENDING_DEBUG)) {
      // Between iterations RF is set: what comes then pushes it, and a breakpoint on the instruction is not met again (SDM Vol. 3B, 17.3.1.1).
      setResumeFlag(cpu);
      return 'jumped';
    }
    cpu.setInt(L.BUDGET, budget - (bulk || 1));
  }
}

/** One iteration; throws before it changes anything. */
function iterate(core: Core, cpu: CpuState, insn: Insn, operation: Operation, size: number, mask: bigint): void {
  const step = readFlags(cpu) & Flag.DF ? -BigInt(size) : BigInt(size);
  const source = () => address(cpu, insn.memory!.segment, cpu.gpr(RSI) & mask, size, false, insn);
  const destination = (write: boolean) => address(cpu, Seg.ES, cpu.gpr(RDI) & mask, size, write, insn);
  const advanceSource = () => setCounter(cpu, RSI, cpu.gpr(RSI) + step, mask);
  const advanceDestination = () => setCounter(cpu, RDI, cpu.gpr(RDI) + step, mask);
  switch (operation) {
    case 'movs': {
      // The source comes first with all that can be wrong with it, the limit of its segment and its alignment (measured).
      const value = read(core, cpu, source(), size);
      write(core, cpu, destination(true), size, value);
      advanceSource();
      advanceDestination();
      break;
    }
    case 'stos': write(core, cpu, destination(true), size, BigInt.asUintN(size * 8, cpu.gpr(RAX))); advanceDestination(); break;
    case 'lods': {
      const value = read(core, cpu, source(), size);
      cpu.setGpr(RAX, size >= 4 ? value : cpu.gpr(RAX) & ~((1n << BigInt(size * 8)) - 1n) | value);
      advanceSource();
      break;
    }
    case 'scas': compare(cpu, BigInt.asUintN(size * 8, cpu.gpr(RAX)), read(core, cpu, destination(false), size), size); advanceDestination(); break;
    case 'ins': {
      // What reading the port does cannot be undone, so the memory comes first.
      const port = portOf(core, cpu, size), to = destination(true);
      core.access.checkWrite(cpu, to, size);
      write(core, cpu, to, size, BigInt(core.io.read(cpu, port, size) >>> 0));
      advanceDestination();
      break;
    }
    case 'outs': {
      const port = portOf(core, cpu, size);
      core.io.write(cpu, port, size, Number(read(core, cpu, source(), size)));
      advanceSource();
      break;
    }
    case 'cmps': {
      // ES:(R)DI is read first, which shows where both fault (measured).
      const second = read(core, cpu, destination(false), size);
      compare(cpu, read(core, cpu, source(), size), second, size);
      advanceSource();
      advanceDestination();
    }
  }
}

/** The port in DX, if the CPU may use it. */
function portOf(core: Core, cpu: CpuState, size: number): number {
  const port = Number(cpu.gpr(RDX) & 0xffffn);
  requirePort(core, cpu, port, size);
  return port;
}

/** Moves a register of the address size; a 32-bit one clears the upper half. */
function setCounter(cpu: CpuState, register: number, value: bigint, mask: bigint): void {
  const cut = value & mask;
  cpu.setGpr(register, mask === 0xffffn ? cpu.gpr(register) & ~mask | cut : cut);
}

function address(cpu: CpuState, segment: number, offset: bigint, size: number, writes: boolean, insn: Insn): bigint {
  if (insn.mode & CodeMode.Long) return BigInt.asUintN(64, segment >= Seg.FS ? cpu.segBase(segment) + offset : offset);
  return BigInt(segmentToLinear(cpu, segment, Number(offset), size, writes));
}

function read(core: Core, cpu: CpuState, linear: bigint, size: number): bigint {
  return size === 8 ? core.access.read64(cpu, linear) : BigInt(size === 4 ? core.access.read32(cpu, linear) : size === 2 ? core.access.read16(cpu, linear) : core.access.read8(cpu, linear));
}

function write(core: Core, cpu: CpuState, linear: bigint, size: number, value: bigint): void {
  if (size === 8) core.access.write64(cpu, linear, value);
  else if (size === 4) core.access.write32(cpu, linear, Number(value));
  else if (size === 2) core.access.write16(cpu, linear, Number(value));
  else core.access.write8(cpu, linear, Number(value));
}

/** The flags of a - b, as CMP sets them. */
function compare(cpu: CpuState, a: bigint, b: bigint, size: number): void {
  const bits = size * 8, result = BigInt.asUintN(bits, a - b), sign = 1n << BigInt(bits - 1);
  let low = Number(result & 0xffn);
  low ^= low >> 4;
  low ^= low >> 2;
  low ^= low >> 1;
  const flags = (a < b ? Flag.CF : 0) | (low & 1 ? 0 : Flag.PF) | ((a ^ b ^ result) & 0x10n ? Flag.AF : 0) | (result === 0n ? Flag.ZF : 0)
    | (result & sign ? Flag.SF : 0) | ((a ^ b) & (a ^ result) & sign ? Flag.OF : 0);
  writeFlags(cpu, readFlags(cpu) & ~L.ARITHMETIC_FLAGS | flags);
}

/**
 * Does iterations at once, forward in 64-bit code and in RAM, as far as `emitted/strings.ts` comes; gives their number, 0 if the next one must go
 * by itself. @param most at most so many
 */
function iterateMany(core: Core, cpu: CpuState, insn: Insn, operation: Operation, size: number, most: number): number {
  const { mode, memory } = insn;
  if (operation === 'lods' || operation === 'ins' || operation === 'outs') return 0;
  if (!(mode & CodeMode.Long) || mode & CodeMode.AlignmentCheck || memory!.addressSize !== 8 || cpu.int(L.FLAGS) & Flag.DF) return 0;
  const readsSource = operation === 'movs' || operation === 'cmps', readsDestination = operation === 'scas' || operation === 'cmps';
  if (readsSource && memory!.segment >= Seg.FS) return 0;
  // Near a watched range iterations go by themselves.
  if (cpu.int(L.WATCHED)) most = Math.min(most, WATCHED_BYTES / size);
  const source = cpu.gpr(RSI), destination = cpu.gpr(RDI), log = Math.log2(size);
  if (core.watch.near(cpu, destination, most * size, !readsDestination) || readsSource && core.watch.near(cpu, source, most * size, false)) return 0;
  const { emitted } = emittedFor(core.memory), stop = insn.rep === 'repne' ? 1 : 0, value = BigInt.asUintN(size * 8, cpu.gpr(RAX));
  // As in translated code: accesses that are not to plain RAM end the row.
  cpu.setInt(L.STEPPING, 0);
  let done: number;
  switch (operation) {
    case 'movs': done = emitted.moves(cpu.base, source, destination, most, log); break;
    case 'stos': done = emitted.stores(cpu.base, destination, value, most, log); break;
    case 'scas': done = emitted.scans(cpu.base, destination, value, most, log, stop); break;
    case 'cmps': done = emitted.compares(cpu.base, source, destination, most, log, stop);
  }
  cpu.setInt(L.STEPPING, 1);
  if (!done) return 0;
  const bytes = BigInt(done * size);
  cpu.setGpr(RDI, BigInt.asUintN(64, destination + bytes));
  if (readsSource) cpu.setGpr(RSI, BigInt.asUintN(64, source + bytes));
  if (readsDestination) compare(cpu, operation === 'cmps' ? cpu.get(L.STRING_FIRST) : value, cpu.get(L.STRING_SECOND), size);
  return done;
}
