import type { ExceptionRecord } from './cpu/exceptions.js';
import * as L from './cpu/layout.js';
import { CPU_BASE, CPU_SIZE, PAGE_DIRTY, PAGE_HAS_CODE, PAGE_SIZE, RAM_BASE, TLB_BASE, TLB_CPU_SIZE, TLB_TOUCHED_BASE, TLB_UNIT } from './memory/layout.js';
import type { GuestMemory } from './memory/guestMemory.js';
import { H_CONTEXT_GENERATION, H_NEXT_CONTEXT, tlbWord } from './memory/tlbLayout.js';
import type { ScheduleState, Turn } from './schedule.js';
import { type UnitChanges, VersionedUnits } from './snapshotUnits.js';

/**
 * A state of the machine that can be gone back to. It keeps the bytes that differ from its parent, the snapshot that the machine
 * came from; all else is shared. It lives until `release`.
 */
export interface Snapshot {
  /** The machine's position when it was taken. */
  readonly position: number;
  /** Bytes that it keeps for itself: they are freed when it and what came from it have been released. */
  readonly bytes: number;
  /** Lets go of it. It cannot be restored any more; others are not affected. */
  release(): void;
}

/** What a machine is besides its memory: the course of its turns, the devices' numbers, the exceptions that views show. */
export interface MachineState {
  position: number;
  idle: number;
  schedule: ScheduleState;
  turn: Turn | undefined;
  exitCode: number | undefined;
  exitCpu: number;
  /** The exception at which the machine has stopped, which the next run passes. */
  stoppedAt: ExceptionRecord | undefined;
  devices: readonly number[];
  exceptions: readonly (readonly number[])[];
}

/** What snapshots ask of the machine. */
interface Owner {
  readonly memory: GuestMemory;
  readonly cpus: readonly unknown[];
  saveState(): MachineState;
  /** Takes over a state after memory has been put back: what is derived from memory is derived anew. */
  restoreState(state: MachineState): void;
}

/** Units of one TLB that are always copied: its first words change with every switch of CR3. */
const ALWAYS = 1;
const TLB_UNITS = TLB_CPU_SIZE / TLB_UNIT;

class Node implements Snapshot {
  readonly children = new Set<Node>();
  released = false;
  constructor(
    readonly owner: Snapshots, public parent: Node | undefined, readonly depth: number,
    readonly pages: UnitChanges, readonly tlb: UnitChanges, readonly cpus: Uint8Array, readonly state: MachineState,
  ) {}
  get position(): number { return this.state.position; }
  get bytes(): number {
    return this.pages.size * PAGE_SIZE + this.tlb.size * TLB_UNIT + this.cpus.length + 8 * this.state.devices.length;
  }
  release(): void { this.owner.release(this); }
}

/**
 * The snapshots of a machine, as a tree: a new one is a child of the one that was taken or restored last. Taking one costs the
 * pages of RAM and the pieces of TLB written since then; restoring one costs these and what lies between the two in the
 * tree. What is kept is complete: RAM, the architectural part of the CPUs, the TLBs entry by entry at their places, devices, schedule and
 * position. What is only there for speed (translations, fast tables) is not kept; of it a restore drops what
 * belongs to bytes that are others now.
 */
export class Snapshots {
  private readonly pages: VersionedUnits;
  private readonly tlb: VersionedUnits;
  /** The state that memory has, but for what has been written since; undefined stands for memory full of zeros, from which the machine began. */
  private base: Node | undefined;
  /** What hangs from the beginning. */
  private readonly roots = new Set<Node>();
  /** Snapshots that have been taken and not released. */
  count = 0;

  constructor(private readonly owner: Owner) {
    const { memory } = owner;
    this.pages = new VersionedUnits(memory.u8, RAM_BASE, memory.ramPages, PAGE_SIZE);
    this.tlb = new VersionedUnits(memory.u8, TLB_BASE, owner.cpus.length * TLB_UNITS, TLB_UNIT);
  }

  /** Bytes that all snapshots together keep of RAM and TLBs. */
  get bytes(): number { return this.pages.size + this.tlb.size; }

  /** Keeps the machine's state. */
  take(): Snapshot {
    const { memory } = this.owner, parent = this.base;
    const node = new Node(this, parent, parent ? parent.depth + 1 : 0, this.pages.take(memory.dirtyPages), this.tlb.take(this.touched()),
      this.saveCpus(), this.owner.saveState());
    memory.clearDirty(this.owner.cpus.length);
    this.clearTouched();
    this.siblings(parent).add(node);
    this.base = node;
    this.count++;
    if (parent) this.tidy(parent);
    return node;
  }

  /** Gives the machine the state of a snapshot. @throws Error for one that has been released, or of another machine */
  restore(snapshot: Snapshot): void {
    if (!(snapshot instanceof Node) || snapshot.owner !== this) throw new Error('This snapshot belongs to another machine: restore it where it was taken.');
    if (snapshot.released) throw new Error(`The snapshot of position ${snapshot.position} has been released and cannot be restored: release snapshots when nobody needs them any more.`);
    const { memory } = this.owner, { i32, u8 } = memory, { up, down } = this.way(snapshot);
    this.pages.restore(this.pages.way(up.map(n => n.pages), down.map(n => n.pages)), memory.dirtyPages,
      page => (memory.pageFlags(page) & PAGE_HAS_CODE) !== 0, page => memory.onCodeWrite(page));
    // Context ids are numbers of the fast tables, which only speed depends on: they go on from where they are.
    const contexts = this.owner.cpus.map((_, n) => [i32[tlbWord(n) + H_NEXT_CONTEXT]!, i32[tlbWord(n) + H_CONTEXT_GENERATION]!] as const);
    this.tlb.restore(this.tlb.way(up.map(n => n.tlb), down.map(n => n.tlb)), this.touched());
    contexts.forEach(([next, generation], n) => {
      i32[tlbWord(n) + H_NEXT_CONTEXT] = next;
      i32[tlbWord(n) + H_CONTEXT_GENERATION] = generation;
    });
    for (let n = 0; n < this.owner.cpus.length; n++) u8.set(snapshot.cpus.subarray(n * L.STATE_END, (n + 1) * L.STATE_END), CPU_BASE + n * CPU_SIZE);
    memory.clearDirty(this.owner.cpus.length);
    this.clearTouched();
    const left = this.base;
    this.base = snapshot;
    if (left && left !== snapshot) this.tidy(left);
    this.owner.restoreState(snapshot.state);
  }

  release(snapshot: Node): void {
    if (snapshot.released) return;
    snapshot.released = true;
    this.count--;
    this.tidy(snapshot);
  }

  /** Removes a released snapshot as far as nothing needs it any more, and then perhaps its parent. */
  private tidy(from: Node): void {
    for (let node: Node | undefined = from; node?.released && node.children.size <= 1;) {
      const parent: Node | undefined = node.parent, [child] = node.children;
      if (child) {
        if (node === this.base) return;
        this.pages.join(node.pages, child.pages);
        this.tlb.join(node.tlb, child.tlb);
        child.parent = parent;
        this.siblings(parent).add(child);
      } else if (node === this.base) this.dropBase(node);
      else {
        this.pages.drop(node.pages);
        this.tlb.drop(node.tlb);
      }
      this.siblings(parent).delete(node);
      node = parent;
    }
  }

  /** The machine stands at its released snapshot, from which nothing came: it goes on as a changed state of the parent. */
  private dropBase(node: Node): void {
    const { memory } = this.owner;
    for (const page of this.pages.dropCurrent(node.pages)) if (!(memory.pageFlags(page) & PAGE_DIRTY)) memory.markDirty(page);
    for (const unit of this.tlb.dropCurrent(node.tlb)) memory.u8[TLB_TOUCHED_BASE + unit] = 1;
    this.base = node.parent;
  }

  /** The snapshots to go back over and those to go forth over, from the base to `to`. */
  private way(to: Node): { up: Node[]; down: Node[] } {
    const up: Node[] = [], down: Node[] = [];
    let a = this.base, b: Node | undefined = to;
    // Numbers of ancestors only fall on the way to the root, but joined ones leave gaps in them.
    while (a !== b) {
      if (b && (!a || b.depth >= a.depth)) { down.push(b); b = b.parent; }
      else { up.push(a!); a = a!.parent; }
    }
    return { up, down: down.reverse() };
  }

  private siblings(parent: Node | undefined): Set<Node> { return parent ? parent.children : this.roots; }

  private saveCpus(): Uint8Array {
    const { memory: { u8 }, cpus } = this.owner, saved = new Uint8Array(cpus.length * L.STATE_END);
    for (let n = 0; n < cpus.length; n++) saved.set(u8.subarray(CPU_BASE + n * CPU_SIZE, CPU_BASE + n * CPU_SIZE + L.STATE_END), n * L.STATE_END);
    return saved;
  }

  /** The pieces of all TLBs that may differ from the base. */
  private touched(): number[] {
    const { i32, u8 } = this.owner.memory, found: number[] = [];
    for (let cpu = 0; cpu < this.owner.cpus.length; cpu++) {
      const first = cpu * TLB_UNITS, words = TLB_TOUCHED_BASE + first >> 2;
      for (let n = 0; n < ALWAYS; n++) u8[TLB_TOUCHED_BASE + first + n] = 1;
      for (let word = 0; word < TLB_UNITS >> 2; word++) {
        if (i32[words + word] === 0) continue;
        for (let n = 0; n < 4; n++) if (u8[TLB_TOUCHED_BASE + first + word * 4 + n]) found.push(first + word * 4 + n);
      }
    }
    return found;
  }
  private clearTouched(): void { this.owner.memory.u8.fill(0, TLB_TOUCHED_BASE, TLB_TOUCHED_BASE + this.owner.cpus.length * TLB_UNITS); }
}
