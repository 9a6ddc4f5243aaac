/**
 * A row of a view, free of the editor: the same rows make the tree and its text twin. Ids name a place (a CPU, a range's
 * start), never a value, so that the editor keeps what is expanded and selected over a step.
 */
export interface Row {
  id: string;
  label: string;
  description?: string;
  /** Markdown. */
  tooltip?: string;
  /** Name of a codicon. */
  icon: string;
  /** Id of a theme colour for the icon; what it says stands in words too. */
  iconColor?: string;
  /** What a screen reader says, when label and description do not read well. */
  spoken?: string;
  /** Words for `viewItem` in the manifest's menus. */
  context?: string;
  /** A check box and its state. */
  checked?: boolean;
  /** The value to compare with that of the stop before; a change is marked. Without it nothing is marked. */
  value?: string;
  /** One letter that the editor draws at the right edge, and what it means. */
  badge?: { letter: string; meaning: string };
  expanded?: boolean;
  /** The address that commands on the row take. */
  address?: string;
  /** The CPU that commands on the row take. */
  cpu?: number;
  /** The page-table root in which `address` counts, and its counterpart. */
  roots?: { kernel: string; shadow: string | null };
  children?: () => Row[] | Promise<Row[]>;
}

/** Depth to which a text twin follows children: a space, its half, four levels of tables, and rests that are folded. */
const deepest = 8;

/** The rows as indented lines, children included: a view's text twin. */
export async function rowsToText(rows: readonly Row[], depth = 0): Promise<string> {
  const parts: string[] = [];
  for (const row of rows) {
    const box = row.checked === undefined ? '' : row.checked ? '[x] ' : '[ ] ';
    parts.push(`${'  '.repeat(depth)}${box}${row.label}${row.description ? `  ${row.description}` : ''}\n`);
    if (row.children && depth < deepest) parts.push(await rowsToText(await row.children(), depth + 1));
  }
  return parts.join('');
}

/** Folds a long list: the first `size` rows, and one row that holds the rest, folded likewise. */
export function foldLong(rows: Row[], more: (count: number) => string, size = 64): Row[] {
  // A rest of a few rows is shown at once rather than behind a row of its own.
  if (rows.length <= size + 8) return rows;
  const rest = rows.slice(size);
  return [...rows.slice(0, size), {
    id: `${rest[0]!.id}/more`, label: more(rest.length), icon: 'ellipsis', children: () => foldLong(rest, more, size),
  }];
}
