/** The guest's groups of tests, in the order of guest/main.c: bit n of its parameter runs group n. */
export const GROUPS = [
  'page rights', 'reserved bits', 'canonical addresses', 'control registers', 'MSRs', 'PCID', 'SYSCALL and SYSRET', 'far transfers', 'event delivery',
  'double faults', 'segment loads', 'segment bases', 'NMI blocking', 'privileges', 'random segment loads', 'random far transfers',
  'debug registers', 'protection keys', 'call gates', 'alignment checks', 'vector units', 'shutdown',
] as const;
export type Group = typeof GROUPS[number];

/** The groups' bits. */
export function groupMask(groups: readonly Group[]): number { return groups.reduce((mask, name) => mask | 1 << GROUPS.indexOf(name), 0); }

/**
 * The cases of each group in the guest's output: a line each, with the indented lines that follow it.
 * Throws if the output does not reach END: a part that is missing must not pass for equal.
 */
export function casesByGroup(output: string): Map<string, string[]> {
  const begin = output.indexOf('BEGIN\n'), end = output.indexOf('\nEND\n');
  if (begin < 0 || end < 0) throw new Error(`The guest ${begin < 0 ? 'printed nothing' : 'did not come to its end'}. The last of its output:\n${output.slice(-400)}`);
  const result = new Map<string, string[]>();
  let cases: string[] = [];
  for (const line of output.slice(begin + 6, end).split('\n')) {
    if (line.startsWith('GROUP ')) result.set(line.slice(6), cases = []);
    else if (line.startsWith('  ') && cases.length > 0) cases[cases.length - 1] += line;
    else cases.push(line);
  }
  return result;
}
