import type { Core } from '../core.js';
import * as L from '../cpu/layout.js';
import { CodeMode } from '../cpu/layout.js';
import { isCanonical, updateMode } from '../cpu/modes.js';
import type { CpuState } from '../cpu/state.js';
import { MemoryKind } from './kind.js';

/** Addresses whose data accesses are to be noticed. */
export interface Watchpoint {
  /** First byte, as an unsigned 64-bit linear address; all bytes must be canonical. */
  linear: bigint;
  /** Bytes, 1 or more. */
  length: number;
  read: boolean;
  write: boolean;
  /** Who asks: the debugger (the machine stops), or the guest by its debug registers (`Watch.onDebugRegister`). */
  source: 'debugger' | 'dr';
  /** The owner's name for it, which hits carry; one number may stand for several ranges. */
  id: number;
}

/** An access to watched bytes that an instruction, one iteration of a string instruction or the delivery of an event has made. */
export interface WatchHit {
  id: number;
  source: 'debugger' | 'dr';
  /** What was accessed, of which at least one byte is watched. */
  linear: bigint;
  size: number;
  /** True for an instruction that reads and then writes the same operand as well. */
  write: boolean;
}

/**
 * Data watchpoints. Each CPU has a list for the debugger and one for its debug registers:
 *
 *     machine.watch.set('all', 'debugger', [{ linear: 0xffffffff81002000n, length: 8, read: false, write: true, source: 'debugger', id: 1 }]);
 *     machine.run(limit);                   // { kind: 'watchpoint', cpu, hits: [{ id: 1, linear, size, write: true, ... }] }
 *     machine.watch.set('all', 'debugger', []);
 *
 * A stop comes after the instruction (of a REP instruction: the iteration) that made the access, or after the event whose delivery did.
 * Hits of the guest's registers go to `onDebugRegister` at the same moment. An instruction that faults has no hits. What
 * counts are linear addresses: data operands, implicit stack accesses, string instructions, descriptors and frames of event delivery
 * (processors compare those too, SDM Vol. 3B, 17.2.4); neither instruction fetches, page walks nor what the debugger does.
 *
 * Watching is no part of the machine's state and changes no position: code of a CPU that has watchpoints is decoded and translated
 * apart (`CodeMode.Watched`) with comparisons inline; without watchpoints it costs nothing. A snapshot that replaces the CPU's
 * memory must call `restored`.
 */
export class Watch {
  /** Takes the hits of the guest's debug registers, after the instruction and ahead of its single-step trap. */
  onDebugRegister: (cpu: CpuState, hits: readonly WatchHit[]) => void = () => {};

  private readonly lists: Record<Watchpoint['source'], readonly Watchpoint[]>[];
  /** Hits of what is executing now. */
  private hits: WatchHit[] = [];
  /** Hits that `run` has not reported yet. */
  private waiting: { cpu: number; hits: WatchHit[] } | undefined;

  constructor(private readonly core: Core) {
    this.lists = core.cpus.map(() => ({ debugger: [], dr: [] }));
  }

  /**
   * Replaces the list of one CPU, or of all, that `source` has given before. Not to be called while an instruction executes, except
   * by its handler.
   * @throws RangeError for a range that is empty or not canonical
   */
  set(cpu: number | 'all', source: Watchpoint['source'], list: readonly Watchpoint[]): void {
    for (const { linear, length } of list) {
      if (!Number.isInteger(length) || length < 1 || linear < 0n || !isCanonical(linear) || !isCanonical(linear + BigInt(length) - 1n) || linear + BigInt(length) > 1n << 64n) {
        throw new RangeError(`${length} bytes at 0x${linear.toString(16)} cannot be watched: give 1 byte or more, all at canonical addresses (bits 63 to 47 equal).`);
      }
    }
    for (const state of this.core.cpus) {
      if (cpu !== 'all' && state.index !== cpu) continue;
      this.lists[state.index]![source] = [...list];
      this.apply(state);
    }
  }

  /** What is watched on a CPU. */
  list(cpu: number): readonly Watchpoint[] { return [...this.lists[cpu]!.debugger, ...this.lists[cpu]!.dr]; }

  /** Call after the machine's memory has been replaced by a snapshot: the lists stay as they are. */
  restored(): void {
    this.hits = [];
    this.waiting = undefined;
    for (const cpu of this.core.cpus) this.apply(cpu);
  }

  /** Tells whether what is executing now has hit something. */
  get noted(): boolean { return this.hits.length !== 0; }

  /** Forgets the hits of an instruction that has not completed. */
  drop(cpu: CpuState): void {
    if (!this.hits.length) return;
    this.hits = [];
    if (cpu.int(L.PENDING) < 0) cpu.setInt(L.PENDING, 0);
  }

  /** To be called when an instruction or an event is done: hands its hits on. */
  settle(cpu: CpuState): void {
    const hits = this.hits;
    if (!hits.length) return;
    this.hits = [];
    cpu.setInt(L.PENDING, 0);
    const registers = hits.filter(h => h.source === 'dr'), stops = hits.filter(h => h.source === 'debugger');
    if (stops.length) this.waiting = { cpu: cpu.index, hits: this.waiting?.cpu === cpu.index ? [...this.waiting.hits, ...stops] : stops };
    if (registers.length) this.onDebugRegister(cpu, registers);
  }

  /** True if there are hits to stop for. */
  get hasStop(): boolean { return this.waiting !== undefined; }

  /** The hits to stop for, once. */
  takeStop(): { cpu: number; hits: WatchHit[] } | undefined {
    const stop = this.waiting;
    this.waiting = undefined;
    return stop;
  }

  /**
   * Compares an access with the watchpoints of its CPU; emitted code asks when the bounds that it compares with have been met.
   * In the interpreter (STEPPING) hits are noted, and 0 is given. A region gets 1 for a hit and leaves the instruction to the interpreter.
   * @param kind as for `Mmu.resolve`
   */
  accessed(cpu: CpuState, lo: number, hi: number, kind: number): number {
    return this.compare(cpu, lo, hi, kind & 0xff, kind, cpu.int(L.STEPPING) !== 0);
  }

  /** Notes the hits of an access of `size` bytes that a handler or the delivery of an event makes. */
  note(cpu: CpuState, lo: number, hi: number, size: number, kind: number): void { this.compare(cpu, lo, hi, size, kind, true); }

  private compare(cpu: CpuState, lo: number, hi: number, size: number, kind: number, note: boolean): number {
    const linear = BigInt(hi >>> 0) << 32n | BigInt(lo >>> 0), end = linear + BigInt(size);
    const write = (kind & MemoryKind.Write) !== 0, read = !write || (kind & MemoryKind.Modify) !== 0;
    const { debugger: own, dr } = this.lists[cpu.index]!;
    for (const list of [own, dr]) {
      for (const w of list) {
        if (!(write && w.write || read && w.read) || w.linear >= end || linear >= w.linear + BigInt(w.length)) continue;
        if (!note) return 1;
        if (this.hits.some(h => h.id === w.id && h.source === w.source && h.linear === linear && h.write === write)) continue;
        this.hits.push({ id: w.id, source: w.source, linear, size, write });
        // Makes the interpreter call `Translator.flushPending` after the instruction.
        if (cpu.int(L.PENDING) === 0) cpu.setInt(L.PENDING, -1);
      }
    }
    return 0;
  }

  /** Does an access of any length meet the bounds of what is watched? For string instructions, which then go byte by byte. */
  near(cpu: CpuState, linear: bigint, length: number, write: boolean): boolean {
    if (!cpu.int(L.WATCHED)) return false;
    const field = write ? L.WATCH_WRITE : L.WATCH_READ, start = cpu.get(field);
    return linear < start + cpu.get(field + 8) && start < linear + BigInt(length);
  }

  /** Writes the bounds that code compares with, and the mode. */
  private apply(cpu: CpuState): void {
    const list = this.list(cpu.index);
    for (const [field, watched] of [[L.WATCH_READ, list.filter(w => w.read)], [L.WATCH_WRITE, list.filter(w => w.write)]] as const) {
      const ranges = merged(watched.map(w => ({ start: BigInt.asIntN(64, w.linear), end: BigInt.asIntN(64, w.linear) + BigInt(w.length) })));
      const first = ranges[0], last = ranges[ranges.length - 1];
      writeRange(cpu, field, first && last && { start: first.start, end: last.end });
      for (let n = 1; n <= L.WATCH_RANGES; n++) writeRange(cpu, field + 16 * n, ranges[n - 1]);
    }
    cpu.setInt(L.WATCHED, list.length ? CodeMode.Watched : 0);
    updateMode(this.core, cpu);
  }
}

/** Addresses are signed here: canonical ones then lie together, however far apart, and a length always fits 64 bits. */
interface Range { start: bigint; end: bigint; }

function writeRange(cpu: CpuState, field: number, range: Range | undefined): void {
  cpu.set(field, BigInt.asUintN(64, range ? range.start : 0n));
  cpu.set(field + 8, range ? range.end - range.start : 0n);
}

/** The ranges in ascending order, the nearest ones joined until there are no more than WATCH_RANGES. */
function merged(ranges: Range[]): Range[] {
  const sorted = [...ranges].sort((a, b) => a.start < b.start ? -1 : a.start > b.start ? 1 : 0), result: Range[] = [];
  for (const { start, end } of sorted) {
    const last = result[result.length - 1];
    if (last && start <= last.end) last.end = end > last.end ? end : last.end;
    else result.push({ start, end });
  }
  while (result.length > L.WATCH_RANGES) {
    let nearest = 1;
    for (let n = 2; n < result.length; n++) if (result[n]!.start - result[n - 1]!.end < result[nearest]!.start - result[nearest - 1]!.end) nearest = n;
    result[nearest - 1]!.end = result[nearest]!.end;
    result.splice(nearest, 1);
  }
  return result;
}
