/**
 * The guest's console on its way to the client. The UART gives a character at a time; whole lines are passed on at
 * once, and an unfinished line (a prompt) shortly after it stopped growing or when the machine stops.
 */
export class ConsoleOutput {
  private pending = '';
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly send: (text: string) => void,
    private readonly delay = 40,
  ) {}

  write(text: string): void {
    // Terminals want CR LF, the debug console wants LF.
    this.pending += text.replaceAll('\r', '');
    const end = this.pending.lastIndexOf('\n') + 1;
    if (end > 0) {
      this.send(this.pending.slice(0, end));
      this.pending = this.pending.slice(end);
    }
    clearTimeout(this.timer);
    if (this.pending) this.timer = setTimeout(() => this.flush(), this.delay);
  }

  flush(): void {
    clearTimeout(this.timer);
    if (!this.pending) return;
    const text = this.pending;
    this.pending = '';
    this.send(text);
  }
}
