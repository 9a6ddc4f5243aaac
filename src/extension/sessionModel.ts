import * as vscode from 'vscode';
import { changedEvent, debugType, type CpusReply, type Requests } from './protocol.js';

/** DAP requests that set the machine running when they succeed. */
const runningRequests = new Set(['continue', 'next', 'stepIn', 'stepOut', 'stepBack', 'reverseContinue']);

/** While the machine runs, what is shown is renewed this often. */
const sampleMilliseconds = 1000;

/** Events this close together are one change to the views. */
const settleMilliseconds = 10;

type State = 'running' | 'stopped';

interface SessionEntry {
  session: vscode.DebugSession;
  state: State;
  stoppedThread?: number;
  /** Stops so far. */
  stops: number;
  /** Replies since the last change, by request and arguments. */
  replies: Map<string, Promise<unknown>>;
}

/** What the views may ask of the focused session. */
export interface Source {
  ask<Name extends keyof Requests>(name: Name, args?: object): Promise<Requests[Name]>;
}

/**
 * The Kaiserscope session that has the focus, as the views see it: whether it runs, and the replies to custom requests,
 * asked once per stop however many views want them. Knows a session only by the messages that pass.
 */
export class SessionModel implements Source, vscode.Disposable {
  readonly #entries = new Map<string, SessionEntry>();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #selected = new vscode.EventEmitter<void>();
  readonly #disposables: vscode.Disposable[] = [this.#changed, this.#selected];
  #sampling: ReturnType<typeof setInterval> | undefined;
  #firing: ReturnType<typeof setTimeout> | undefined;

  /** The machine, or which session is focused, may have changed. */
  readonly onDidChange = this.#changed.event;
  /** The user selected an other stack frame or thread. */
  readonly onDidSelect = this.#selected.event;

  constructor() {
    this.#disposables.push(
      vscode.debug.registerDebugAdapterTrackerFactory(debugType, { createDebugAdapterTracker: session => this.#track(session) }),
      vscode.debug.onDidChangeActiveDebugSession(() => this.#fire()),
      vscode.debug.onDidChangeActiveStackItem(() => this.#selected.fire()),
    );
  }

  /** The focused session, if it is one of ours and has started. */
  get session(): vscode.DebugSession | undefined {
    return this.#focused?.session;
  }

  get state(): State | undefined {
    return this.#focused?.state;
  }

  /** How often the focused session has stopped: another number is another stop, though it ran too briefly to be seen. */
  get stops(): number {
    return this.#focused?.stops ?? 0;
  }

  /** Sends a request to the focused session, or gives the reply of the same question since the last change. */
  ask<Name extends keyof Requests>(name: Name, args: object = {}): Promise<Requests[Name]> {
    const entry = this.#focused;
    if (!entry) return Promise.reject(new Error(vscode.l10n.t('No Kaiserscope session is running. Press F5 to start one.')));
    const key = `${name} ${JSON.stringify(args)}`;
    let reply = entry.replies.get(key) as Promise<Requests[Name]> | undefined;
    if (!reply) {
      reply = Promise.resolve(entry.session.customRequest(name, args));
      entry.replies.set(key, reply);
      reply.catch(() => entry.replies.delete(key));
    }
    return reply;
  }

  /** Sends a request that changes the machine; what was known before is asked again. */
  async tell<Name extends keyof Requests>(name: Name, args: object = {}): Promise<Requests[Name]> {
    const entry = this.#focused;
    if (!entry) throw new Error(vscode.l10n.t('No Kaiserscope session is running. Press F5 to start one.'));
    try {
      return await entry.session.customRequest(name, args);
    } finally {
      this.#forget(entry);
    }
  }

  /** The CPU that the user looks at: that of the selected stack frame or thread, else the one that stopped, else CPU 0. */
  selectedCpu({ cpus }: CpusReply): number {
    const item = vscode.debug.activeStackItem;
    const thread = item && item.session.id === this.session?.id ? item.threadId : undefined;
    const byThread = (id: number | undefined) => cpus.find(cpu => cpu.threadId === id);
    return (byThread(thread) ?? byThread(this.#focused?.stoppedThread) ?? cpus[0])?.index ?? 0;
  }

  dispose(): void {
    clearInterval(this.#sampling);
    clearTimeout(this.#firing);
    for (const disposable of this.#disposables) disposable.dispose();
  }

  get #focused(): SessionEntry | undefined {
    const active = vscode.debug.activeDebugSession;
    return active && this.#entries.get(active.id);
  }

  #track(session: vscode.DebugSession): vscode.DebugAdapterTracker {
    const entry: SessionEntry = { session, state: 'running', stops: 0, replies: new Map() };
    return {
      onDidSendMessage: message => {
        if (message.type === 'event') this.#onEvent(entry, message);
        else if (message.type === 'response' && message.success && runningRequests.has(message.command)) this.#setState(entry, 'running');
      },
      onWillStopSession: () => this.#end(entry),
    };
  }

  #onEvent(entry: SessionEntry, message: { event: string; body?: { threadId?: number } }): void {
    switch (message.event) {
      case 'initialized':
        this.#entries.set(entry.session.id, entry);
        this.#forget(entry);
        break;
      case 'stopped':
        entry.stoppedThread = message.body?.threadId;
        entry.stops++;
        this.#setState(entry, 'stopped');
        break;
      case 'continued':
        this.#setState(entry, 'running');
        break;
      case 'terminated':
        this.#end(entry);
        break;
      case changedEvent:
      case 'invalidated':
      case 'memory':
        this.#forget(entry);
        break;
    }
  }

  /** It answers no more, though the editor may have it for a while. */
  #end({ session }: SessionEntry): void {
    if (this.#entries.delete(session.id)) this.#fire();
  }

  #setState(entry: SessionEntry, state: State): void {
    entry.state = state;
    this.#forget(entry);
  }

  #forget(entry: SessionEntry): void {
    entry.replies.clear();
    this.#fire();
  }

  /** Tells the listeners once for events that come together, such as a stop and what it changed. */
  #fire(): void {
    this.#firing ??= setTimeout(() => {
      this.#firing = undefined;
      this.#sample();
      this.#changed.fire();
    }, settleMilliseconds);
  }

  #sample(): void {
    const running = this.state === 'running';
    if (running && this.#sampling === undefined) {
      this.#sampling = setInterval(() => {
        this.#focused?.replies.clear();
        this.#changed.fire();
      }, sampleMilliseconds);
    } else if (!running) {
      clearInterval(this.#sampling);
      this.#sampling = undefined;
    }
  }
}
