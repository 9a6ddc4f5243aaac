import { type Costs, configurations } from './measure.js';
import { published } from './published.js';

/** The clock for which rates are told. */
export const NOMINAL_HZ = 3e9;

/** A table as rows of cells; the first row is its head. */
export type Table = readonly (readonly string[])[];

const titles = configurations.map(one => one.title);
const ratio = (value: number): string => value.toFixed(2);
const percent = (part: number): string => `${(part * 100).toFixed(part < 0.1 ? 2 : part < 1 ? 1 : 0)} %`;
const thousands = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');

/** Cycles of a system call and of a fault, and what they are to those with KAISER off. */
export function eventTable({ syscall, fault }: Costs): Table {
  return [
    ['KAISER', 'system call', 'to off', 'page fault', 'to off', 'more a fault'],
    ...titles.map((title, n) => [title, thousands(syscall[n]!), ratio(syscall[n]! / syscall[0]!), thousands(fault[n]!), ratio(fault[n]! / fault[0]!), n ? thousands(fault[n]! - fault[0]!) : '']),
  ];
}

/** Overhead by rate and working set. */
export function overheadTable({ points }: Costs): Table {
  return [
    ['pages', 'cycles between calls', 'calls a second at 3 GHz', ...titles.slice(1)],
    ...points.map(({ pages, cycles, overhead }) => [String(pages), thousands(cycles), thousands(Number((NOMINAL_HZ / cycles).toPrecision(2))), ...overhead.map(percent)]),
  ];
}

/** The measured ratios beside those that have been published. */
export function comparison({ syscall }: Costs): Table {
  const [off, pcid, , nopcid] = syscall as [number, number, number, number];
  const line = (what: string, unit: string, a: number, b?: number, c?: number) => [
    what, `${thousands(a)} ${unit}`, b === undefined ? '' : `${ratio(b / a)} (+${thousands(b - a)} ${unit})`, c === undefined ? '' : `${ratio(c / a)} (+${thousands(c - a)} ${unit})`,
  ];
  return [['system call', 'off', 'on, PCID', 'on, no PCID'], line('this machine', 'cycles', off, pcid, nopcid), ...published.map(one => line(one.what, one.unit, one.off, one.pcid, one.nopcid))];
}

/** A table for the console: columns as wide as they must be, figures flush right. */
export function consoleTable(table: Table): string {
  const widths = table[0]!.map((_, column) => Math.max(...table.map(row => row[column]!.length)));
  return table.map(row => row.map((cell, column) => column ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)).join('  ').trimEnd()).join('\n') + '\n';
}

/** The same as Markdown. */
export function markdownTable([head, ...rows]: Table): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  return [line(head!), line(head!.map((_, column) => column ? '---:' : '---')), ...rows.map(line)].join('\n');
}
