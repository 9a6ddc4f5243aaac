import type { GuestReader } from '../abi.js';
import type { Symbols } from '../../symbols/index.js';
import { checkCpu, checkFlags } from './cpuChecks.js';
import { findMoments, interrupted, leaving } from './moments.js';
import { Paths } from './paths.js';
import { checkState } from './state.js';
import { checkPair } from './tableChecks.js';
import { checkTlb } from './tlbChecks.js';
import { type CpuView, Ground, type MachineView, type Violation, type Wanted } from './view.js';

/**
 * So many steps of the whole machine, for each of its CPUs, may a toggle take (P24). The slowest seen, of a design that waits for quiescent
 * states, took a fifth of that on eight busy CPUs; one that stops the machine takes less than a hundredth.
 */
export const LIVENESS_STEPS = 20_000_000;
/** After so many steps of a toggle, and again and again, it is asked whether the CPUs wait for each other. */
const POLL_STEPS = 2_000_000;

/** What is asked of the code that a CPU has interrupted. Its TLB and what it needs to enter were looked at when it went there. */
const atEntry = new Set(['P1', 'P2', 'P3', 'P4', 'P5']);

/**
 * Checks the predicates while a machine runs. It is told where a CPU stands, at the moments that `addresses` names or at every
 * instruction, and keeps what must be remembered from one moment to another. It never changes the machine.
 */
export class InvariantWatch {
  private readonly moments;
  private readonly paths = new Paths();
  /** Toggles that have begun since the watch began. */
  toggleCount = 0;
  /** The CPUs that were out of use when the last toggle had come to its end. */
  private leftOut: ReadonlySet<number> = new Set();
  private readonly toggles: { to: number; cpu: number; position: number; polls: number }[] = [];

  constructor(private readonly symbols: Symbols, private readonly guest: GuestReader) {
    this.moments = findMoments(symbols, guest.sites().map(site => site.address));
  }

  /** Where the machine is to be looked at: the first instruction of each entry, each MOV to CR3 of entry code, each instruction that leaves, and a few more. */
  get addresses(): bigint[] { return [...this.moments.keys()]; }

  /**
   * A CPU is about to execute an instruction.
   * @param always look at the CPU wherever it stands, not only at the moments above
   */
  at(view: MachineView, index: number, wants: Wanted, always = false): Violation[] {
    const cpu = view.cpus[index]!;
    const moment = this.moments.get(cpu.rip);
    if (!moment && !always) return [];
    const ground = new Ground(view);
    if (!ground.isUsed(cpu) || ground.view.guest.state().design === undefined) return [];
    const found: Violation[] = [];
    for (const kind of moment?.kinds ?? []) {
      const { point } = moment!;
      switch (kind) {
        case 'toggle begins': this.begins(ground, cpu); break;
        case 'toggle ends': this.ends(ground); found.push(...checkState(ground, wants)); break;
        case 'paranoid entry': this.paths.paranoidEntered(ground, cpu); break;
        case 'site': found.push(...this.atSite(ground, cpu, wants)); break;
        case 'cr3': found.push(...this.paths.writesCr3(ground, cpu, point!).filter(one => wants(one.predicate))); break;
        case 'entry': {
          const from = interrupted(ground, cpu, point!);
          if (!from) break;
          found.push(...this.paths.entered(ground, cpu, point!, from).filter(one => wants(one.predicate)), ...checkCpu(ground, { ...cpu, ...from }, one => atEntry.has(one) && wants(one)));
          if (wants('P17')) found.push(...checkFlags(ground, this.leftOut));
          break;
        }
        case 'exit': {
          const to = leaving(ground, cpu, point!);
          if (!to) break;
          found.push(...this.paths.left(ground, cpu, point!, to).filter(one => wants(one.predicate)), ...this.asIf(ground, { ...cpu, rip: to.rip, cpl: to.cpl }, wants)
            .map(one => ({ ...one, text: one.text.replace(' is in user mode', ' goes to user mode') })));
          break;
        }
      }
    }
    // At a moment the CPU is looked at as what it comes from or goes to; it itself is in entry code, for which little holds.
    return always ? [...found, ...this.asIf(ground, cpu, wants)] : found;
  }

  /**
   * P24, at the position that `deadline` has named: a toggle has not come to its end though LIVENESS_STEPS for each CPU have passed since
   * it began, or it never will, because CPUs wait for each other.
   */
  overdue(view: MachineView): Violation | undefined {
    const [first] = this.toggles;
    if (!first || view.position < deadlineOf(first)) return undefined;
    first.polls++;
    const ground = new Ground(view), owed = this.guest.unanswered();
    const stories = ground.cpus.flatMap(cpu => {
      const debts = ([['shootdown', 'the TLB shootdown'], ['call', 'the call of all CPUs'], ['stop', 'the request to stop']] as const).filter(([what]) => owed[what] >> cpu.index & 1).map(([, words]) => words);
      if (!debts.length) return [];
      const where = cpu.cpl === 3 ? 'it is in user mode' : `it is at ${ground.place(cpu.rip)} with interrupts ${interruptsOn(cpu) ? 'on' : 'off'}`;
      return [`CPU ${cpu.index} has not answered ${debts.join(' and ')}; ${where}`];
    });
    // Who stops the machine waits with interrupts off for all the others, and a call is answered with interrupts on.
    const stuck = ground.cpus.some(cpu => owed.call >> cpu.index & 1 && cpu.cpl !== 3 && !interruptsOn(cpu) && /^stop/.test(this.symbols.table.functionAt(cpu.rip)?.symbol.name ?? ''));
    if (!stuck && view.position < first.position + LIVENESS_STEPS * view.cpus.length) return undefined;
    return {
      predicate: 'P24', ...(stuck ? { hazard: 'H24' } : {}), cpu: first.cpu,
      text: `The toggle that CPU ${first.cpu} began at position ${first.position}, to switch KAISER ${first.to ? 'on' : 'off'}, has not come to its end after ${view.position - first.position} steps. ${stories.length ? stories.join('. ') : 'Every CPU has answered what it was asked; the one that waits is not being woken'}${stuck ? '. It waits there for the machine to go on, and that waits for its answer: neither comes' : ''}`,
    };
  }

  /** The position at which `overdue` is to be asked; undefined while no toggle is under way. */
  get deadline(): number | undefined { return this.toggles[0] && deadlineOf(this.toggles[0]); }

  /** The state of the machine as if the CPU stood where it goes to. */
  private asIf(ground: Ground, cpu: CpuView, wants: Wanted): Violation[] {
    const isUser = cpu.cpl === 3;
    return [
      ...checkCpu(ground, cpu, wants),
      ...wants('P17') ? checkFlags(ground, this.leftOut) : [],
      ...isUser && ['P8', 'P9', 'P16'].some(wants) ? checkPair(ground, Number(ground.cr3(cpu).kernelRoot), cpu, wants) : [],
      ...isUser && ['P6', 'P7', 'P10'].some(wants) ? checkTlb(ground, cpu, wants) : [],
    ];
  }

  /** P18: entry code that asks its CPU's own word finds it through the kernel's GS. */
  private atSite(ground: Ground, cpu: CpuView, wants: Wanted): Violation[] {
    if (!wants('P18') || ground.view.guest.sites().find(site => site.address === cpu.rip)?.form !== 'cpu word') return [];
    const base = cpu.register('gs_base'), wanted = ground.view.guest.percpuBase(cpu.index);
    if (base === wanted || wanted === undefined) return [];
    return [{
      predicate: 'P18', hazard: 'H22', cpu: cpu.index,
      text: `CPU ${cpu.index} is about to ask its own word at ${ground.place(cpu.rip)} with the GS base 0x${(base ?? 0n).toString(16)}, and its data is at ${ground.place(wanted)}: user mode chooses what it finds`,
    }];
  }

  private ends(ground: Ground): void {
    this.toggles.pop();
    this.leftOut = new Set(ground.view.cpus.filter(cpu => !ground.isUsed(cpu)).map(cpu => cpu.index));
  }

  private begins(ground: Ground, cpu: CpuView): void {
    const to = Number((cpu.register('rdi') ?? 0n) & 1n);
    this.toggleCount++;
    this.toggles.push({ to, cpu: cpu.index, position: ground.view.position, polls: 0 });
    if (to) this.paths.switchedOn(ground);
    else this.paths.switchedOff();
  }
}

function deadlineOf(toggle: { position: number; polls: number }): number { return toggle.position + POLL_STEPS * (toggle.polls + 1); }

function interruptsOn(cpu: CpuView): boolean { return ((cpu.register('rflags') ?? 0n) & 0x200n) !== 0n; }
