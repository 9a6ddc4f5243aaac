/** Joins path parts: a later absolute part replaces the earlier ones; `.` and `..` are resolved by text. */
export function joinPath(...parts: string[]): string {
  let joined = '';
  for (const raw of parts) {
    const part = raw.replaceAll('\\', '/');
    if (part === '') continue;
    joined = isAbsolute(part) || joined === '' ? part : `${joined}/${part}`;
  }
  const root = joined.startsWith('/') ? '/' : '';
  const kept: string[] = [];
  for (const piece of joined.split('/')) {
    if (piece === '' || piece === '.') continue;
    if (piece === '..' && kept.length > 0 && kept[kept.length - 1] !== '..') kept.pop();
    else if (piece !== '..' || root === '') kept.push(piece);
  }
  return root + kept.join('/');
}

function isAbsolute(path: string): boolean {
  return path.startsWith('/') || /^[A-Za-z]:\//.test(path);
}

/**
 * The names that match a path, by index: those whose trailing components agree with it the longest. All components of
 * the shorter path must agree, so the absolute path of an editor finds the relative name of a reproducible build and
 * the other way round; or at least two, so a tree built elsewhere is found as well.
 */
export function matchPath(path: string, names: readonly string[], isWanted: (index: number) => boolean): number[] {
  const wanted = splitPath(path);
  let best: number[] = [];
  let bestScore = 0;
  names.forEach((name, index) => {
    if (!isWanted(index)) return;
    const parts = splitPath(name);
    const shared = sharedSuffix(wanted, parts);
    if (shared === 0 || (shared < 2 && shared < Math.min(wanted.length, parts.length))) return;
    // The very same name is better than any suffix.
    const score = shared * 2 + (shared === wanted.length && shared === parts.length ? 1 : 0);
    if (score > bestScore) {
      bestScore = score;
      best = [index];
    } else if (score === bestScore) best.push(index);
  });
  return best;
}

function splitPath(path: string): string[] {
  return path.replaceAll('\\', '/').split('/').filter((part) => part !== '' && part !== '.');
}

function sharedSuffix(a: string[], b: string[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[a.length - 1 - length] === b[b.length - 1 - length]) length++;
  return length;
}
