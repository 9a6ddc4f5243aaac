import type { AddressRange, AddressSpace, LevelRow } from '../protocol.js';
import type { Source } from '../sessionModel.js';
import { type L10n } from '../words.js';
import { foldLong, type Row } from './row.js';

/** Ranges: both tables of a space merged into one list. Levels: each table from its root down. */
export type AddressSpacesAs = 'ranges' | 'levels';

/** The Address spaces view: a row for each pair of kernel and shadow table. */
export async function addressSpaceRows(source: Source, as: AddressSpacesAs, l10n: L10n): Promise<Row[]> {
  const { spaces } = await source.ask('kaiserscope/addressSpaces');
  return spaces.map((space, index) => spaceRow(space, source, as, index === 0 || space.cpus.length > 0, l10n));
}

function spaceRow(space: AddressSpace, source: Source, as: AddressSpacesAs, expanded: boolean, l10n: L10n): Row {
  const id = `space/${space.id}`;
  const cpus = space.cpus.map(({ index, half }) => (half === 'shadow' ? l10n.t('CPU {0} in shadow', index) : l10n.t('CPU {0} in kernel', index)));
  const tables = space.shadowRoot ? l10n.t('kernel {0}, shadow {1}', space.kernelRoot, space.shadowRoot) : l10n.t('table {0}', space.kernelRoot);
  return {
    id, label: space.tasks.join(', ') || l10n.t('no task'), description: [...cpus, tables].join(' · '),
    tooltip: [space.tasks.join(', '), tables, ...cpus].filter(Boolean).join('\n\n'),
    icon: 'layers', value: cpus.join(', ') || l10n.t('on no CPU'), expanded, context: space.shadowRoot ? 'space pair' : 'space',
    roots: { kernel: space.kernelRoot, shadow: space.shadowRoot },
    children: () => (as === 'ranges' ? rangeRows(space, source, id, l10n) : tableRows(space, source, id, l10n)),
  };
}

async function rangeRows(space: AddressSpace, source: Source, id: string, l10n: L10n): Promise<Row[]> {
  const { ranges } = await source.ask('kaiserscope/ranges', { root: space.kernelRoot, other: space.shadowRoot ?? undefined });
  const rows = ranges.map(range => rangeRow(range, space, id, l10n));
  return foldLong(rows, count => l10n.t('Show {0} more', count));
}

function rangeRow(range: AddressRange, space: AddressSpace, id: string, l10n: L10n): Row {
  const where = whereWords(range.where, l10n);
  const user = range.user ? l10n.t('user') : l10n.t('supervisor');
  const poison = range.poison ? l10n.t('poison {0}', range.poison) : '';
  const pair = space.shadowRoot !== null;
  return {
    id: `${id}/${range.start}`, label: shortAddress(range.start),
    // What a narrow side bar cuts off first stands last; where the range is has its badge.
    description: [range.description, `${range.rights} ${user}`, range.description.includes('poison') ? '' : poison, range.size, pair ? where.text : ''].filter(Boolean).join(' · '),
    tooltip: [`\`${range.start}\` – \`${range.end}\``, `${range.size}, ${range.rights}, ${user}`, pair ? where.text : '', poison, range.description]
      .filter(Boolean).join('\n\n'),
    spoken: [range.start, range.size, rightsWords(range.rights, l10n), user, pair ? where.text : '', poison, range.description].filter(Boolean).join(', '),
    icon: range.poison ? 'circle-slash' : range.user ? 'person' : 'shield',
    badge: pair && where.letter ? { letter: where.letter, meaning: where.text } : undefined,
    value: [range.rights, range.where, range.end].join(' '),
    context: 'address', address: range.start, roots: { kernel: space.kernelRoot, shadow: space.shadowRoot },
  };
}

function tableRows(space: AddressSpace, source: Source, id: string, l10n: L10n): Row[] {
  const table = (half: 'kernel' | 'shadow', root: string, label: string): Row => ({
    id: `${id}/${half}`, label, icon: half === 'kernel' ? 'eye' : 'eye-closed', expanded: true, context: 'table',
    description: [root, space.cpus.filter(cpu => cpu.half === half).map(cpu => l10n.t('CPU {0}', cpu.index)).join(', ')].filter(Boolean).join(' · '),
    children: () => levelRows({ root }, source, `${id}/${half}`, l10n),
  });
  return [
    table('kernel', space.kernelRoot, l10n.t('Kernel table')),
    ...(space.shadowRoot ? [table('shadow', space.shadowRoot, l10n.t('Shadow table'))] : []),
  ];
}

const levelIcons: Record<LevelRow['kind'], string> = {
  'table': 'list-tree', '1G': 'package', '2M': 'package', 'page': 'file', 'absent-run': 'dash',
};

async function levelRows(at: { root: string; table?: string; level?: number; base?: string }, source: Source, id: string, l10n: L10n): Promise<Row[]> {
  const { rows } = await source.ask('kaiserscope/levels', at);
  return foldLong(rows.map(row => {
    const rowId = `${id}/${row.start}`;
    const child = row.childTable === undefined ? undefined
      : { root: at.root, table: row.childTable, level: row.childLevel, base: row.start };
    return {
      id: rowId, label: row.label, description: row.description, tooltip: row.tooltip, icon: levelIcons[row.kind] ?? 'question',
      value: row.entry, spoken: `${row.label}, ${row.description}`,
      context: row.kind === 'absent-run' ? undefined : 'address', address: row.start, roots: { kernel: at.root, shadow: null },
      children: child && (() => levelRows(child, source, rowId, l10n)),
    };
  }), count => l10n.t('Show {0} more', count));
}

function whereWords(where: AddressRange['where'], l10n: L10n): { letter?: string; text: string } {
  switch (where) {
    case 'both': return { text: l10n.t('in both') };
    case 'kernel': return { letter: 'K', text: l10n.t('kernel only') };
    case 'shadow': return { letter: 'S', text: l10n.t('shadow only') };
    case 'differs': return { letter: '≠', text: l10n.t('differs') };
  }
}

/** The letters of `rw-`, said. */
function rightsWords(rights: string, l10n: L10n): string {
  return [
    rights.includes('w') ? l10n.t('writable') : l10n.t('read only'),
    rights.includes('x') ? l10n.t('executable') : l10n.t('no execute'),
  ].join(', ');
}

/** An address without the leading zeros that a side bar has no room for. */
function shortAddress(address: string): string {
  return address.replace(/^0x0+(?=.)/, '0x');
}
