/** One measurement of a benchmark: ours, and QEMU's where there is one, in the benchmark's unit. */
export interface Sample { ours: number; qemu?: number; }

/** How long benchmarks take: 1 is the full length, less is shorter and less exact. */
export interface Effort { scale: number; }

/** A row of the table. */
export interface Benchmark {
  id: string;
  /** What is done. */
  work: string;
  /** Of the figures, such as `ns a call`. */
  unit: string;
  /** Whether less or more of the unit is better. */
  better: 'less' | 'more';
  /** What is asked for, in words. Rows without one are there for orientation. */
  target?: string;
  /** Whether it is met, by the medians; `ratio` is by how many times ours is better than QEMU's. */
  met?(ours: number, ratio: number | undefined): boolean;
  /** Measures once. Ours and QEMU's are taken one after the other, so that both see the same host. */
  measure(effort: Effort): Sample | Promise<Sample>;
  /** At most so many rounds, for what takes long or does not vary. */
  rounds?: number;
}

/** A finished row. */
export interface Row { benchmark: Benchmark; ours: number; qemu?: number; ratio?: number; samples: Sample[]; failed?: string; }

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Medians over rounds; the ratio is the median of each round's ratio, not the ratio of medians. */
export function summarize(benchmark: Benchmark, samples: Sample[]): Row {
  const qemu = samples.every(s => s.qemu !== undefined) ? samples.map(s => s.qemu!) : undefined;
  const ratios = qemu && samples.map(s => benchmark.better === 'less' ? s.qemu! / s.ours : s.ours / s.qemu!);
  return { benchmark, samples, ours: median(samples.map(s => s.ours)), qemu: qemu && median(qemu), ratio: ratios && median(ratios) };
}

export function verdict({ benchmark, ours, ratio, failed }: Row): string {
  if (failed) return 'failed';
  if (!benchmark.met) return '';
  return benchmark.met(ours, ratio) ? 'ok' : 'missed';
}

/** Three digits that count. */
export function figure(value: number | undefined): string {
  if (value === undefined) return '';
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

/** The rows as a table of Markdown, which docs/performance.md takes over as it is. */
export function markdown(rows: readonly Row[]): string {
  const lines = rows.map(row => [row.benchmark.work, row.benchmark.unit, row.failed ?? figure(row.ours), figure(row.qemu), figure(row.ratio), row.benchmark.target ?? '', verdict(row)]);
  const table = [['work', 'unit', 'ours', 'QEMU', 'times as good', 'target', ''], ...lines];
  const widths = table[0]!.map((_, column) => Math.max(3, ...table.map(line => line[column]!.length)));
  const text = (line: string[]) => `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [text(table[0]!), `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`, ...table.slice(1).map(text)].join('\n');
}
