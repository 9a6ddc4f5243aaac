/** What is to be done at positions: each is done once, when a machine has come to exactly that one. */
export class Alarms {
  /** In the order of their positions, and of their making where these are equal. */
  private readonly waiting: { position: number; listener: () => unknown }[] = [];

  /** The next position at which something is to be done; Infinity if there is none. */
  get next(): number {
    return this.waiting[0]?.position ?? Infinity;
  }

  add(position: number, listener: () => unknown): { dispose(): void } {
    const alarm = { position, listener };
    const later = this.waiting.findIndex(one => one.position > position);
    this.waiting.splice(later < 0 ? this.waiting.length : later, 0, alarm);
    return {
      dispose: () => {
        const at = this.waiting.indexOf(alarm);
        if (at >= 0) this.waiting.splice(at, 1);
      },
    };
  }

  /** The machine has come to this position. Listeners may add alarms for it, which ring at once; what is for a position past never rings. True if one of them wants to stop. */
  ring(position: number): boolean {
    let stops = false;
    while (this.next <= position) {
      const alarm = this.waiting.shift()!;
      if (alarm.position === position && alarm.listener() === 'stop') stops = true;
    }
    return stops;
  }
}
