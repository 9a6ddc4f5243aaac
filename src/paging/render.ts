import { describeEntry, type Level, levelName, type PagingFeatures } from './bits.js';
import type { PageAttributes } from './attributes.js';
import { type DiffRange, diffTables } from './diff.js';
import { readWord, type PhysicalReader } from './physical.js';
import { linearAddress, listRanges, type PageRange } from './ranges.js';
import { checkAccess, levels, type Walk } from './walk.js';

/** A name for the addresses from `start` on, shown as a section line before the first range in it. */
export interface Marker {
  start: bigint;
  name: string;
}

/** The layout that x86-64 Linux and the guest kernel share (Documentation/arch/x86/x86_64/mm.rst). */
export const defaultMarkers: readonly Marker[] = [
  { start: 0n, name: 'User space' },
  { start: 0xffff_8000_0000_0000n, name: 'Kernel space' },
  { start: 0xffff_8880_0000_0000n, name: 'Direct map of physical memory' },
  { start: 0xffff_c900_0000_0000n, name: 'vmalloc area' },
  { start: 0xffff_fe00_0000_0000n, name: 'cpu_entry_area' },
  { start: 0xffff_ff00_0000_0000n, name: 'espfix' },
  { start: 0xffff_ffff_8000_0000n, name: 'Kernel image' },
  { start: 0xffff_ffff_ff60_0000n, name: 'vsyscall and above' },
];

export interface RenderOptions {
  /** The first line, for example the CR3 in words. */
  title?: string;
  markers?: readonly Marker[];
  features: PagingFeatures;
}

const hex16 = (value: bigint): string => `0x${BigInt.asUintN(64, value).toString(16).padStart(16, '0')}`;

/** `12K`, `2M`, `1G`: the largest unit that divides the size, as ptdump prints it. */
export function sizeText(bytes: number): string {
  const units = ['K', 'M', 'G', 'T'];
  let value = bytes / 1024;
  let unit = 0;
  while (unit < units.length - 1 && value % 1024 === 0) {
    value /= 1024;
    unit++;
  }
  return `${value}${units[unit]}`;
}

/** The columns of Linux's page-table dump: USR, RW or ro, PWT, PCD, PSE, PAT, GLB, NX or x, level. Rights are the effective ones. */
export function attributeColumns(attributes: PageAttributes): string {
  if (attributes.broken) return `${levelName(attributes.level)}: ${attributes.broken}`;
  const { rights } = attributes;
  const columns = [
    rights.user ? 'USR' : '   ', rights.write ? 'RW ' : 'ro ', attributes.writeThrough ? 'PWT' : '   ', attributes.cacheDisable ? 'PCD' : '   ',
    attributes.level > 1 ? 'PSE' : '   ', attributes.pat ? 'PAT' : '   ', rights.global ? 'GLB' : '   ', rights.execute ? 'x ' : 'NX',
    ['pte', 'pmd', 'pud', 'pgd'][attributes.level - 1]!,
  ];
  return columns.join(' ');
}

/** The rights that only upper levels take away, which a dump of leaf flags would hide. Empty where there are none. */
export function inheritedLimits(attributes: PageAttributes, poisoned: boolean): string {
  if (attributes.broken) return '';
  const parts: string[] = [];
  const add = (name: string, list: readonly Level[]): void => {
    if (list.length > 0 && !list.includes(attributes.level)) parts.push(`${name} by ${levels(list)}`);
  };
  add('supervisor', attributes.limits.user);
  add('ro', attributes.limits.write);
  add('NX', attributes.limits.execute);
  const text = parts.join(', ');
  return poisoned ? `${text || 'NX by PML4E too'} (poison)` : text;
}

function rangeLine(range: { start: bigint; end: bigint; size: number }, columns: string): string {
  return `${hex16(range.start)}-${hex16(range.end)} ${sizeText(range.size).padStart(10)} ${columns}`.trimEnd();
}

class Sections {
  private next = 0;
  constructor(private readonly markers: readonly Marker[]) {}

  /** The section lines due before a range. Sections without any range are left out. */
  before(start: bigint): string[] {
    let name: string | undefined;
    while (this.next < this.markers.length && this.markers[this.next]!.start <= start) name = this.markers[this.next++]!.name;
    return name === undefined ? [] : [`---[ ${name} ]---`];
  }
}

/** The present top-level entries, one a line: there the halves of a pair differ and the poison sits. */
export function renderTopLevel(reader: PhysicalReader, root: number): string[] {
  const lines: string[] = [];
  for (let index = 0; index < 512; index++) {
    const entry = readWord(reader, root + index * 8);
    if (entry === undefined) return [`root at physical 0x${root.toString(16)} is outside RAM`];
    if (!(entry & 1n)) continue;
    const poison = index < 256 && (entry & 4n) !== 0n && entry >> 63n !== 0n ? '   <- poison: user code may not run on this half' : '';
    lines.push(`PML4E ${String(index).padStart(3)}  ${hex16(linearAddress(index * 2 ** 39))}  ${hex16(entry)}  ${describeEntry(4, entry)}${poison}`);
  }
  return lines;
}

/** One table as text, in the manner of Linux's debugfs page_tables files, with the restrictions of upper levels added. */
export function renderTable(reader: PhysicalReader, root: number, options: RenderOptions): string {
  const { ranges, tables, truncated } = listRanges(reader, root, options.features);
  const lines: string[] = [];
  if (options.title) lines.push(options.title);
  lines.push(`${ranges.length} ranges in ${tables} table pages`, '', ...renderTopLevel(reader, root), '');
  const sections = new Sections(options.markers ?? defaultMarkers);
  for (const range of ranges) lines.push(...sections.before(range.start), renderRange(range));
  if (ranges.length === 0) lines.push('The table maps nothing.');
  if (truncated) lines.push(`The walk stopped after ${tables} table pages: the tables refer to each other in a circle or are garbage. The list is not complete.`);
  return `${lines.join('\n')}\n`;
}

/** One range as one line. */
export function renderRange(range: PageRange): string {
  const inherited = inheritedLimits(range, range.poisoned);
  return rangeLine(range, `${attributeColumns(range)}${inherited ? `   ${inherited}` : ''}`);
}

/** How two tables compare, as text: `K` kernel half only, `S` shadow half only, `=` both, `≠` differs. */
export function renderDiff(reader: PhysicalReader, kernelRoot: number, shadowRoot: number, options: RenderOptions): string {
  const { ranges, truncated, tables } = diffTables(reader, kernelRoot, shadowRoot, options.features);
  const lines = options.title ? [options.title, ''] : [];
  const sections = new Sections(options.markers ?? defaultMarkers);
  for (const range of ranges) lines.push(...sections.before(range.start), renderDiffRange(range));
  if (truncated) lines.push(`The walk stopped after ${tables} table pages: the list is not complete.`);
  return `${lines.join('\n')}\n`;
}

/** One compared range as one line. */
export function renderDiffRange(range: DiffRange): string {
  const badge = { both: '=', 'kernel only': 'K', 'shadow only': 'S', differs: '≠' }[range.where];
  const columns = attributeColumns((range.kernel ?? range.shadow)!);
  const notes: string[] = [];
  if (range.where === 'differs') notes.push(`differs in ${range.differences.join(', ')}; shadow: ${attributeColumns(range.shadow!).replaceAll(/ +/g, ' ').trim()}`);
  if (range.poisoned) notes.push('poison in the kernel half');
  return `${badge} ${rangeLine(range, columns)}${notes.length > 0 ? `   ${notes.join('; ')}` : ''}`;
}

/** A walk as text: a line for each level, the result, and what user mode and the kernel may do there. */
export function renderWalk(walked: Walk, features: PagingFeatures): string {
  const lines = [`${hex16(walked.address)} from the root at physical 0x${walked.root.toString(16)}`];
  for (const step of walked.steps) {
    lines.push(`  ${levelName(step.level).padEnd(5)} ${String(step.index).padStart(3)}  at 0x${step.entryAddress.toString(16).padStart(9, '0')}  ${hex16(step.entry)}  ${step.bits}`);
  }
  const { result } = walked;
  if (result.kind !== 'mapped') lines.push(`  ${result.kind}: ${result.text}`);
  else {
    lines.push(`  maps to physical 0x${result.physical.toString(16)} in a page of ${sizeText(result.pageSize)}${result.rights.global ? ', global' : ''}`);
    for (const [who, cpl] of [['user mode', 3], ['the kernel', 0]] as const) {
      const parts = (['read', 'write', 'execute'] as const).map((kind) => {
        const check = checkAccess(walked, { kind, cpl }, features);
        return check.allowed ? `${kind}: yes` : `${kind}: no (${check.text})`;
      });
      lines.push(`  ${who}: ${parts.join('; ')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
