import { entryText, KaiserHistory, pathInWords, SHADOW_BIT, situationOf } from '../kaiser/index.js';
import type { Cr3Fields, EntryPoint, GuestReader, ParanoidFrame, Situation, TornWrite } from '../kaiser/index.js';
import type { Symbols } from '../symbols/index.js';
import type { CpuInfo, Target } from '../target/target.js';
import { watchPoison } from './poisonWatch.js';

/** Offset of RIP in the guest's struct registers (guest/entry/offsets.h), behind the return address of the call of paranoid_entry. */
const RETURN_ADDRESS_SIZE = 8n;
const REGISTERS_RIP = 128n;
const REGISTERS_CS = 136n;

/** What the halves of an entry may differ in: NX, and the accessed bit. */
const LOOSE = 1n << 63n | 0x20n;

interface Watched {
  target: Target;
  symbols: Symbols;
  guest: GuestReader;
  points(): readonly EntryPoint[];
  cr3(info: CpuInfo): Cr3Fields;
}

/**
 * Keeps the history that verdicts need (src/kaiser/history.ts), by probes on what is rare: the instruction that changes the answer
 * which entry code gets, and the two ends of paranoid handlers. Costs nothing between them.
 */
export class KaiserWatch {
  readonly history = new KaiserHistory();
  private readonly reads = new Map<string, { position: number; state: unknown }>();
  /** CPUs that are about to change an answer. */
  private readonly writing = new Set<number>();

  constructor(private readonly on: Watched) {
    const probe = (name: string, listener: (cpu: number) => void): void => {
      const address = on.symbols.table.addressOf(name);
      if (address !== undefined) on.target.addProbe(address, listener);
    };
    probe('kaiser_switch_write', cpu => this.switchWrite(cpu));
    probe('kaiser_switch_written', cpu => this.switchWritten(cpu));
    for (const [kind, read, written] of [['policy', 'kaiser_policy_read', 'kaiser_entry_stored'], ['entry', 'kaiser_poison_read', 'kaiser_poison_written']] as const) {
      probe(read, cpu => this.entryRead(kind, cpu));
      probe(written, cpu => this.entryWritten(kind, cpu));
    }
    probe('kaiser_toggle_begin', cpu => this.toggles(cpu, false));
    probe('kaiser_toggle_end', cpu => this.toggles(cpu, true));
    watchPoison(on, this.history.poison);
    probe('paranoid_entry', cpu => this.paranoidEntered(cpu));
    probe('paranoid_cr3_restored', cpu => this.history.paranoidLeft(cpu, this.now(cpu)));
  }

  /** The answer is about to change, by whatever means. @param only the CPU whose own word it is @param byHand the debugger changes it */
  flips(writer: number, to: 0 | 1, only?: number, byHand = false): void {
    this.history.flipped({ position: this.on.target.position, writer, to, ...(only === undefined ? {} : { only }), ...(byHand ? { byHand } : {}), situations: this.situations() });
  }

  private toggles(cpu: number, ends: boolean): void {
    const { target, guest } = this.on, task = guest.currentTask(cpu)?.address;
    if (ends) this.history.toggles.ended(task);
    else this.history.toggles.began({ position: target.position, cpu, task, to: Number((target.readRegister(cpu, 'rdi') ?? 0n) & 1n) });
  }

  /**
   * The write has been made. Was its CPU held between coming to it and making it, the others are where they are now, and not where they were then.
   * Only if a new turn has begun since is it the other way round: then they have run on behind the write.
   */
  private switchWritten(cpu: number): void {
    const { target } = this.on;
    if (!this.writing.delete(cpu) || target.turnBegan === target.position) return;
    this.history.flippedLater(cpu, { position: target.position - 1, situations: this.situations() });
  }

  private situations(): Situation[] {
    return Array.from({ length: this.on.target.cpuCount }, (_, cpu) => this.situation(cpu));
  }

  private switchWrite(cpu: number): void {
    const { target, guest } = this.on;
    const address = target.readRegister(cpu, 'rdi'), to = (target.readRegister(cpu, 'rsi') ?? 0n) & 1n ? 1 : 0;
    const only = address === guest.abi.flagAddress ? undefined : Array.from({ length: target.cpuCount }, (_, i) => i).find(i => guest.cpuWordAddress(i) === address);
    if (address !== guest.abi.flagAddress && only === undefined) return;
    if (guest.state(only ?? cpu).flag === to) return;
    this.flips(cpu, to, only);
    this.writing.add(cpu);
  }

  /** Between reading and writing: by the entry's address, for the task may have come to another CPU. */
  private entryRead(kind: TornWrite['kind'], cpu: number): void {
    const entry = this.entryAt(cpu), key = `${kind} ${entry}`;
    // Interrupted right there a task comes by a second time, with what it has read before.
    if (entry !== undefined && !this.reads.has(key)) this.reads.set(key, { position: this.on.target.position, state: this.stateFor(kind, entry) });
  }

  private entryWritten(kind: TornWrite['kind'], cpu: number): void {
    const entry = this.entryAt(cpu);
    const read = this.reads.get(`${kind} ${entry}`);
    if (entry === undefined || !read) return;
    this.reads.delete(`${kind} ${entry}`);
    if (read.state !== this.stateFor(kind, entry)) this.history.tornWrite({ kind, entry, cpu, read: read.position, written: this.on.target.position });
  }

  /** What must not change: the policy; that both halves have the same. */
  private stateFor(kind: TornWrite['kind'], entry: number): unknown {
    if (kind === 'policy') return this.on.guest.enabled();
    const view = this.on.target.physicalView();
    const halves = [entry, entry + Number(SHADOW_BIT)].map(at => view.getBigUint64(at, true) & ~LOOSE);
    return halves[0] === halves[1];
  }

  private entryAt(cpu: number): number | undefined {
    const address = this.on.target.readRegister(cpu, 'rdi');
    return address === undefined ? undefined : this.on.guest.physical(address);
  }

  private paranoidEntered(cpu: number): void {
    const { target } = this.on, info = target.cpu(cpu);
    const returnsTo = this.word(cpu, info.rsp), rip = this.word(cpu, info.rsp + RETURN_ADDRESS_SIZE + REGISTERS_RIP), cs = this.word(cpu, info.rsp + RETURN_ADDRESS_SIZE + REGISTERS_CS);
    if (returnsTo === undefined || rip === undefined || cs === undefined) return;
    const by = this.on.symbols.table.functionAt(returnsTo - 1n)?.symbol.name ?? '';
    const { position, cr3, flag } = this.now(cpu);
    const handler = pathInWords(by.replace(/^entry_/, '')) || 'a paranoid handler';
    const frame: ParanoidFrame = { cpu, handler, entered: { position, cr3, flag, situation: this.place(cpu, rip, Number(cs & 3n), cr3) } };
    this.history.paranoidEntered(frame);
  }

  private now(cpu: number): { position: number; cr3: Cr3Fields; flag: number | undefined } {
    return { position: this.on.target.position, cr3: this.on.cr3(this.on.target.cpu(cpu)), flag: this.on.guest.state(cpu).flag };
  }

  /** Where a CPU is; while a paranoid handler runs, where that has come from. */
  private situation(cpu: number): Situation {
    const frame = this.history.openFrame(cpu);
    if (frame) return { ...frame.entered.situation, handler: frame.handler };
    const info = this.on.target.cpu(cpu);
    return this.place(cpu, info.rip, info.cpl, this.on.cr3(info));
  }

  private place(index: number, rip: bigint, cpl: number, { half }: Cr3Fields): Situation {
    return situationOf({ text: entryText(this.on.symbols), points: this.on.points(), sites: this.on.guest.sites() }, { index, rip, cpl, half });
  }

  private word(cpu: number, address: bigint): bigint | undefined {
    const bytes = this.on.target.readMemory(cpu, BigInt.asUintN(64, address), 8);
    return bytes && new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }
}
