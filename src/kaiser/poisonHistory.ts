/** The walk over all tables on the kernel's list that puts the poison in or takes it out. */
export interface PoisonWalk {
  position: number;
  cpu: number;
  /** In, or out. */
  poison: boolean;
  /** Kernel halves of the pairs on the list then. */
  roots: ReadonlySet<number>;
}

/** What was done to one pair alone. */
export interface PoisonStep {
  position: number;
  cpu: number;
  poison: boolean;
}

/** So many pairs are remembered. */
const KEPT = 1024;

/** Who has poisoned what. Roots are physical addresses of kernel halves; one that is used again begins anew with its first entry. */
export class PoisonHistory {
  lastWalk: PoisonWalk | undefined;
  private readonly alone = new Map<number, PoisonStep>();
  private readonly entries = new Map<number, { position: number; cpu: number }>();

  walked(walk: PoisonWalk): void { this.lastWalk = walk; }

  /** One pair has been poisoned, or freed of it, by itself. */
  steppedAlone(root: number, step: PoisonStep): void { remember(this.alone, root, step); }

  /** set_pgd was called for an entry of a pair. */
  stored(root: number, at: { position: number; cpu: number }): void {
    remember(this.entries, root, at);
  }

  lastStep(root: number): PoisonStep | undefined { return this.alone.get(root); }
  lastStore(root: number): { position: number; cpu: number } | undefined { return this.entries.get(root); }
}

function remember<T>(map: Map<number, T>, root: number, value: T): void {
  map.delete(root);
  map.set(root, value);
  if (map.size > KEPT) map.delete(map.keys().next().value!);
}
