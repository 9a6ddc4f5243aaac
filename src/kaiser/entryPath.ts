import type { ExceptionRecord, Scene } from './crash.js';
import { type EntryPoint, pathInWords, pointBefore, sharedEntryCode } from './entryPoints.js';

/** How control came to where a CPU stood on the wrong CR3. */
export interface EntryPath {
  /** `entering`: coming from user mode. `leaving`: on the way back, with the shadow CR3 already loaded. */
  direction: 'entering' | 'leaving';
  /** In words, for `entered from user mode by ...`; undefined where it cannot be told. */
  words: string | undefined;
  /** The symbol that tells it. */
  symbol: string | undefined;
  /** The code belongs to this path alone, and not to several. */
  specific: boolean;
}

const unknown: EntryPath = { direction: 'entering', words: undefined, symbol: undefined, specific: false };

const generalRegisters = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15', 'rax', 'rcx', 'rdx', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11'];

/** How much of a stack is searched, in bytes. */
const STACK_REACH = 0x1000n;

/**
 * Which path a kernel instruction on the shadow CR3 belongs to. The instruction itself tells where it stands in the
 * code of one path. Where several share it, or it was called from there, the addresses that it left on its stack or
 * in a register tell; those of now, where the exception has not been delivered yet, else those at the top of the entry
 * stack, which stay there however far the exceptions that followed have run down.
 * @param isCurrent whether the CPU's registers are still those of the record
 */
export function entryPathOf(scene: Scene, record: ExceptionRecord, isCurrent: boolean): EntryPath {
  const direct = pathAt(scene, record.rip);
  if (direct && (direct.specific || direct.direction === 'leaving')) return direct;
  const around = (isCurrent ? fromRegisters(scene, record) : undefined) ?? firstOnEntryStack(scene, record);
  if (around?.specific) return around;
  return direct ?? around ?? unknown;
}

/** The path by what stands first on the entry stack, just below the frame that came from user mode. */
export function firstOnEntryStack(scene: Scene, record: ExceptionRecord): EntryPath | undefined {
  const { tss } = scene.facts;
  if (tss === undefined) return undefined;
  const root = scene.cr3(record).root;
  const top = scene.word(root, tss + 4n); // RSP0 (SDM Vol. 3A, 7.7)
  return top === undefined || top < STACK_REACH ? undefined : search(scene, root, top - 48n, top - STACK_REACH);
}

/**
 * The kernel instruction that the first exception on the entry stack interrupted: the return address of the first
 * hardware frame below the one from user mode, whose CS is the kernel's (SDM Vol. 3A, 6.14.2). Undefined where there
 * is none.
 */
export function firstInterrupted(scene: Scene, record: ExceptionRecord): bigint | undefined {
  const { tss } = scene.facts;
  if (tss === undefined) return undefined;
  const root = scene.cr3(record).root;
  const top = scene.word(root, tss + 4n);
  if (top === undefined || top < STACK_REACH) return undefined;
  for (let at = top - 48n; at > top - STACK_REACH; at -= 8n) {
    const [rip, cs, rflags, ss] = [0n, 8n, 16n, 32n].map((offset) => scene.word(root, at + offset));
    if (rip === undefined || cs === undefined || rflags === undefined || ss === undefined) return undefined;
    const selectors = (cs & 3n) === 0n && cs !== 0n && cs < 0x100n && (ss & 3n) === 0n && ss < 0x100n;
    if (selectors && (rflags & 2n) !== 0n && rflags >> 22n === 0n && rip >> 47n === 0x1ffffn) return rip;
  }
  return undefined;
}

function fromRegisters(scene: Scene, record: ExceptionRecord): EntryPath | undefined {
  const rsp = scene.register('rsp');
  const onStack = rsp === undefined ? undefined : search(scene, scene.cr3(record).root, rsp, rsp + 0x100n);
  if (onStack?.specific) return onStack;
  for (const name of generalRegisters) {
    const value = scene.register(name);
    const path = value === undefined ? undefined : pathAt(scene, value - 1n);
    if (path?.specific) return path;
  }
  return onStack;
}

/** The first return address into the code of one path, from `from` towards `to`; else the first into shared code. */
function search(scene: Scene, root: bigint, from: bigint, to: bigint): EntryPath | undefined {
  const step = from < to ? 8n : -8n;
  let shared: EntryPath | undefined;
  for (let at = from; at !== to; at += step) {
    if ((to - at) * step < 0n) break;
    const value = scene.word(root, at);
    if (value === undefined) break;
    const path = pathAt(scene, value - 1n);
    if (path?.specific) return path;
    shared ??= path;
  }
  return shared;
}

function pathAt(scene: Scene, address: bigint): EntryPath | undefined {
  if (!scene.inEntryText(address)) return undefined;
  const { symbols } = scene.facts;
  const points = scene.facts.entryPoints ?? [];
  const point = pointBefore(points, address);
  const owner = symbols?.table.functionAt(address)?.symbol;
  const isSized = owner !== undefined && owner.size > 0;
  const inOwner = point !== undefined && (!isSized || point.address >= owner.address);
  if (inOwner && leavesBehind(point)) return { direction: 'leaving', words: pathInWords(point.path), symbol: point.symbol, specific: true };
  const own = isSized ? points.find((one) => one.kind === 'entry' && one.address === owner.address) : point?.kind === 'entry' ? point : undefined;
  if (own) return { direction: 'entering', words: pathInWords(own.path), symbol: own.symbol, specific: true };
  const name = owner?.name ?? '';
  if (sharedEntryCode.has(name)) return { direction: 'entering', words: pathInWords(name), symbol: name, specific: false };
  if (isSized && !inOwner) return { direction: 'entering', words: undefined, symbol: name, specific: false };
  return point && { direction: 'entering', words: pathInWords(point.path), symbol: point.symbol, specific: false };
}

/** Behind the CR3 write of an exit, or at the instruction that leaves, the shadow CR3 is there by right. */
function leavesBehind(point: EntryPoint): boolean {
  return point.kind === 'exit' || (point.kind === 'cr3' && /^exit_/.test(point.symbol));
}
