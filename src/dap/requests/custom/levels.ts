import { hex } from '../../debuggee.js';
import { RequestError } from '../../errors.js';
import { defineRequest } from '../../request.js';
import { featuresFor, readerFor, rootNamed } from '../../tables.js';
import { entryBits, levelName, listTable } from '../../../paging/index.js';
import type { Level, TableRow } from '../../../paging/index.js';

interface Row {
  label: string;
  description: string;
  kind: 'table' | '2M' | '1G' | 'page' | 'absent-run';
  start: string;
  end: string;
  entry?: string;
  childTable?: string;
  childLevel?: number;
  tooltip?: string;
}

/** The entries of one table of a hierarchy: of the root, or of the table that a row of an earlier answer led to. */
export const levels = defineRequest<
  { root?: string; table?: string; level?: number; base?: string; cpu?: number },
  { rows: Row[] }
>({
  command: 'kaiserscope/levels',
  needs: 'launched',
  handle(adapter, args) {
    const { debuggee } = adapter;
    const cpu = adapter.checkCpu(args.cpu);
    const table = rootNamed(debuggee, cpu, args.table ?? args.root);
    const level = args.level ?? 4;
    if (![1, 2, 3, 4].includes(level)) throw new RequestError(`The level of a table is 1 to 4, not ${String(args.level)}.`);
    const rows = listTable(readerFor(debuggee), level as Level, table, featuresFor(debuggee, cpu), {
      base: BigInt(args.base ?? 0),
    });
    if (!rows) throw new RequestError(`The table at ${hex(table)} is outside RAM (${hex(debuggee.target.ramSize)} bytes).`);
    return { rows: rows.map(row => rowOf(row, level as Level)) };
  },
});

function rowOf(row: TableRow, level: Level): Row {
  const place = { start: hex(row.start), end: hex(row.end) };
  const indexes = row.first === row.last ? `[${row.first}]` : `[${row.first}…${row.last}]`;
  const count = row.last - row.first + 1;
  if (row.kind === 'absent')
    return { ...place, label: indexes, description: `not present${count > 1 ? ` (${count})` : ''}`, kind: 'absent-run' };
  const pages = count > 1 ? `${count} pages from ` : '';
  const details = {
    ...place,
    label: `${indexes} ${hex(row.start)}`,
    entry: hex(row.entry),
    description: `→ ${pages}${hex(row.target)}  ${row.bits}${row.reason ? `  broken: ${row.reason}` : ''}`,
    tooltip: tooltipOf(row, level),
  };
  if (row.kind === 'table') return { ...details, kind: 'table', childTable: hex(row.target), childLevel: level - 1 };
  return { ...details, kind: level === 3 ? '1G' : level === 2 ? '2M' : 'page' };
}

/** Markdown: each set bit with its meaning and the section of the manual. */
function tooltipOf(row: Exclude<TableRow, { kind: 'absent' }>, level: Level): string {
  const set = entryBits.filter(
    bit =>
      bit.kinds.includes(row.entryKind) &&
      ((row.entry >> BigInt(bit.low)) & ((1n << BigInt(bit.high - bit.low + 1)) - 1n)) !== 0n,
  );
  return [
    `**${row.entryKind}** ${row.first} at physical \`${hex(row.entryAddress)}\`: \`${hex(row.entry)}\``,
    [
      '| bit | | SDM Vol. 3A |',
      '|---|---|---|',
      ...set.map(bit => `| ${bit.name} (${bit.low}) | ${bit.text} | ${bit.sdm} |`),
    ].join('\n'),
    ...(row.reason ? [`Nothing can be reached through this ${levelName(level)}: ${row.reason}.`] : []),
  ].join('\n\n');
}
