import type { Cr3Fields } from './cr3.js';
import { PoisonHistory } from './poisonHistory.js';
import type { Situation } from './situation.js';
import { ToggleHistory } from './toggleHistory.js';

/**
 * What a verdict cannot read from a machine that has stopped, because it is over: where the CPUs were when the answer that
 * entry code gets was changed, and what paranoid handlers found on their way in. Fed by probes at the few places where such
 * things happen (src/dap/kaiserWatch.ts), each of them rare.
 */

/** A change of what entry code asks for. */
export interface Flip {
  /** Machine-wide, before the write. */
  position: number;
  /** Who wrote. */
  writer: number;
  /** The CPU whose own word it is; undefined for a flag of all. */
  only?: number;
  to: 0 | 1;
  /** The debugger wrote it, not the guest. */
  byHand?: true;
  /** Where each CPU was, by its number. */
  situations: readonly Situation[];
}

/** One run of a handler that may interrupt entry code between any two instructions: NMI, #DB, #BP, #MC. */
export interface ParanoidFrame {
  cpu: number;
  /** In words: `an NMI`. */
  handler: string;
  /** What it has interrupted, at its first instruction that deals with CR3. */
  entered: { position: number; cr3: Cr3Fields; flag: number | undefined; situation: Situation };
  /** As it was about to return, CR3 put back or not; undefined while it runs. */
  left?: { position: number; cr3: Cr3Fields; flag: number | undefined };
}

/** An entry of a PGD that was written by what was no longer so. Positions are those of the read and of what follows the write. */
export interface TornWrite {
  /**
   * `policy`: set_pgd has decided about the poison by a policy that has changed before it stored. `entry`: the walk that poisons
   * has written back an entry that has been changed since it read it.
   */
  kind: 'policy' | 'entry';
  /** Physical address of the entry, in the kernel half. */
  entry: number;
  cpu: number;
  read: number;
  written: number;
}

/** As many are kept of each. */
const KEPT = 64;

export class KaiserHistory {
  readonly toggles = new ToggleHistory();
  readonly poison = new PoisonHistory();
  private readonly flips: Flip[] = [];
  /** Open frames of each CPU, the innermost last. */
  private readonly open = new Map<number, ParanoidFrame[]>();
  private readonly closed = new Map<number, ParanoidFrame>();

  private readonly torn: TornWrite[] = [];

  /** An entry that was written by what was no longer so. */
  tornWrite(write: TornWrite): void {
    this.torn.push(write);
    if (this.torn.length > KEPT) this.torn.shift();
  }

  /** The last such write of an entry. */
  lastTornWrite(entry: number, kind: TornWrite['kind']): TornWrite | undefined {
    return this.torn.findLast(write => write.entry === entry && write.kind === kind);
  }

  flipped(flip: Flip): void {
    this.flips.push(flip);
    if (this.flips.length > KEPT) this.flips.shift();
  }

  /** The last change of a writer was seen too early: others have done something before it was made. */
  flippedLater(writer: number, later: Pick<Flip, 'position' | 'situations'>): void {
    const last = this.flips.findLastIndex(flip => flip.writer === writer);
    if (last >= 0) this.flips[last] = { ...this.flips[last]!, ...later };
  }

  /** The last change that concerned a CPU, of those before a position. */
  lastFlip(cpu: number, before = Infinity): Flip | undefined {
    return this.flips.findLast(flip => (flip.only ?? cpu) === cpu && flip.position < before);
  }

  /** The last change of all, whichever CPU it concerned. */
  get newestFlip(): Flip | undefined { return this.flips.at(-1); }

  paranoidEntered(frame: ParanoidFrame): void {
    const frames = this.open.get(frame.cpu) ?? [];
    frames.push(frame);
    // A double fault never comes back; nothing else nests so deep.
    if (frames.length > KEPT) frames.shift();
    this.open.set(frame.cpu, frames);
  }

  /** A handler whose beginning nobody has watched is none. */
  paranoidLeft(cpu: number, left: NonNullable<ParanoidFrame['left']>): void {
    const frame = this.open.get(cpu)?.pop();
    if (frame) this.closed.set(cpu, { ...frame, left });
  }

  /** The innermost handler that a CPU is in. */
  openFrame(cpu: number): ParanoidFrame | undefined { return this.open.get(cpu)?.at(-1); }

  /** The one that a CPU has left last. */
  lastFrame(cpu: number): ParanoidFrame | undefined { return this.closed.get(cpu); }
}
