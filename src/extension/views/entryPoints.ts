import type { EntryPoint, EntryPointsReply } from '../protocol.js';
import { grouped, type L10n } from '../words.js';
import type { Row } from './row.js';

const icons: Record<EntryPoint['kind'], string> = { entry: 'sign-in', cr3: 'arrow-swap', exit: 'sign-out' };

/** What a point is, in a word or two. */
export function kindWords(kind: EntryPoint['kind'], l10n: L10n): string {
  switch (kind) {
    case 'entry': return l10n.t('entry');
    case 'cr3': return l10n.t('CR3 switch');
    case 'exit': return l10n.t('exit');
  }
}

/** How entry code decides about a write to CR3. */
function asksWords(asks: NonNullable<EntryPoint['asks']>, l10n: L10n): string {
  switch (asks) {
    case 'flag': return l10n.t('tests the flag');
    case 'cpu word': return l10n.t('tests the CPU’s word');
    case 'user GS': return l10n.t('tests a word of user mode’s GS');
    case 'switches': return l10n.t('patched to switch');
    case 'skips': return l10n.t('patched to skip');
    case 'by CR3': return l10n.t('goes by CR3');
    case 'trap': return l10n.t('INT3, being patched');
    case 'ignores CR3':
    case 'unknown': return '';
  }
}

/** The Entry points view: the points of each path, with a check box that is the point's breakpoint. */
export function entryPointRows({ points }: EntryPointsReply, isSet: (symbol: string) => boolean, l10n: L10n): Row[] {
  const paths = new Map<string, EntryPoint[]>();
  for (const point of points) paths.set(point.path, [...(paths.get(point.path) ?? []), point]);
  return [...paths].map(([path, members]) => {
    const rows = members.map(point => pointRow(point, isSet(point.symbol), l10n));
    if (rows.length === 1) return rows[0]!;
    const set = rows.filter(row => row.checked).length;
    return {
      id: `path/${path}`, label: path, icon: 'git-merge', expanded: true,
      description: set === 0 ? '' : set === 1 ? l10n.t('1 breakpoint') : l10n.t('{0} breakpoints', set),
      children: () => rows,
    };
  });
}

function pointRow(point: EntryPoint, checked: boolean, l10n: L10n): Row {
  const kind = kindWords(point.kind, l10n);
  const asks = point.asks ? asksWords(point.asks, l10n) : '';
  const hits = point.hits === undefined ? '' : point.hits === 1 ? l10n.t('1 pass') : l10n.t('{0} passes', grouped(point.hits));
  return {
    id: `point/${point.id}`, label: point.symbol, description: [kind, asks, hits].filter(Boolean).join(' · '),
    tooltip: [point.symbol, point.path, kind, asks, point.address, hits].filter(Boolean).join(' · '),
    icon: icons[point.kind], checked, context: 'point address', address: point.address,
    spoken: [point.symbol, kind, asks, hits].filter(Boolean).join(', '),
  };
}
