import type { DebugProtocol } from '@vscode/debugprotocol';
import { existsSync, readFileSync } from 'node:fs';
import { DapClient } from './dapClient.js';

/**
 * A session written down as text that stays the same while the guest's code moves: addresses and positions are left out,
 * a line of source stands for its number. What remains is what a person would see.
 */
export class Transcript {
  readonly client = new DapClient();
  private readonly lines: string[] = [];

  get text(): string {
    return `${this.lines.join('\n')}\n`;
  }

  note(text: string): void {
    this.lines.push(stable(text));
  }

  async launch(args: object, configure?: () => Promise<unknown>): Promise<void> {
    this.note(`> launch ${JSON.stringify(args)}`);
    await this.client.launch(args, configure);
  }

  /** Sends a request and writes down what `show` makes of the reply; the message of an error reply. */
  async request<Body>(command: string, args: object, show: (body: Body) => string = () => ''): Promise<Body> {
    this.note(`> ${command} ${JSON.stringify(args)}`);
    const body = await this.client.request<Body>(command, args);
    const text = show(body);
    if (text) this.note(text.replace(/^/gm, '  '));
    return body;
  }

  /** Continues, steps or the like, then waits for the stop and writes it down with the CPUs and the stack. */
  async run(command: string, args: object): Promise<DebugProtocol.StoppedEvent['body']> {
    await this.request(command, args);
    return this.stopped();
  }

  async stopped(): Promise<DebugProtocol.StoppedEvent['body']> {
    const stop = await this.client.stopped();
    this.note(`< stopped: ${stop.reason}, ${stop.description}`);
    if (stop.text) this.note(stop.text.replace(/^/gm, '  '));
    const { threads } = await this.client.request<DebugProtocol.ThreadsResponse['body']>('threads');
    for (const { id, name } of threads) this.note(`  ${id === stop.threadId ? '*' : ' '} ${name}`);
    this.note(`  ${(await this.stack(stop.threadId!)).map(frameText).join('\n  ')}`);
    return stop;
  }

  async stack(threadId: number): Promise<DebugProtocol.StackFrame[]> {
    return (await this.client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId })).stackFrames;
  }

  /** The instruction that a CPU runs next. */
  async instruction(threadId: number): Promise<void> {
    const [frame] = await this.stack(threadId);
    const { instructions } = (await this.client.request<DebugProtocol.DisassembleResponse['body']>('disassemble', { memoryReference: frame!.instructionPointerReference, instructionCount: 1 }))!;
    this.note(`  next: ${instructions[0]!.symbol ? `${instructions[0]!.symbol}: ` : ''}${instructions[0]!.instruction}`);
  }
}

/** `name  file: text of the line`. */
function frameText(frame: DebugProtocol.StackFrame): string {
  if (!frame.source) return frame.name;
  const text = existsSync(frame.source.path!) ? readFileSync(frame.source.path!, 'utf8').split('\n')[frame.line - 1]!.trim() : '(no such file)';
  return `${frame.name}  ${frame.source.name}: ${text.replace(/\s*\/\*.*$/, '')}`;
}

function stable(text: string): string {
  return text.replace(/\bPCID 0x[0-9a-f]+/g, match => (parseInt(match.slice(7), 16) & 0x800 ? 'PCID <shadow>' : 'PCID <kernel>'))
    .replace(/0x[0-9a-f]{4,}/g, '<address>').replace(/\+0x[0-9a-f]+/g, '+<offset>').replace(/position \d+/g, 'position <n>').replace(/"position":"\d+"/g, '"position":"<n>"');
}
