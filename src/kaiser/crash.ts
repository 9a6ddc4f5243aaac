import type { PagingFeatures, PhysicalReader } from '../paging/index.js';
import { walk } from '../paging/index.js';
import type { Symbols } from '../symbols/index.js';
import { type Cr3Fields, decodeCr3 } from './cr3.js';
import { entryText, type EntryPoint } from './entryPoints.js';
import type { KaiserState } from './abi.js';
import type { KaiserHistory } from './history.js';
import { linearWord } from './linearWord.js';

/** An exception as the machine recorded it when it was raised. */
export interface ExceptionRecord {
  cpu: number;
  vector: number;
  errorCode?: number;
  /** Linear address of a page fault. */
  address?: bigint;
  rip: bigint;
  cpl: number;
  cr3: bigint;
  /** The machine's position; records with one position belong to one delivery. */
  position: number;
}

/**
 * What is known when a machine has stopped: the state that a verdict is derived from. Nothing in it says which
 * experiment is being made.
 */
export interface CrashFacts {
  /**
   * `exception`: the last record is about to be delivered. `shutdown`: its delivery ended in a triple fault. `spin`: the
   * CPU takes the same exceptions over and over. `dead` and `exit`: the machine halted or powered off after them.
   */
  event: 'exception' | 'shutdown' | 'spin' | 'dead' | 'exit';
  cpu: number;
  /** The last exceptions of that CPU, oldest first, the one of `event` included. As many as there are. */
  exceptions: readonly ExceptionRecord[];
  /** CR4.PCIDE. */
  pcidEnabled: boolean;
  /** Whether the kernel keeps its tables in pairs (see cr3.ts). */
  paired: boolean;
  /** What the kernel says about KAISER now, where it says anything. */
  kaiser?: Pick<KaiserState, 'enabled' | 'flag'> & Partial<Pick<KaiserState, 'design' | 'asks' | 'halfPatched' | 'looksBeforeSwapgs'>>;
  /** Whether KAISER has been switched, or begun to be, since the boot; undefined where nobody has watched. */
  toggled?: boolean;
  /** The state that a toggle which is under way is to bring about: 1 is on. */
  toggling?: number;
  /** What was noted while the machine ran. */
  history?: KaiserHistory;
  reader: PhysicalReader;
  features: PagingFeatures;
  symbols?: Symbols;
  entryPoints?: readonly EntryPoint[];
  /** Registers of the CPU now. */
  rsp?: bigint;
  registers?: (name: string) => bigint | undefined;
  /** Linear addresses of the CPU's tables, where known. */
  idt?: bigint;
  gdt?: bigint;
  tss?: bigint;
  /** Physical address of the kernel half of the pair that this CPU should have in CR3, as far as the kernel says. */
  loadedRoot?: bigint;
}

/** What happened, in words. */
export interface Verdict {
  /** Hazard of the design (H1 to H32 of research/kaiser.md) that it is an instance of. */
  hazard?: string;
  /** Predicate that it breaks. */
  predicate?: string;
  /** A few words. */
  title: string;
  /** One or more sentences. */
  text: string;
  /** The exception that began it. */
  cause: ExceptionRecord;
}

/** The facts with the look-ups that every part of a verdict needs. */
export class Scene {
  private readonly text: { start: bigint; end: bigint } | undefined;

  constructor(readonly facts: CrashFacts) {
    this.text = facts.symbols && entryText(facts.symbols);
  }

  cr3(record: ExceptionRecord): Cr3Fields {
    return decodeCr3(record.cr3, { pcidEnabled: this.facts.pcidEnabled, paired: this.facts.paired });
  }

  walk(root: bigint, address: bigint): ReturnType<typeof walk> {
    return walk(this.facts.reader, Number(root), address, this.facts.features);
  }

  /** `0xffffffff80101234 (entry_timer+0x14)`. */
  place(address: bigint): string {
    const name = this.facts.symbols?.table.format(address);
    return name ? `0x${address.toString(16)} (${name})` : `0x${address.toString(16)}`;
  }

  inEntryText(address: bigint): boolean {
    return this.text !== undefined && address >= this.text.start && address < this.text.end;
  }

  /** A 64-bit word at a linear address under a root, or undefined. */
  word(root: bigint, address: bigint): bigint | undefined {
    return linearWord(this.facts.reader, Number(root), address, this.facts.features);
  }

  /** The registers at the last record are those of now, as long as that record is the current event. */
  register(name: string): bigint | undefined {
    return this.facts.registers?.(name) ?? (name === 'rsp' ? this.facts.rsp : undefined);
  }
}
