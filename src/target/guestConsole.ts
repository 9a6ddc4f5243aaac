const LINE_FEED = 10;

/** Console output of the guest on its way to listeners: by lines, and what is left of one when the machine rests. */
export class GuestConsole {
  private readonly listeners: ((text: string) => void)[] = [];
  private bytes: number[] = [];
  /** UTF-8 may be cut anywhere by a UART that sends single bytes. */
  private readonly decoder = new TextDecoder();

  /** @param listener told of each piece of text */
  listen(listener: (text: string) => void): void {
    this.listeners.push(listener);
  }

  /** The guest has sent bytes. */
  write(bytes: readonly number[] | Uint8Array): void {
    this.bytes.push(...bytes);
    if (bytes.includes(LINE_FEED)) this.flush();
  }

  /** Passes on what has come so far. */
  flush(): void {
    if (this.bytes.length === 0) return;
    const text = this.decoder.decode(Uint8Array.from(this.bytes), { stream: true });
    this.bytes = [];
    if (text) for (const listener of this.listeners) listener(text);
  }
}
