import type { Debuggee } from './debuggee.js';
import { hex } from './debuggee.js';
import { RequestError } from './errors.js';
import { featuresOf, pagingModeOf, readerOf, renderTable, renderWalk, rootOf, walk } from '../paging/index.js';
import type { PagingFeatures, PagingMode, PhysicalReader } from '../paging/index.js';

/** Physical memory as src/paging reads it. */
export function readerFor(debuggee: Debuggee): PhysicalReader {
  return readerOf(debuggee.target.physicalView());
}

/** What the CPU's control registers make of page-table entries. */
export function featuresFor(debuggee: Debuggee, cpu: number): PagingFeatures {
  return featuresOf(controlsOf(debuggee, cpu));
}

function controlsOf({ target }: Debuggee, cpu: number): { cr0: bigint; cr4: bigint; efer: bigint } {
  const register = (name: string): bigint => target.readRegister(cpu, name)!;
  return { cr0: register('cr0'), cr4: register('cr4'), efer: register('efer') };
}

/** How a CPU translates addresses: only tables of 4-level paging can be shown. */
export function pagingMode(debuggee: Debuggee, cpu: number): PagingMode { return pagingModeOf(controlsOf(debuggee, cpu)); }

/**
 * The physical address of a top-level table that a request names: an address, or a half of what the CPU uses.
 * Throws a RequestError where there is none.
 */
export function rootNamed(debuggee: Debuggee, cpu: number, name: unknown): number {
  const info = debuggee.target.cpu(cpu);
  if (name === 'kernel' || name === 'shadow' || name === undefined) {
    if (!info.pagingOn)
      throw new RequestError(`CPU ${cpu} has paging off: there is no page table yet. Run on, for example with stopAt.`);
    const mode = pagingMode(debuggee, cpu);
    if (mode !== '4-level')
      throw new RequestError(`CPU ${cpu} uses ${mode} paging, and only tables of 4-level paging can be shown: run on until the kernel is in long mode.`);
    const here = rootOf(info.cr3);
    if (name === undefined) return here;
    const pair = debuggee.kaiser.pairOf(BigInt(here));
    if (!pair) {
      if (name === 'kernel') return here;
      throw new RequestError(`The page table at ${hex(here)} has no shadow: ${debuggee.kaiser.whyUnavailable()}`);
    }
    return Number(pair[name]);
  }
  let root: bigint | undefined;
  try {
    root = BigInt(name as string);
  } catch {
    root = undefined;
  }
  if (root === undefined || root < 0n || root + 4096n > BigInt(debuggee.target.ramSize)) {
    throw new RequestError(
      `"${String(name)}" is no page table: give kernel, shadow, or the physical address of a table in RAM (below ${hex(debuggee.target.ramSize)}).`,
    );
  }
  return Number(root & ~0xfffn);
}

/** A whole table as text, with a first line that says whose it is. */
export function tableText(debuggee: Debuggee, cpu: number, name: unknown): string {
  const root = rootNamed(debuggee, cpu, name);
  return renderTable(readerFor(debuggee), root, { features: featuresFor(debuggee, cpu), title: rootTitle(debuggee, root) });
}

/** `Kernel half · root 0x1234000 · CPU 0 with PCID 0x1`. */
function rootTitle(debuggee: Debuggee, root: number): string {
  const { kaiser, target } = debuggee;
  const pair = kaiser.pairOf(BigInt(root));
  const half = !pair ? 'Page table' : pair.kernel === BigInt(root) ? 'Kernel half' : 'Shadow half';
  const users = Array.from({ length: target.cpuCount }, (_, n) => target.cpu(n)).filter(
    info => info.pagingOn && rootOf(info.cr3) === root,
  );
  const names = kaiser.tasksOf(BigInt(root)).map(task => task.name);
  return [
    half,
    `root ${hex(root)}`,
    ...(names.length > 0 ? [`tasks ${names.join(', ')}`] : []),
    ...users.map(info => `live on CPU ${info.index}${info.pcidEnabled ? ` as PCID ${hex(kaiser.cr3(info).pcid)}` : ''}`),
  ].join(' · ');
}

/** The walk of one address from a root, as text and as steps. */
export function walkFrom(
  debuggee: Debuggee,
  cpu: number,
  root: number,
  address: bigint,
): { text: string; walk: ReturnType<typeof walk> } {
  const features = featuresFor(debuggee, cpu);
  const walked = walk(readerFor(debuggee), root, address, features);
  return { text: renderWalk(walked, features), walk: walked };
}
