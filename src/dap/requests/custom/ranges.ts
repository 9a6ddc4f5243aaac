import { hex } from '../../debuggee.js';
import { defineRequest } from '../../request.js';
import { featuresFor, readerFor, rootNamed } from '../../tables.js';
import { defaultMarkers, diffTables, inheritedLimits, levelName, listRanges, sizeText } from '../../../paging/index.js';
import type { PageAttributes } from '../../../paging/index.js';

interface Range {
  start: string;
  end: string;
  size: string;
  level: string;
  rights: string;
  user: boolean;
  present: boolean;
  where: 'both' | 'kernel' | 'shadow' | 'differs';
  poison?: string;
  description: string;
}

/** What one table maps, or how two tables of a pair compare, as merged ranges. */
export const ranges = defineRequest<{ root?: string; other?: string; cpu?: number }, { ranges: Range[] }>({
  command: 'kaiserscope/ranges',
  needs: 'launched',
  handle(adapter, args) {
    const { debuggee } = adapter;
    const cpu = adapter.checkCpu(args.cpu);
    const root = rootNamed(debuggee, cpu, args.root);
    const reader = readerFor(debuggee);
    const features = featuresFor(debuggee, cpu);
    const common = (
      range: { start: bigint; end: bigint; size: number },
      attributes: PageAttributes,
      poisoned: boolean,
    ): Omit<Range, 'where' | 'description'> => ({
      start: hex(range.start),
      end: hex(range.end),
      size: words(range.size),
      level: levelName(attributes.level),
      rights: rightsOf(attributes),
      user: attributes.rights.user,
      present: true,
      ...(poisoned ? { poison: 'NX in the PML4E' } : {}),
    });
    if (args.other === undefined) {
      return {
        ranges: listRanges(reader, root, features).ranges.map(range => ({
          ...common(range, range, range.poisoned),
          where: 'both',
          description: [sectionOf(range.start), notesOf(range, range.poisoned)].filter(Boolean).join(', '),
        })),
      };
    }
    const where = { 'both': 'both', 'kernel only': 'kernel', 'shadow only': 'shadow', 'differs': 'differs' } as const;
    return {
      ranges: diffTables(reader, root, rootNamed(debuggee, cpu, args.other), features).ranges.map(range => {
        const attributes = (range.kernel ?? range.shadow)!;
        const differs =
          range.where === 'differs' ? `differs in ${range.differences.join(', ')} (shadow ${rightsOf(range.shadow!)})` : '';
        return {
          ...common(range, attributes, range.poisoned),
          where: where[range.where],
          description: [sectionOf(range.start), differs, notesOf(attributes, range.poisoned)].filter(Boolean).join(', '),
        };
      }),
    };
  },
});

/** `rwx` with a dash for what is not allowed; `global` is told in the description. */
function rightsOf({ rights, broken }: PageAttributes): string {
  return broken ? '---' : `r${rights.write ? 'w' : '-'}${rights.execute ? 'x' : '-'}`;
}

function notesOf(attributes: PageAttributes, poisoned: boolean): string {
  if (attributes.broken) return `unreachable: ${attributes.broken}`;
  return [attributes.rights.global ? 'global' : '', inheritedLimits(attributes, poisoned)].filter(Boolean).join(', ');
}

function sectionOf(start: bigint): string {
  return defaultMarkers.findLast(marker => marker.start <= start)?.name ?? '';
}

/** `12 KiB`. */
function words(bytes: number): string {
  const text = sizeText(bytes);
  return `${text.slice(0, -1)} ${text.slice(-1)}iB`;
}
