import type { PagingFeatures, PhysicalReader, Translation } from '../../paging/index.js';
import { readWord, translate } from '../../paging/index.js';
import type { Symbols } from '../../symbols/index.js';
import type { GuestMm, GuestReader, GuestTlbState, KaiserState } from '../abi.js';
import { type Cr3Fields, decodeCr3, SHADOW_BIT } from '../cr3.js';
import { entryText } from '../entryPoints.js';
import { linearWord } from '../linearWord.js';

/** A translation that a CPU's TLB holds. */
export interface TlbView {
  linear: bigint;
  pcid: number;
  global: boolean;
  size: number;
  frame: number;
  rights: { user: boolean; write: boolean; execute: boolean };
}

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
  /** The machine's position. */
  position: number;
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

/** Which predicates are asked about. */
export type Wanted = (predicate: string) => boolean;

/** What is wrong with a CPU, in words that go on after `CPU 1`; with the hazard that it is the mark of. */
export type Check = (ground: Ground, cpu: CpuView) => string | { text: string; hazard?: string } | undefined;

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
  private allRoots: readonly number[] | undefined;
  private allMms: readonly GuestMm[] | undefined;
  private usedCpus: readonly CpuView[] | undefined;
  private readonly tlbStates = new Map<number, GuestTlbState | undefined>();
  private readonly states = new Map<number, KaiserState>();
  private readonly allowed = new Map<bigint, boolean>();

  constructor(readonly view: MachineView) {
    this.text = entryText(view.symbols);
    const init = view.guest.initRoot();
    this.initRoot = init === undefined ? undefined : Number(init);
  }

  /** Kernel halves of all processes' tables. */
  get roots(): readonly number[] { return this.allRoots ??= this.view.guest.roots(); }

  /** All address spaces, the kernel's own first. */
  get mms(): readonly GuestMm[] { return this.allMms ??= this.view.guest.mms(); }

  /** What each CPU has noted about its TLB. */
  tlbState(cpu: CpuView): GuestTlbState | undefined {
    if (!this.tlbStates.has(cpu.index)) this.tlbStates.set(cpu.index, this.view.guest.tlbState(cpu.index));
    return this.tlbStates.get(cpu.index);
  }

  /** The CPUs that run on tables of the kernel by now. */
  get cpus(): readonly CpuView[] { return this.usedCpus ??= this.view.cpus.filter(cpu => this.isUsed(cpu)); }

  isUsed(cpu: CpuView): boolean {
    const { guest } = this.view;
    return this.initRoot !== undefined && cpu.live && cpu.pagingOn && guest.loadedRoot(cpu.index) !== undefined && !guest.isOffline(cpu.index);
  }

  state(cpu: CpuView): KaiserState {
    let state = this.states.get(cpu.index);
    if (!state) this.states.set(cpu.index, state = this.view.guest.state(cpu.index));
    return state;
  }

  cr3(cpu: CpuView): Cr3Fields { return decodeCr3(cpu.cr3, { pcidEnabled: cpu.pcidEnabled }); }
  translate(root: number, address: bigint): Translation | undefined { return translate(this.view.reader, root, address, this.view.features); }
  word(root: number, address: bigint): bigint | undefined { return linearWord(this.view.reader, root, address, this.view.features); }
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
      known = this.initRoot !== undefined && this.translate(this.initRoot + SHADOW_OFFSET, address) !== undefined;
      this.allowed.set(page, known);
    }
    return known;
  }
}

/** First address of a PGD slot, canonical. */
export function slotAddress(slot: number): bigint { return BigInt.asUintN(64, BigInt.asIntN(48, BigInt(slot) * SLOT_BYTES)); }

/** `PCID 0x801, frame 0x3000, user rw-`. */
export function describeEntry(entry: TlbView): string {
  const { user, write, execute } = entry.rights;
  return `${entry.global ? 'global' : `PCID 0x${entry.pcid.toString(16)}`}, frame 0x${entry.frame.toString(16)}, ${user ? 'user' : 'kernel'} r${write ? 'w' : '-'}${execute ? 'x' : '-'}`;
}
