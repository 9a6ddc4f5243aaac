import type { SymbolInfo, Symbols } from '../symbols/index.js';

/** A place where the CPU enters the kernel, changes CR3 on the way, or leaves to where it came from. */
export interface EntryPoint {
  /** Stable name, the symbol with the offset if it has one. */
  id: string;
  /** What the path is for: `syscall64`, `page_fault`, ... Points of one path belong together. */
  path: string;
  kind: 'entry' | 'cr3' | 'exit';
  symbol: string;
  address: bigint;
}

interface KnownName {
  pattern: RegExp;
  kind: EntryPoint['kind'];
  /** The path, or `$1` for what the pattern caught. */
  path: string;
}

/** Names in the order in which they are tried: those of the built-in kernel, then Linux's of 4.14 to 6.x. */
const knownNames: readonly KnownName[] = [
  { pattern: /^(?:entry|exit)_(\w+)_cr3$/, kind: 'cr3', path: '$1' },
  { pattern: /^entry_SYSCALL_64(?:_trampoline|_stage2)?$/, kind: 'entry', path: 'syscall64' },
  { pattern: /^entry_SYSCALL_compat$/, kind: 'entry', path: 'syscall32' },
  { pattern: /^entry_SYSENTER_compat$/, kind: 'entry', path: 'sysenter' },
  { pattern: /^(?:entry_INT80_compat|asm_int80_emulation|int80_emulation)$/, kind: 'entry', path: 'int80' },
  { pattern: /^asm_exc_(\w+)$/, kind: 'entry', path: '$1' },
  { pattern: /^asm_sysvec_(\w+)$/, kind: 'entry', path: '$1' },
  { pattern: /^(?:asm_common_interrupt|common_interrupt|irq_entries_start)$/, kind: 'entry', path: 'interrupt' },
  { pattern: /^(apic_timer_interrupt|reschedule_interrupt|call_function_interrupt|call_function_single_interrupt)$/, kind: 'entry', path: '$1' },
  { pattern: /^(page_fault|general_protection|divide_error|invalid_op|double_fault|nmi|machine_check|int3|debug|stack_segment|xen_nmi)$/, kind: 'entry', path: '$1' },
  { pattern: /^entry_(\w+)$/, kind: 'entry', path: '$1' },
  { pattern: /^exit_sysret$/, kind: 'exit', path: 'sysret' },
  { pattern: /^exit_(\w+)$/, kind: 'exit', path: '$1' },
  { pattern: /^(?:swapgs_restore_regs_and_return_to_usermode)$/, kind: 'exit', path: 'return to user mode' },
  { pattern: /^(?:restore_regs_and_return_to_kernel)$/, kind: 'exit', path: 'return to kernel' },
  { pattern: /^(?:native_irq_return_iret|native_iret)$/, kind: 'exit', path: 'iret' },
  { pattern: /^(?:syscall_return_via_sysret|entry_SYSRETQ_unsafe_stack)$/, kind: 'exit', path: 'sysret' },
  { pattern: /^ret_from_fork(?:_asm)?$/, kind: 'exit', path: 'ret_from_fork' },
];

/** Names that the general patterns would catch, but that are no instructions of a path. */
const notPoints = /^entry_(?:text|stack|area|ibpb|untrain_ret)|_(?:start|end|begin|stack|stacks)$/;

/** Order of display: paths from user mode by how common they are; the rest by name. */
const pathOrder = ['syscall64', 'sysenter', 'syscall32', 'int80', 'page_fault', 'timer', 'ipi_tlb', 'ipi_resched', 'ipi_call', 'ipi_stop', 'interrupt', 'spurious',
  'general_protection', 'invalid_opcode', 'divide_error', 'overflow', 'bound_range', 'device_not_available', 'invalid_tss', 'segment_not_present', 'stack_segment',
  'x87', 'alignment_check', 'simd', 'breakpoint', 'debug', 'nmi', 'double_fault', 'machine_check', 'error', 'irq', 'paranoid', 'ret_from_fork', 'sysret', 'sysret32',
  'iret', 'iret_user', 'iret_kernel', 'iret_espfix', 'nmi_espfix', 'espfix_kernel', 'espfix_user'];

const kindOrder = ['entry', 'cr3', 'exit'];

/**
 * Every entry and exit point that the symbols of a kernel name, grouped by path. Names count only inside the entry text
 * where the image marks it (__entry_text_start to __entry_text_end), else in any code. Where no symbol marks the writes
 * of CR3, the entry text is searched for the instruction itself.
 */
export function findEntryPoints(symbols: Symbols): EntryPoint[] {
  const text = entryText(symbols);
  const points: EntryPoint[] = [];
  const seen = new Set<string>();
  for (const symbol of symbols.table.all()) {
    if (text ? symbol.address < text.start || symbol.address >= text.end : !isCode(symbols, symbol)) continue;
    const point = pointOf(symbol);
    // Kernels name parts of their exit code likewise; what counts is the instruction that leaves.
    if (point?.kind === 'exit' && /^exit_/.test(point.symbol) && !leaves(symbols, point.address)) continue;
    if (!point || seen.has(`${point.kind} ${point.address}`)) continue;
    seen.add(`${point.kind} ${point.address}`);
    points.push(point);
  }
  if (text && !points.some((point) => point.kind === 'cr3')) points.push(...writesOfCr3(symbols, text, points));
  return points.sort((a, b) => rank(a.path) - rank(b.path) || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)
    || kindOrder.indexOf(a.kind) - kindOrder.indexOf(b.kind) || (a.address < b.address ? -1 : 1));
}

/** The extent of the entry text, where the image marks it. */
export function entryText(symbols: Symbols): { start: bigint; end: bigint } | undefined {
  const start = symbols.table.addressOf('__entry_text_start');
  const end = symbols.table.addressOf('__entry_text_end');
  return start !== undefined && end !== undefined && end > start ? { start, end } : undefined;
}

/** The nearest point at or before an address: in straight entry code, the one that the address belongs to. */
export function pointBefore(points: readonly EntryPoint[], address: bigint): EntryPoint | undefined {
  let best: EntryPoint | undefined;
  for (const point of points) if (point.address <= address && (!best || point.address > best.address)) best = point;
  return best;
}

function rank(path: string): number {
  const at = pathOrder.indexOf(path);
  return at < 0 ? pathOrder.length : at;
}

function pointOf(symbol: SymbolInfo): EntryPoint | undefined {
  if (symbol.kind === 'object' || notPoints.test(symbol.name)) return undefined;
  for (const known of knownNames) {
    const match = known.pattern.exec(symbol.name);
    if (!match) continue;
    const path = known.path.replace('$1', match[1] ?? '');
    return { id: symbol.name, path, kind: known.kind, symbol: symbol.name, address: symbol.address };
  }
  return undefined;
}

/** Whether the instruction at an address is SYSRET, SYSEXIT or IRET, with or without REX.W. */
function leaves(symbols: Symbols, address: bigint): boolean {
  const code = symbols.bytesAt(address, 3);
  if (!code) return false;
  const at = code[0] === 0x48 ? 1 : 0;
  return code[at] === 0xcf || (code[at] === 0x0f && (code[at + 1] === 0x07 || code[at + 1] === 0x35));
}

function isCode(symbols: Symbols, symbol: SymbolInfo): boolean {
  const section = symbols.image.sections.find((one) => one.name === symbol.section);
  return section !== undefined && (section.flags & 4) !== 0;
}

/** MOV to CR3 is 0f 22 with a ModRM of d8 to df (SDM Vol. 2B, MOV to/from control registers). */
function writesOfCr3(symbols: Symbols, text: { start: bigint; end: bigint }, points: readonly EntryPoint[]): EntryPoint[] {
  const size = Number(text.end - text.start);
  const code = symbols.bytesAt(text.start, size);
  const found: EntryPoint[] = [];
  for (let at = 0; code && at + 3 <= size; at++) {
    if (code[at] !== 0x0f || code[at + 1] !== 0x22 || (code[at + 2]! & 0xf8) !== 0xd8) continue;
    const address = text.start + BigInt(at);
    const symbol = symbols.table.format(address) ?? `0x${address.toString(16)}`;
    found.push({ id: `cr3 ${symbol}`, path: pointBefore(points, address)?.path ?? 'other', kind: 'cr3', symbol, address });
  }
  return found;
}

/** A path in words, for sentences such as `entered from user mode by the timer interrupt`. */
export function pathInWords(path: string): string {
  return words[path] ?? path.replaceAll('_', ' ');
}

/** Code that several paths share, by the name of its function: it tells only what sort of entry it was. */
export const sharedEntryCode: ReadonlySet<string> = new Set(['irq_entry', 'error_entry', 'paranoid_entry']);

const words: Readonly<Record<string, string>> = {
  syscall64: 'SYSCALL', syscall32: '32-bit SYSCALL', sysenter: 'SYSENTER', int80: 'INT 0x80', page_fault: 'a page fault', general_protection: 'a general-protection fault',
  divide_error: 'a divide error', invalid_opcode: 'an invalid opcode', invalid_op: 'an invalid opcode', timer: 'the timer interrupt', apic_timer_interrupt: 'the timer interrupt',
  irq_entry: 'an interrupt', ipi_tlb: 'a TLB shootdown interrupt', ipi_resched: 'a reschedule interrupt', ipi_stop: 'a stop interrupt', nmi: 'an NMI', double_fault: 'a double fault', debug: 'a debug exception',
  breakpoint: 'a breakpoint', int3: 'a breakpoint', machine_check: 'a machine check', error: 'an exception', error_entry: 'an exception', irq: 'an interrupt', interrupt: 'an interrupt',
  paranoid: 'a paranoid entry', paranoid_entry: 'a paranoid entry', ipi_call: 'a function-call interrupt', sysret32: 'SYSRET to 32-bit code',
  espfix_kernel: 'the espfix path', espfix_user: 'the espfix path', syscall64_plain: 'SYSCALL without a switch',
};
