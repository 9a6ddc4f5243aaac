import { writeSync } from 'node:fs';
import type { Writable } from 'node:stream';

/**
 * Standard output or standard error. Text is written at once, without a stream of node's, which takes as long to make as a boot's hundred lines to
 * write; that is made only where the descriptor would have to be waited for, and on Windows, whose consoles need it.
 */
export class Output {
  private stream: Writable | undefined;

  /** @param onClosed called when nobody can read any more */
  constructor(private readonly descriptor: 1 | 2, private readonly onClosed?: () => void) {
    if (process.platform === 'win32') this.open();
  }

  write(text: string): void {
    if (this.stream) {
      this.stream.write(text);
      return;
    }
    const bytes = Buffer.from(text);
    let at = 0;
    try {
      while (at < bytes.length) at += writeSync(this.descriptor, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPIPE' && this.onClosed) this.onClosed();
      else this.open().write(bytes.subarray(at));
    }
  }

  /** Settles once all that was written has left the process. */
  async drained(): Promise<void> {
    const { stream } = this;
    if (!stream) return;
    // A failure is told a moment after the write.
    await new Promise(resolve => { setImmediate(resolve); });
    if (stream.writableLength > 0) await new Promise<void>(resolve => { stream.write('', () => { resolve(); }); });
  }

  private open(): Writable {
    const stream = this.stream = this.descriptor === 1 ? process.stdout : process.stderr;
    const { onClosed } = this;
    if (onClosed) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') throw error;
        onClosed();
      });
    }
    return stream;
  }
}
