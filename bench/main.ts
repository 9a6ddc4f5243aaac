import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import path from 'node:path';
import { adapter } from './adapter.js';
import type { Benchmark, Row, Sample } from './benchmark.js';
import { figure, markdown, summarize, verdict } from './benchmark.js';
import { boot } from './boot.js';
import { debugging } from './debugger.js';
import { growth } from './growth.js';
import { invariants } from './invariants.js';
import { root } from './guests.js';
import { qemuVersion } from './qemu.js';
import { snapshotting } from './snapshots.js';
import { tables } from './tables.js';
import { kernels, programs } from './throughput.js';

const all: readonly Benchmark[] = [...programs, ...kernels, ...boot, ...debugging, ...tables, ...adapter, ...snapshotting, ...invariants];

const usage = `Usage: npm run bench -- [NAME...] [--quick] [--rounds N] [--json] [--write] [--no-editor] [--no-growth]

Measures the machine against QEMU's TCG in turns, and prints the medians. Without names everything runs.
Names: ${[...all.map(one => one.id), 'growth'].join(', ')}
--quick    a short run, for a first impression
--rounds N so many measurements of each (default 5, quick: 1)
--json     the samples as one line of JSON
--write    puts the tables into docs/performance.md as well
`;

/** Runs what the arguments ask for and prints it; gives the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const rest = [...args], take = (flag: string) => {
    const at = rest.indexOf(flag);
    if (at >= 0) rest.splice(at, 1);
    return at >= 0;
  };
  const at = rest.indexOf('--rounds'), given = at >= 0 ? rest.splice(at, 2)[1] : undefined;
  const quick = take('--quick'), json = take('--json'), write = take('--write'), noEditor = take('--no-editor'), noGrowth = take('--no-growth');
  if (take('--help')) {
    console.log(usage);
    return 0;
  }
  const rounds = given === undefined ? (quick ? 1 : 5) : Number(given), known = [...all.map(one => one.id), 'growth'];
  if (!Number.isInteger(rounds) || rounds < 1) return refuse(`--rounds is '${given}': give a whole number from 1.`);
  const unknown = rest.find(name => !known.includes(name));
  if (unknown !== undefined) return refuse(`There is no benchmark "${unknown}". There are ${known.join(', ')}.`);
  const qemu = qemuVersion();
  if (!qemu) return refuse('qemu-system-x86_64 is not installed, and these benchmarks compare with it: install QEMU (Debian: apt-get install qemu-system-x86).');
  const wanted = all.filter(one => rest.length ? rest.includes(one.id) : !(noEditor && one.id === 'editor'));
  const effort = { scale: quick ? 0.2 : 1 }, rows: Row[] = [];
  for (const benchmark of wanted) {
    const samples: Sample[] = [];
    let failed: string | undefined;
    try {
      for (let n = 0; n < Math.min(rounds, benchmark.rounds ?? rounds); n++) samples.push(await benchmark.measure(effort));
    } catch (error) {
      failed = error instanceof Error ? error.message : String(error);
      console.error(`${benchmark.id}: ${failed}`);
    }
    const row: Row = failed === undefined ? summarize(benchmark, samples) : { benchmark, samples, ours: NaN, failed: 'failed' };
    rows.push(row);
    if (!json) console.error(`${benchmark.id.padEnd(12)} ${figure(row.ours)} ${benchmark.unit}${row.qemu === undefined ? '' : `, QEMU ${figure(row.qemu)}, ratio ${figure(row.ratio)}`} ${verdict(row)}`);
  }
  const curves = !noGrowth && (!rest.length || rest.includes('growth')) ? growth(effort, Math.min(rounds, 3), name => console.error(name)) : '';
  if (json) console.log(JSON.stringify({ node: process.version, qemu, rounds, rows: rows.map(row => ({ id: row.benchmark.id, unit: row.benchmark.unit, ours: row.ours, qemu: row.qemu, ratio: row.ratio, verdict: verdict(row), samples: row.samples })) }));
  else {
    const text = [`${new Date().toISOString().slice(0, 10)}, ${cpus()[0]!.model}, ${cpus().length} cores, load average ${loadavg().map(n => n.toFixed(1)).join(' ')}; node ${process.version}, ${qemu}; medians of ${rounds}.`,
      ...rows.length ? [markdown(rows)] : [], ...curves ? [curves] : []].join('\n\n');
    console.log(`\n${text}`);
    if (write) writeTables(text);
  }
  return rows.some(row => row.failed) ? 1 : 0;
}

/** Puts the tables between their marks in docs/performance.md. */
function writeTables(text: string): void {
  const file = path.join(root, 'docs/performance.md'), [begin, end] = ['<!-- npm run bench -- --write -->\n', '<!-- end -->'];
  const page = readFileSync(file, 'utf8'), from = page.indexOf(begin), to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${file} has lost the marks ${begin.trim()} and ${end} between which the tables stand`);
  writeFileSync(file, `${page.slice(0, from + begin.length)}\n${text}\n\n${page.slice(to)}`);
}

function refuse(message: string): number {
  console.error(message);
  return 1;
}
