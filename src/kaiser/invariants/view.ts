import type { PagingFeatures, PhysicalReader, WalkResult } from '../../paging/index.js';
import { readWord, walk } from '../../paging/index.js';
import type { Symbols } from '../../symbols/index.js';
import type { GuestReader, KaiserState } from '../abi.js';
import { type Cr3Fields, decodeCr3, SHADOW_BIT } from '../cr3.js';
import { entryText } from '../entryPoints.js';

/** A translation that a CPU's TLB holds. */
export interface TlbView { linear: bigint; pcid: number; global: boolean; size: number; frame: number; }

/** One CPU as the checks see it. */
export interface CpuView {
  index: number;
  /** Running or halted; others have nothing to check. */
  live: boolean;
  rip: bigint;
  cpl: number;
  cr3: bigint;
  pagingOn: boolean;
  pcidEnabled: boolean;
  /** Any register by its name, as the target reads it. */
  register(name: string): bigint | undefined;
  tlb(): readonly TlbView[];
}

/** What the checks are given: the machine as it stands, between two instructions. */
export interface MachineView {
  cpus: readonly CpuView[];
  guest: GuestReader;
  symbols: Symbols;
  reader: PhysicalReader;
  features: PagingFeatures;
  ramSize: number;
  /** A toggle's protocol is under way: what only holds between toggles is not asked. */
  toggling: boolean;
}

/** A rule that does not hold. */
export interface Violation {
  /** P1 to P24. */
  predicate: string;
  /** The hazard that it is the mark of, where the state alone tells: H1 to H32. */
  hazard?: string;
  cpu?: number;
  text: string;
}

/** First PGD slot of the kernel's half, and those that a process has for itself or that hold no fixed part of the kernel. */
export const KERNEL_SLOT = 256;
export const LDT_SLOT = 509;
/** The shadow half lies so many bytes behind the kernel half: bit 12 of a root. */
export const SHADOW_OFFSET = Number(SHADOW_BIT);
const SLOT_BYTES = 1n << 39n;

/** The view with the look-ups that several checks need, each done once. */
export class Ground {
  readonly text: { start: bigint; end: bigint } | undefined;
  readonly initRoot: number | undefined;
  /** Kernel halves of all processes' tables. */
  readonly roots: readonly number[];
  private readonly states = new Map<number, KaiserState>();
  private readonly allowed = new Map<bigint, boolean>();

  constructor(readonly view: MachineView) {
    this.text = entryText(view.symbols);
    const init = view.guest.initRoot();
    this.initRoot = init === undefined ? undefined : Number(init);
    this.roots = [...new Set(view.guest.tasks().flatMap(task => task.kernelRoot === undefined ? [] : [Number(task.kernelRoot)]))];
  }

  /** The CPUs that run on tables of the kernel by now. */
  get cpus(): readonly CpuView[] {
    return this.initRoot === undefined ? [] : this.view.cpus.filter(cpu => cpu.live && cpu.pagingOn && this.view.guest.loadedRoot(cpu.index) !== undefined);
  }

  state(cpu: CpuView): KaiserState {
    let state = this.states.get(cpu.index);
    if (!state) this.states.set(cpu.index, state = this.view.guest.state(cpu.index));
    return state;
  }

  cr3(cpu: CpuView): Cr3Fields { return decodeCr3(cpu.cr3, { pcidEnabled: cpu.pcidEnabled }); }
  walk(root: number, address: bigint): WalkResult { return walk(this.view.reader, root, address, this.view.features).result; }
  entry(root: number, slot: number): bigint { return readWord(this.view.reader, root + slot * 8) ?? 0n; }

  place(address: bigint): string {
    const name = this.view.symbols.table.format(address);
    return name ? `0x${address.toString(16)} (${name})` : `0x${address.toString(16)}`;
  }

  inEntryText(address: bigint): boolean { return this.text !== undefined && address >= this.text.start && address < this.text.end; }

  /**
   * Is a kernel page one that the shadow half is meant to show (ALLOWED in research/kaiser.md, section 6)? That is what the first
   * shadow half maps, which nothing changes after boot, and the slot of a process's LDT.
   */
  mayBeExposed(address: bigint): boolean {
    if ((address >> 39n & 511n) === BigInt(LDT_SLOT)) return true;
    const page = address >> 12n;
    let known = this.allowed.get(page);
    if (known === undefined) {
      known = this.initRoot !== undefined && this.walk(this.initRoot + SHADOW_OFFSET, address).kind === 'mapped';
      this.allowed.set(page, known);
    }
    return known;
  }
}

/** First address of a PGD slot, canonical. */
export function slotAddress(slot: number): bigint { return BigInt.asUintN(64, BigInt.asIntN(48, BigInt(slot) * SLOT_BYTES)); }
