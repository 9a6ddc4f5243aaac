import { type EntryPoint, findEntryPoints } from '../entryPoints.js';
import type { Symbols } from '../../symbols/index.js';
import type { CpuView, Ground } from './view.js';

/**
 * Where checks at entries and exits look at a CPU, by the address of the instruction that it is about to execute. One address can be
 * several at once.
 */
export type Moment = EntryPoint['kind'] | 'paranoid entry' | 'toggle begins' | 'toggle ends' | 'site';

/** The code that a CPU comes from, or is about to go to. */
export interface Context { rip: bigint; cpl: number; /** Where its frame lies; undefined for SYSCALL and SYSENTER, which push none. */ frame?: bigint }

/** Exceptions with an error code, which lies below their frame (SDM Vol. 3A, 6.13). */
const withErrorCode = new Set(['invalid_tss', 'segment_not_present', 'stack_segment', 'general_protection', 'page_fault', 'alignment_check', 'double_fault']);

/** Entries by an instruction that pushes nothing; they come from user mode only. */
const byInstruction = new Set(['syscall64', 'syscall64_plain', 'syscall32', 'sysenter']);

/** The moments of a kernel, by address. */
export function findMoments(symbols: Symbols, sites: readonly bigint[]): Map<bigint, { kinds: Set<Moment>; point?: EntryPoint }> {
  const moments = new Map<bigint, { kinds: Set<Moment>; point?: EntryPoint }>();
  const add = (address: bigint | undefined, kind: Moment, point?: EntryPoint): void => {
    if (address === undefined) return;
    const there = moments.get(address) ?? { kinds: new Set<Moment>() };
    there.kinds.add(kind);
    if (point) there.point = point;
    moments.set(address, there);
  };
  for (const point of findEntryPoints(symbols)) if (point.symbol !== 'ret_from_fork') add(point.address, point.kind, point);
  add(symbols.table.addressOf('paranoid_entry'), 'paranoid entry');
  add(symbols.table.addressOf('kaiser_toggle_begin'), 'toggle begins');
  add(symbols.table.addressOf('kaiser_toggle_end'), 'toggle ends');
  for (const site of sites) add(site, 'site');
  return moments;
}

/** What a CPU at the first instruction of an entry has interrupted; undefined where its frame cannot be read. */
export function interrupted(ground: Ground, cpu: CpuView, point: EntryPoint): Context | undefined {
  if (byInstruction.has(point.path)) return { rip: point.path === 'sysenter' ? 0n : cpu.register('rcx') ?? 0n, cpl: 3 };
  const frame = cpu.register('rsp')! + (withErrorCode.has(point.path) ? 8n : 0n);
  return returnTo(ground, cpu, frame);
}

/** What a CPU at the instruction that leaves goes to. */
export function leaving(ground: Ground, cpu: CpuView, point: EntryPoint): Context | undefined {
  if (/sysret/.test(point.symbol)) return { rip: cpu.register('rcx') ?? 0n, cpl: 3 };
  return returnTo(ground, cpu, cpu.register('rsp')!);
}

/** RIP and CS of a frame (SDM Vol. 3A, figure 6-9). */
function returnTo(ground: Ground, cpu: CpuView, frame: bigint): Context | undefined {
  const root = Number(ground.cr3(cpu).root);
  const rip = ground.word(root, frame), cs = ground.word(root, frame + 8n);
  return rip === undefined || cs === undefined ? undefined : { rip, cpl: Number(cs & 3n), frame };
}
