import { NO_FLUSH_BIT, SHADOW_BIT } from '../cr3.js';
import { cr3Source } from '../cr3Write.js';
import type { EntryPoint } from '../entryPoints.js';
import { pathInWords } from '../entryPoints.js';
import { PARANOID_GAP, stoppers } from '../transition.js';
import { disagreement } from './coherence.js';
import type { Context } from './moments.js';
import { type CpuView, describeEntry, type Ground, type TlbView, type Violation } from './view.js';

/** From the stack pointer at `paranoid_entry` to the frame: the return address, the general registers, the original RAX (guest/entry/calling.h). */
const REGISTERS_TO_FRAME = 8n + 15n * 8n + 8n;

const USER_HALF_END = 1n << 47n;
const SHADOW_PCID = 0x800;

/** A paranoid entry that has not been left yet. */
interface Saved { cr3: bigint; flag: number | undefined; /** What it has interrupted. */ rip: bigint | undefined }

/** Rules about ways into the kernel and out of it, which need to know what was before. */
export class Paths {
  /** By CPU, then by the address of the frame: unlike the CPU's own stack depth, it is the same at the entry and at the exit. */
  private readonly paranoid = new Map<number, Map<bigint, Saved>>();
  /** By CPU and user PCID: translations that are older than KAISER's being switched on, until the CPU goes to user mode with that PCID. */
  private readonly older = new Map<number, Map<number, TlbView[]>>();

  /** P12: where an event from user mode has pushed its frame. */
  entered(ground: Ground, cpu: CpuView, point: EntryPoint, from: Context): Violation[] {
    if (from.cpl !== 3 || from.frame === undefined) return [];
    const { cpuEntryAreaBase, cpuEntryAreaStride } = ground.view.guest.abi;
    const start = cpuEntryAreaBase + BigInt(cpu.index) * cpuEntryAreaStride;
    if (cpuEntryAreaStride === 0n || (from.frame >= start && from.frame < start + cpuEntryAreaStride)) return [];
    return [violation('P12', cpu, `entered from user mode by ${pathInWords(point.path)} (${point.symbol}) with its frame at ${ground.place(from.frame)}; its entry and IST stacks lie from 0x${start.toString(16)} to 0x${(start + cpuEntryAreaStride).toString(16)}`, 'H18')];
  }

  /** At the first instruction of `paranoid_entry`. */
  paranoidEntered(ground: Ground, cpu: CpuView): void {
    const frames = this.paranoid.get(cpu.index) ?? new Map<bigint, Saved>();
    this.paranoid.set(cpu.index, frames);
    const frame = cpu.register('rsp')! + REGISTERS_TO_FRAME;
    frames.set(frame, { cr3: cpu.cr3, flag: ground.state(cpu).flag, rip: ground.word(Number(ground.cr3(cpu).root), frame) });
  }

  /** P14 and P23 at a MOV to CR3, before it is executed. */
  writesCr3(ground: Ground, cpu: CpuView, point: EntryPoint): Violation[] {
    const code = ground.view.symbols.bytesAt(cpu.rip, 4);
    const source = code && cr3Source(code);
    const value = source === undefined ? undefined : cpu.register(source);
    if (source === undefined || value === undefined) return [];
    const saved = this.paranoid.get(cpu.index)?.get(cpu.register('rsp')! + REGISTERS_TO_FRAME);
    const bare = value & ~NO_FLUSH_BIT, what = `is about to write 0x${value.toString(16)} from ${source.toUpperCase()} to CR3 at ${ground.place(cpu.rip)}`;
    if (point.symbol === 'exit_paranoid_cr3' && saved && bare !== saved.cr3) {
      return [violation('P14', cpu, `${what}, which is to restore what its paranoid entry found, 0x${saved.cr3.toString(16)}: ${flagStory(saved.flag, ground.state(cpu).flag)}`, hazardOf(ground, saved))];
    }
    const problem = rootProblem(ground, cpu, bare);
    return problem ? [violation('P23', cpu, `${what}: ${problem.text}`, problem.hazard)] : [];
  }

  /** P14 and P22 at the instruction that leaves. */
  left(ground: Ground, cpu: CpuView, point: EntryPoint, to: Context): Violation[] {
    return [...this.leftParanoid(ground, cpu, point, to), ...to.cpl === 3 ? this.leftToUser(ground, cpu) : []];
  }

  private leftParanoid(ground: Ground, cpu: CpuView, point: EntryPoint, to: Context): Violation[] {
    const frames = this.paranoid.get(cpu.index), saved = to.frame === undefined ? undefined : frames?.get(to.frame);
    if (!frames || !saved) return [];
    frames.delete(to.frame!);
    if (saved.cr3 === cpu.cr3) return [];
    const now = ground.state(cpu).flag, lost = (saved.cr3 & SHADOW_BIT) !== 0n && (cpu.cr3 & SHADOW_BIT) === 0n;
    const hazard = !lost ? undefined : saved.flag && !now ? 'H7' : PARANOID_GAP;
    return [violation('P14', cpu, `leaves a paranoid entry at ${point.symbol} to ${ground.place(to.rip)} with 0x${cpu.cr3.toString(16)} in CR3 and came with 0x${saved.cr3.toString(16)}: ${flagStory(saved.flag, now)}`, hazard)];
  }

  /** P22: the first time since the switch that the CPU goes to user mode with this PCID. */
  private leftToUser(ground: Ground, cpu: CpuView): Violation[] {
    const { half, pcid, root } = ground.cr3(cpu);
    const older = half === 'shadow' ? this.older.get(cpu.index)?.get(pcid) : undefined;
    if (!older) return [];
    this.older.get(cpu.index)!.delete(pcid);
    const now = new Set(cpu.tlb().map(key));
    for (const entry of older) {
      const wrong = now.has(key(entry)) ? disagreement(ground, Number(root), entry) : undefined;
      if (wrong) {
        return [violation('P22', cpu, `goes to user mode for the first time since KAISER was switched on with a translation of 0x${entry.linear.toString(16)} (${describeEntry(entry)}) from before: ${wrong.text}. `
          + 'While KAISER was off nobody has flushed this PCID, and the switch has not either', 'H11')];
      }
    }
    return [];
  }

  /** KAISER is about to be switched on. What the TLBs have under user PCIDs now is from before. */
  switchedOn(ground: Ground): void {
    this.older.clear();
    if (ground.view.guest.state().design === 'per_process') return;
    for (const cpu of ground.cpus) {
      const byPcid = new Map<number, TlbView[]>();
      for (const entry of cpu.pcidEnabled ? cpu.tlb() : []) {
        if (entry.global || !(entry.pcid & SHADOW_PCID) || entry.linear >= USER_HALF_END) continue;
        byPcid.set(entry.pcid, [...byPcid.get(entry.pcid) ?? [], entry]);
      }
      this.older.set(cpu.index, byPcid);
    }
  }

  /** KAISER is about to be switched off: the question of what is older than the last time it was switched on is over. */
  switchedOff(): void { this.older.clear(); }
}

/** Of a CR3 that was never saved: H8 if the handler came while the machine was stopped for the switch. */
function hazardOf(ground: Ground, { rip }: Saved): string {
  const name = rip === undefined ? undefined : ground.view.symbols.table.functionAt(rip)?.symbol.name;
  return name !== undefined && stoppers.has(name) ? 'H8' : 'H6';
}

const key = (entry: TlbView): string => `${entry.pcid} ${entry.linear} ${entry.size} ${entry.frame}`;

function violation(predicate: string, cpu: CpuView, text: string, hazard?: string): Violation {
  return { predicate, ...(hazard ? { hazard } : {}), cpu: cpu.index, text: `CPU ${cpu.index} ${text}` };
}

function flagStory(then: number | undefined, now: number | undefined): string {
  const word = (flag: number | undefined): string => (flag === undefined ? 'unknown' : flag ? 'on' : 'off');
  return then === now ? `it found KAISER ${word(now)} both times` : `it found KAISER ${word(then)} on its way in and finds it ${word(now)} on its way out`;
}

/** P23: what keeps a value from being half of a pair that the kernel has. */
function rootProblem(ground: Ground, cpu: CpuView, value: bigint): { text: string; hazard?: string } | undefined {
  const { kernelRoot, root, half } = ground.cr3({ ...cpu, cr3: value });
  if (value >> 52n) return { text: 'bits that are reserved are set', hazard: 'H6' };
  const known = ground.initRoot === Number(kernelRoot) || ground.view.guest.loadedRoot(cpu.index) === kernelRoot || ground.roots.includes(Number(kernelRoot));
  if (!known) return { text: `no address space has a pair at 0x${kernelRoot.toString(16)}`, hazard: 'H6' };
  const { text } = ground;
  if (half !== 'shadow' || !text || ground.translate(Number(root), text.start)) return undefined;
  return { text: 'the page beside the kernel half is no shadow half, as it does not map the entry text', hazard: 'H16' };
}
