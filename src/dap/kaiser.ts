import { RequestError } from './errors.js';
import { KaiserWatch } from './kaiserWatch.js';
import {
  decodeCr3,
  describePageFault,
  findEntryPoints,
  GuestReader,
  pageFaultBits,
  readAbi,
  SHADOW_BIT,
  siteBefore,
} from '../kaiser/index.js';
import type { Cr3Fields, CrashFacts, EntryPoint, GuestTask, MachineView, Site } from '../kaiser/index.js';
import { checkAccess, featuresOf, pagingModeOf, readerOf, rootOf, walk } from '../paging/index.js';
import type { PagingFeatures } from '../paging/index.js';
import type { Symbols } from '../symbols/index.js';
import type { CpuInfo, ExceptionInfo, Target } from '../target/target.js';

/** The guest's file that switches KAISER. */
export const toggleFile = '/sys/kernel/debug/x86/kaiser-enabled';

/** One change of KAISER. Positions are texts, since they may exceed what JSON holds exactly. */
export interface KaiserChange {
  position: string;
  cpu: number;
  from: number;
  to: number;
  how: string;
}

/** The reply of `kaiserscope/kaiser`. */
export interface KaiserReport {
  available: boolean;
  message?: string;
  design?: string;
  enabled?: number;
  flag?: number;
  history: KaiserChange[];
}

/** So many changes are reported, the last ones; a guest may toggle thousands of times. */
const SHOWN = 100;

export interface TaskName {
  pid: number;
  name: string;
}

/** What is known of KAISER on the machine of a session: halves of CR3, tasks, the toggle and its history. */
export class Kaiser {
  private readonly guest: GuestReader | undefined;
  private readonly reason: string;
  private readonly history: KaiserChange[] = [];
  private toggling: KaiserChange | undefined;
  private points: EntryPoint[] | undefined;
  private readonly watch: KaiserWatch | undefined;

  constructor(
    private readonly target: Target,
    private readonly symbols: Symbols,
  ) {
    const abi = readAbi(symbols);
    this.reason = typeof abi === 'string' ? abi : '';
    this.guest = typeof abi === 'string' ? undefined : new GuestReader(abi, symbols, readerOf(target.physicalView()));
    this.watchToggle();
    if (this.guest) this.watch = new KaiserWatch({ target, symbols, guest: this.guest, points: () => this.entryPoints(), cr3: info => this.cr3(info) });
  }

  /** The CR3 of a CPU in its fields; `half` is none while paging is off or the kernel has no pairs. */
  cr3(info: CpuInfo): Cr3Fields {
    const fields = decodeCr3(info.cr3, { pcidEnabled: info.pcidEnabled, paired: this.guest !== undefined && info.pagingOn });
    return info.pagingOn ? fields : { ...fields, text: 'paging off' };
  }

  /** A CR3 value that the CPU had, in words: `shadow CR3 · PCID 0x801`. */
  cr3Text(value: bigint, cpu: number): string {
    return this.cr3({ ...this.target.cpu(cpu), cr3: value }).text;
  }

  /** The root of the kernel twin while the CPU runs on the shadow half, else undefined. */
  kernelRootOf(info: CpuInfo): bigint | undefined {
    const { half, kernelRoot } = this.cr3(info);
    return half === 'shadow' ? kernelRoot : undefined;
  }

  /** What tells address spaces apart, whichever half is live. */
  spaceOf(info: CpuInfo): bigint {
    return info.pagingOn ? this.cr3(info).kernelRoot : 0n;
  }

  /** Both halves of the pair that a root belongs to; undefined if it belongs to none, as the boot table. */
  pairOf(root: bigint): { kernel: bigint; shadow: bigint } | undefined {
    if (this.guest?.initRoot() === undefined) return undefined;
    return { kernel: root & ~SHADOW_BIT, shadow: root | SHADOW_BIT };
  }

  currentTask(cpu: number): TaskName | undefined {
    const task = this.guest?.currentTask(cpu);
    return task && { pid: task.pid, name: task.comm };
  }

  /** Whether the guest has taken a CPU out of use: it halts, and is no more among those that are online. */
  isOffline(cpu: number): boolean {
    return this.guest !== undefined && this.target.cpu(cpu).state === 'halted' && cpu >= this.guest.state(cpu).onlineCpus;
  }

  /** The tasks whose tables a root belongs to, by either half. */
  tasksOf(root: bigint): TaskName[] {
    return this.tasks()
      .filter(task => task.kernelRoot !== undefined && (task.kernelRoot | SHADOW_BIT) === (root | SHADOW_BIT))
      .map(task => ({ pid: task.pid, name: task.comm }));
  }

  /** What an address space is called: its tasks, or that it is the kernel's own. */
  spaceNames(kernelRoot: bigint): string[] {
    const names = this.tasksOf(kernelRoot).map(task => `${task.name} (${task.pid})`);
    return names.length === 0 && kernelRoot === this.guest?.initRoot() ? ['kernel'] : names;
  }

  /** Kernel halves of all address spaces that the guest has. */
  knownRoots(): bigint[] {
    const roots = this.tasks()
      .map(task => task.kernelRoot)
      .filter(root => root !== undefined);
    const init = this.guest?.initRoot();
    return [...new Set(init === undefined ? roots : [...roots, init])];
  }

  /** Why the KAISER of the guest is not known, or is not there yet. */
  whyUnavailable(): string {
    return this.reason ? `${this.reason}.` : 'the kernel has not made its pairs of tables yet.';
  }

  report(): KaiserReport {
    const history = [...this.history.slice(-SHOWN), ...(this.toggling ? [this.toggling] : [])];
    if (!this.guest) return { available: false, message: this.reason, history };
    const { design, enabled, flag } = this.guest.state();
    if (design === undefined) return { available: false, message: 'The kernel has not come to its KAISER yet.', history };
    return {
      available: true,
      design,
      ...(enabled === undefined ? {} : { enabled }),
      ...(flag === undefined ? {} : { flag }),
      history,
    };
  }

  /** Writes the word that entry code tests and gives what it was. Throws a RequestError if that cannot be done. */
  pokeFlag(cpu: number, value: number): number {
    const state = this.guest?.state(cpu);
    const from = state?.flag;
    const root = this.guest?.initRoot();
    if (!this.guest || from === undefined || root === undefined)
      throw new RequestError(`The flag cannot be poked: ${this.whyUnavailable()}`);
    if (state?.asks === 'code')
      throw new RequestError(
        `The flag cannot be poked: the design ${state.design} has none, its entry code is patched. Switch by writing to ${toggleFile}.`,
      );
    const address = state?.asks === 'cpu word' ? this.guest.cpuWordAddress(cpu) : this.guest.abi.flagAddress;
    if (address === undefined) throw new RequestError(`The flag cannot be poked: CPU ${cpu} has no per-CPU area yet.`);
    if (from !== value) this.watch?.flips(cpu, value ? 1 : 0, state?.asks === 'cpu word' ? cpu : undefined, true);
    if (!this.target.writeMemory(cpu, address, Uint8Array.of(value, 0, 0, 0), root)) {
      throw new RequestError(
        `The flag at 0x${address.toString(16)} cannot be written: the address does not translate in the kernel's tables.`,
      );
    }
    this.history.push({ position: String(this.target.position), cpu, from, to: value, how: 'raw poke' });
    return from;
  }

  entryPoints(): readonly EntryPoint[] {
    return (this.points ??= findEntryPoints(this.symbols));
  }

  /** How entry code decides, as it is patched now, whether to make each of these writes to CR3. */
  asksAt(points: readonly EntryPoint[]): Map<EntryPoint, Site['form']> {
    const sites = this.guest?.sites() ?? [];
    const found = new Map<EntryPoint, Site['form']>();
    for (const point of points) {
      const form = point.kind === 'cr3' ? siteBefore(sites, point.address) : undefined;
      if (form) found.set(point, form);
    }
    return found;
  }

  /** A page fault's error code in words: `User mode read from a page that is not present (error code 0x4: U).` */
  pageFaultText(code: number): string {
    const text = describePageFault(code);
    return `${text[0]!.toUpperCase()}${text.slice(1)} (error code 0x${code.toString(16)}: ${pageFaultBits(code)}).`;
  }

  /** Why the live table does not allow a faulting access, and whether the other half would have. */
  walkText(address: bigint, exception: ExceptionInfo): string {
    const code = exception.errorCode ?? 0;
    const register = (name: string): bigint => this.target.readRegister(exception.cpu, name)!;
    const mode = pagingModeOf({ cr0: register('cr0'), cr4: register('cr4'), efer: register('efer') });
    if (mode !== '4-level') return `The CPU uses ${mode} paging, whose tables are not explained.`;
    const features = this.features(exception.cpu);
    const access = {
      kind: code & 0x10 ? ('execute' as const) : code & 2 ? ('write' as const) : ('read' as const),
      cpl: code & 4 ? 3 : 0,
    };
    const reader = readerOf(this.target.physicalView());
    const check = (root: number): string | undefined => {
      const result = checkAccess(walk(reader, root, address, features), access, features);
      return result.allowed ? undefined : result.text;
    };
    const info = { ...this.target.cpu(exception.cpu), cr3: exception.cr3 };
    const { half, kernelRoot, shadowRoot } = this.cr3(info);
    const here = check(rootOf(exception.cr3));
    const name = half === 'none' ? 'The page table' : `The ${half} half`;
    if (here === undefined)
      return `${name} would allow it as memory stands: the CPU used an older translation that its TLB still held.`;
    if (half === 'none' || !this.pairOf(kernelRoot)) return `${name}: ${here}.`;
    const other = half === 'kernel' ? 'shadow' : 'kernel';
    const there = check(Number(half === 'kernel' ? shadowRoot : kernelRoot));
    return `${name}: ${here}. The ${other} half ${there === undefined ? 'would allow it' : there === here ? 'says the same' : `does not allow it either: ${there}`}.`;
  }

  /**
   * The facts from which a verdict is derived.
   * @param exceptions the last ones of the CPU, oldest first, the one of the event included
   */
  crashFacts({
    kind,
    cpu,
    exceptions,
  }: {
    kind: CrashFacts['event'];
    cpu: number;
    exceptions: readonly ExceptionInfo[];
  }): CrashFacts {
    const info = this.target.cpu(cpu);
    const register = (name: string): bigint | undefined => this.target.readRegister(cpu, name);
    const state = this.guest?.state(cpu);
    return {
      event: kind,
      cpu,
      exceptions,
      pcidEnabled: info.pcidEnabled,
      paired: this.guest !== undefined && info.pagingOn,
      reader: readerOf(this.target.physicalView()),
      features: this.features(cpu),
      symbols: this.symbols,
      entryPoints: this.entryPoints(),
      ...(state ? { kaiser: state } : {}),
      ...(this.toggling ? { toggling: this.toggling.to } : {}),
      ...(this.watch ? { history: this.watch.history } : {}),
      toggled: this.toggling !== undefined || this.history.length > 0,
      rsp: info.rsp,
      registers: register,
      idt: register('idtr_base'),
      gdt: register('gdtr_base'),
      tss: register('tr_base'),
      loadedRoot: this.guest?.loadedRoot(cpu),
    };
  }

  /** The machine for the rules of KAISER (`checkInvariants`); undefined for a kernel whose tables are not known. */
  machineView(): MachineView | undefined {
    if (!this.guest) return undefined;
    const { target } = this;
    return {
      guest: this.guest,
      symbols: this.symbols,
      reader: readerOf(target.physicalView()),
      features: this.features(0),
      ramSize: target.ramSize,
      toggling: this.toggling !== undefined,
      position: target.position,
      cpus: Array.from({ length: target.cpuCount }, (_, index) => {
        const { state, rip, cpl, cr3, pagingOn, pcidEnabled } = target.cpu(index);
        return {
          index,
          live: state === 'running' || state === 'halted',
          rip,
          cpl,
          cr3,
          pagingOn,
          pcidEnabled,
          register: name => target.readRegister(index, name),
          tlb: () => target.tlb(index),
        };
      }),
    };
  }

  private features(cpu: number): PagingFeatures {
    const register = (name: string): bigint => this.target.readRegister(cpu, name) ?? 0n;
    return featuresOf({ cr0: register('cr0'), cr4: register('cr4'), efer: register('efer') });
  }

  private tasks(): GuestTask[] {
    return this.guest?.tasks() ?? [];
  }

  /** The kernel calls kaiser_toggle_begin and _end around its design's protocol; their argument is the state asked for. */
  private watchToggle(): void {
    const on = (name: string, listener: (cpu: number, to: number) => void): void => {
      const address = this.symbols.table.addressOf(name);
      if (address !== undefined)
        this.target.addProbe(address, cpu => listener(cpu, Number((this.target.readRegister(cpu, 'rdi') ?? 0n) & 1n)));
    };
    on('kaiser_toggle_begin', (cpu, to) => {
      this.toggling = {
        position: String(this.target.position),
        cpu,
        from: this.guest?.state().enabled ?? 1 - to,
        to,
        how: 'guest, under way',
      };
    });
    on('kaiser_toggle_end', (cpu, to) => {
      // A toggle that began before the session watched has no beginning.
      const from = this.toggling?.from ?? 1 - to;
      this.toggling = undefined;
      this.history.push({ position: String(this.target.position), cpu, from, to, how: 'guest' });
    });
  }
}
