import type { Adapter } from './adapter.js';
import { RequestError } from './errors.js';
import { constantSource } from './expression/condition.js';
import { unwindStack } from './stack.js';
import type { CpuInfo, Stop } from '../target/target.js';

/**
 * Stepping. A single instruction runs on its CPU while the others stand still. A line, a call and a return are stepped
 * with all CPUs running by the schedule, so that a lock held by another CPU is released and the interleaving is the one
 * of a free run.
 *
 * Where control is to come back (behind a call, after an interrupt) is told by address, stack pointer and, for user
 * code, address space: that is the same thread of execution even if another task, or another CPU, ran in between.
 */

/** Instructions that come back behind themselves: what a step over runs through. AT&T and Intel spellings. */
const comesBack = /^(lock |rep\w* )*(l?call[lqw]?|syscall|sysenter|int[3o1]?)\b/;
/** A step gives up looking for a line with a known source after so many instructions. */
const MAX_WITHOUT_LINE = 100_000;

/** Runs one instruction of the CPU, or with `over` a whole call, system call or software interrupt. */
export async function stepInstruction(adapter: Adapter, cpu: number, over: boolean): Promise<Stop> {
  const { target } = adapter.debuggee;
  const info = target.cpu(cpu);
  requireAlive(info);
  // A waiting CPU has no instruction to run: let the machine go on until it has.
  if (info.state !== 'running') {
    requireFree(adapter, cpu);
    return adapter.runControl.run([], { follow: { cpu, stop: () => true } });
  }
  const [instruction] = over ? target.disassemble(cpu, info.rip, 1) : [];
  if (!instruction || !comesBack.test(instruction.text)) {
    const stop = target.step(cpu);
    return stop.kind === 'step' && adapter.debuggee.invariants.stepped(cpu) ? { kind: 'probe', cpu } : stop;
  }
  requireFree(adapter, cpu);
  return runTo(adapter, info.rip + BigInt(instruction.bytes.length), info.rsp, info);
}

/**
 * Runs to the start of the next source line: `into` stops in a function that has lines, else calls are run through.
 * Where the source is not known it steps one instruction.
 */
export async function stepLine(adapter: Adapter, startCpu: number, into: boolean): Promise<Stop> {
  const { debuggee, runControl } = adapter;
  const { target, symbols } = debuggee;
  let cpu = startCpu;
  requireAlive(target.cpu(cpu));
  let previous = target.cpu(cpu);
  const start = symbols.lines.stepRangeAt(debuggee.linked(previous.rip));
  if (!start || previous.state !== 'running') return stepInstruction(adapter, cpu, !into);
  requireFree(adapter, cpu);
  let range: { start: bigint; end: bigint } | undefined = start.range;
  let withoutLine = 0;

  const within = (address: bigint): boolean => {
    const linked = debuggee.linked(address);
    return range !== undefined && linked >= range.start && linked < range.end;
  };

  type Decision = { to: 'go on' } | { to: 'stop' } | { to: 'come back'; address: bigint; sp: bigint };
  const decide = (): Decision => {
    const now = target.cpu(cpu);
    const before = previous;
    previous = now;
    if (within(now.rip)) return { to: 'go on' };
    const size = wordSize(now);
    const word = (index: number): bigint => readWord(adapter, cpu, now.rsp + BigInt(size * index), size) ?? 0n;

    const called =
      now.rsp === before.rsp - BigInt(size) && word(0) > before.rip && word(0) <= before.rip + 15n
        ? { address: word(0), sp: before.rsp }
        : undefined;
    const systemCall =
      before.cpl === 3 && now.cpl === 0 && target.readRegister(cpu, 'rcx') === before.rip + 2n && now.rsp === before.rsp
        ? { address: before.rip + 2n, sp: before.rsp }
        : undefined;
    const call = called ?? systemCall;
    if (call) {
      if (!into) return { to: 'come back', ...call };
      const linked = debuggee.linked(now.rip);
      if (!symbols.lines.locationAt(linked)) return { to: 'come back', ...call };
      const callee = symbols.table.functionAt(linked)?.symbol;
      const body = callee && callee.size > 0 ? symbols.lines.afterPrologue(linked, callee.address + BigInt(callee.size)) : linked;
      if (body === linked) return { to: 'stop' };
      range = { start: linked, end: body };
      return { to: 'go on' };
    }
    // An interrupt or exception: its frame on the new stack leads back here (RIP CS RFLAGS RSP SS, perhaps an error code below).
    for (const errorCode of [0, 1]) {
      if (within(word(errorCode)) && word(errorCode + 1) < 0x100n && isAtEventEntry(before, now)) {
        return { to: 'come back', address: word(errorCode), sp: word(errorCode + 3) };
      }
    }
    const linked = debuggee.linked(now.rip);
    const location = symbols.lines.locationAt(linked);
    if (!location) return ++withoutLine > MAX_WITHOUT_LINE ? { to: 'stop' } : { to: 'go on' };
    withoutLine = 0;
    const isSameLine = location.line === start.location.line && location.file === start.location.file;
    if (symbols.lines.isStatementStart(linked) && !isSameLine) return { to: 'stop' };
    // Another piece of the same line, or the middle of a line as after a return: go on to where a line starts.
    range = symbols.lines.stepRangeAt(linked)?.range;
    return { to: 'go on' };
  };

  for (;;) {
    let decision: Decision = { to: 'go on' };
    const stop = await runControl.run([], { follow: { cpu, stop: () => (decision = decide()).to !== 'go on' } });
    if (stop.kind !== 'step') return stop;
    // Each arrival may decide again at once: a call can be the last instruction of its line.
    for (let next: Decision = decision; next.to !== 'go on'; next = decide()) {
      if (next.to === 'stop') return { kind: 'step', cpu };
      const arrived = await runTo(adapter, next.address, next.sp, previous);
      if (arrived.kind !== 'step') return arrived;
      cpu = arrived.cpu;
      // Decided from where it stands now: neither a call nor an event lies between.
      previous = target.cpu(cpu);
    }
  }
}

/** Runs until the current function has returned to its caller. */
export async function stepOut(adapter: Adapter, cpu: number): Promise<Stop> {
  const info = adapter.debuggee.target.cpu(cpu);
  requireAlive(info);
  requireFree(adapter, cpu);
  const caller = unwindStack(adapter.debuggee, cpu)[1];
  if (!caller) {
    throw new RequestError(
      `CPU ${cpu} has no caller to step out to: no return address and no interrupt frame was found on its stack. Set a breakpoint where it should stop.`,
    );
  }
  return runTo(adapter, caller.pc, caller.sp, info);
}

/** Runs until the thread of execution that `from` tells of is at an address with a stack pointer; a Stop of kind `step` when it is. */
async function runTo(adapter: Adapter, address: bigint, sp: bigint, from: CpuInfo): Promise<Stop> {
  const { target, kaiser } = adapter.debuggee;
  const isUser = address >> 47n === 0n && from.pagingOn;
  const space = kaiser.spaceOf(from);
  let arrivedOn: number | undefined;
  // Asked at every pass of every task, most of which are not it: the stack pointer decides nearly always.
  const wanted = constantSource(sp);
  const stackPointers = Array.from({ length: target.cpuCount }, (_, cpu) => target.registerSource(cpu, 'rsp')!);
  const stop = await adapter.runControl.run([
    {
      address,
      condition: cpu => {
        const rsp = stackPointers[cpu]!;
        if (rsp.low() !== wanted.low() || rsp.high() !== wanted.high()) return false;
        if (isUser && kaiser.spaceOf(target.cpu(cpu)) !== space) return false;
        arrivedOn = cpu;
        return true;
      },
    },
  ]);
  const here = stop.kind === 'breakpoint' && stop.address === address && stop.cpu === arrivedOn;
  // A breakpoint of the user at the same place is what he wants to hear of.
  return here && adapter.breakpoints.hitIds(stop.cpu, address).length === 0 ? { kind: 'step', cpu: stop.cpu } : stop;
}

/** Whether the CPU may just have taken an event: it entered the kernel, or its stack changed by more than one push. */
function isAtEventEntry(before: CpuInfo, now: CpuInfo): boolean {
  return now.cpl < before.cpl || now.rsp <= before.rsp - 40n || now.rsp > before.rsp;
}

/** Bytes that a push takes: 32-bit code is met at start-up only. */
function wordSize(info: CpuInfo): 4 | 8 {
  return info.mode === 'long' ? 8 : 4;
}

function readWord(adapter: Adapter, cpu: number, address: bigint, size: 4 | 8): bigint | undefined {
  const bytes = adapter.debuggee.readEitherHalf(cpu, address, size);
  if (!bytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  return size === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
}

/** What is stepped while all CPUs run by the schedule must have turns. */
function requireFree(adapter: Adapter, cpu: number): void {
  if (adapter.debuggee.target.isHeld(cpu)) throw new RequestError(`CPU ${cpu} is held and gets no turns: release it, or step single instructions.`);
}

function requireAlive(info: CpuInfo): void {
  if (info.state === 'shutdown') {
    throw new RequestError(
      `CPU ${info.index} is shut down (triple fault) and runs nothing any more. Restart the session, or look at what is left.`,
    );
  }
}
