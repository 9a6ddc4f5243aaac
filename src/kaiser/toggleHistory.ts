/** A run of a design's protocol, from kaiser_toggle_begin to kaiser_toggle_end. */
export interface Toggle {
  position: number;
  cpu: number;
  /** Address of the task that asked for it; it may end on another CPU. */
  task: bigint | undefined;
  /** The state asked for: 1 is on. */
  to: number;
}

/** Which toggles ran at the same time. */
export class ToggleHistory {
  private open: Toggle[] = [];
  private last: readonly [Toggle, Toggle] | undefined;

  began(toggle: Toggle): void {
    const other = this.open.at(-1);
    // One that begins alone clears up behind those that did not, or does not: then its own end tells nothing.
    this.last = other ? [other, toggle] : this.last;
    this.open.push(toggle);
  }

  ended(task: bigint | undefined): void {
    const index = this.open.findIndex(toggle => toggle.task === task);
    const [toggle] = index < 0 ? [] : this.open.splice(index, 1);
    if (toggle && !this.last?.includes(toggle) && !this.open.length) this.last = undefined;
  }

  /** Two that ran at the same time, if none has run from its beginning to its end alone since. */
  get overlap(): readonly [Toggle, Toggle] | undefined { return this.last; }
}
