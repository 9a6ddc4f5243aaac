import type { DebugProtocol } from '@vscode/debugprotocol';
import path from 'node:path';
import { createSession } from '../../src/dap/session.js';
import type { KaiserscopeSession } from '../../src/dap/session.js';
import { nodeHost } from '../../src/entry/nodeHost.js';

export const repository = path.resolve(import.meta.dirname, '../..');

export class RequestFailed extends Error {
  constructor(message: string, readonly response: DebugProtocol.Response) { super(message); }
}

/** A client of the adapter in this process: the session is the real one, with messages handed over instead of a stream. */
export class DapClient {
  readonly session: KaiserscopeSession;
  readonly events: DebugProtocol.Event[] = [];
  /** The guest's console so far. */
  console = '';
  private sequence = 1;
  private readonly pending = new Map<number, (response: DebugProtocol.Response) => void>();
  private waiters: { matches: (event: DebugProtocol.Event) => boolean; resolve: (event: DebugProtocol.Event) => void }[] = [];
  /** Events before this index have been waited for. */
  private seen = 0;

  constructor(host = nodeHost(repository)) {
    this.session = createSession(host);
    this.session.onDidSendMessage(message => this.received(message as unknown as DebugProtocol.ProtocolMessage));
  }

  /** Sends a request; gives the body of the response. Throws RequestFailed with the message of an error response. */
  request<Body = unknown>(command: string, args: object = {}): Promise<Body> {
    const seq = this.sequence++;
    return new Promise((resolve, reject) => {
      this.pending.set(seq, response => {
        if (response.success) resolve(response.body as Body);
        else reject(new RequestFailed(response.message ?? 'no message', response));
      });
      this.session.handleMessage({ seq, type: 'request', command, arguments: args } as DebugProtocol.Request);
    });
  }

  /** The next event of that name that has not been waited for. */
  event<Body = Record<string, unknown>>(name: string, matches: (body: Body) => boolean = () => true, timeout = 30_000): Promise<Body> {
    const isIt = (event: DebugProtocol.Event): boolean => event.event === name && matches(event.body as Body);
    const at = this.events.findIndex((event, index) => index >= this.seen && isIt(event));
    if (at >= 0) {
      this.seen = at + 1;
      return Promise.resolve(this.events[at]!.body as Body);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiters = this.waiters.filter(one => one !== waiter);
        reject(new Error(`No "${name}" event within ${timeout} ms. The console: ${this.console.slice(-2000)}`));
      }, timeout);
      const waiter = {
        matches: isIt,
        resolve: (event: DebugProtocol.Event) => {
          clearTimeout(timer);
          this.seen = this.events.indexOf(event) + 1;
          resolve(event.body as Body);
        },
      };
      this.waiters.push(waiter);
    });
  }

  /** Initializes, launches and configures; `configure` sets breakpoints in between. */
  async launch(args: object, configure: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
    await this.request('initialize', { adapterID: 'kaiserscope', linesStartAt1: true, columnsStartAt1: true, pathFormat: 'path' });
    const launched = this.request('launch', args);
    await Promise.all([launched, this.event('initialized')]);
    await configure();
    await this.request('configurationDone');
  }

  stopped(): Promise<DebugProtocol.StoppedEvent['body']> {
    return this.event('stopped');
  }

  /** Continues and waits for the next stop. */
  async go(): Promise<DebugProtocol.StoppedEvent['body']> {
    await this.request('continue', { threadId: 1 });
    return this.stopped();
  }

  /** Waits until the guest has printed a text that has not been waited for. */
  async printed(text: string, timeout = 30_000): Promise<void> {
    const start = Date.now();
    while (!this.console.slice(this.consoleSeen).includes(text)) {
      if (Date.now() - start > timeout) throw new Error(`"${text}" was not printed. The console: ${this.console.slice(-2000)}`);
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    this.consoleSeen = this.console.indexOf(text, this.consoleSeen) + text.length;
  }
  private consoleSeen = 0;

  async top(threadId = 1): Promise<DebugProtocol.StackFrame> {
    const { stackFrames } = await this.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId });
    return stackFrames[0]!;
  }

  async evaluate(expression: string, context = 'watch'): Promise<string> {
    return (await this.request<DebugProtocol.EvaluateResponse['body']>('evaluate', { expression, context })).result;
  }

  async end(): Promise<void> {
    await this.request('disconnect');
  }

  private received(message: DebugProtocol.ProtocolMessage): void {
    if (message.type === 'response') {
      const response = message as DebugProtocol.Response;
      this.pending.get(response.request_seq)?.(response);
      this.pending.delete(response.request_seq);
      return;
    }
    const event = message as DebugProtocol.Event;
    this.events.push(event);
    const body = event.body as DebugProtocol.OutputEvent['body'];
    if (event.event === 'output' && body.category === 'stdout') this.console += body.output;
    const waiter = this.waiters.find(one => one.matches(event));
    if (!waiter) return;
    this.waiters = this.waiters.filter(one => one !== waiter);
    waiter.resolve(event);
  }
}
