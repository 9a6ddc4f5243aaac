import { connect, type Socket } from 'node:net';

/** A client for the gdb remote serial protocol, as far as QEMU's stub needs it for lockstep runs. */
export class GdbRemote {
  private buffer = '';
  private waiting: ((packet: string) => void) | undefined;
  private readonly packets: string[] = [];

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', data => this.receive(data.toString('latin1')));
  }

  /** Connects to 127.0.0.1:port, trying until the stub listens, and turns acknowledgements off. */
  static async connect(port: number, tries = 100): Promise<GdbRemote> {
    for (let n = 0; ; n++) {
      try {
        const socket = await new Promise<Socket>((resolve, reject) => {
          const s = connect(port, '127.0.0.1', () => resolve(s));
          s.once('error', reject);
        });
        const remote = new GdbRemote(socket);
        await remote.request('qSupported:swbreak+;hwbreak+;vContSupported+');
        await remote.request('QStartNoAckMode');
        return remote;
      } catch (error) {
        if (n >= tries) throw error;
        await new Promise(resolve => setTimeout(resolve, 50));
      }
    }
  }

  /** Sends a packet and gives the reply. */
  async request(packet: string): Promise<string> {
    let sum = 0;
    for (let i = 0; i < packet.length; i++) sum = sum + packet.charCodeAt(i) & 0xff;
    this.socket.write(`$${packet}#${sum.toString(16).padStart(2, '0')}`);
    return this.packets.shift() ?? new Promise(resolve => { this.waiting = resolve; });
  }

  /** One instruction; interrupts are held off by the stub while it steps. */
  async step(): Promise<void> {
    const reply = await this.request('vCont;s:1');
    if (!reply.startsWith('T')) throw new Error(`QEMU answered a step with '${reply}'`);
  }

  /** The `g` packet as bytes. */
  async registers(): Promise<DataView> { return new DataView(Uint8Array.from(Buffer.from(await this.request('g'), 'hex')).buffer); }

  /** A command of QEMU's monitor. */
  async monitor(command: string): Promise<string> {
    let text = '', reply = await this.request(`qRcmd,${Buffer.from(command).toString('hex')}`);
    while (reply.startsWith('O') && reply !== 'OK') {
      text += Buffer.from(reply.slice(1), 'hex').toString();
      reply = await new Promise<string>(resolve => {
        const next = this.packets.shift();
        if (next === undefined) this.waiting = resolve;
        else resolve(next);
      });
    }
    return text;
  }

  /** Asks a running QEMU to stop; the reply to the request that made it run follows. */
  interrupt(): void { this.socket.write('\x03'); }

  close(): void { this.socket.destroy(); }

  private receive(text: string): void {
    this.buffer += text;
    for (;;) {
      const start = this.buffer.indexOf('$'), end = this.buffer.indexOf('#', start);
      if (start < 0 || end < 0 || this.buffer.length < end + 3) return;
      const packet = this.buffer.slice(start + 1, end);
      this.buffer = this.buffer.slice(end + 3);
      const waiting = this.waiting;
      this.waiting = undefined;
      if (waiting) waiting(packet);
      else this.packets.push(packet);
    }
  }
}
