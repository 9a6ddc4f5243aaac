// `npm run bench`: the machine against QEMU's TCG on the same ELF files, in one run. `npm run bench -- loop stream` runs
// only those; `--rounds N` takes the best of N (default 3); `--json` prints the figures as one line of JSON. Times are
// processor time, which other programs on the host disturb least; `--wall` takes time by the clock.
import { build } from 'esbuild';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Problem, root, runMain } from '../scripts/lib/run.mjs';

const folder = path.join(root, '.cache/bench');
const kernel = path.join(root, 'dist/guest/kaiser.elf');
const guests = {
  loop: { workload: 1, count: 150_000_000, about: 'integer loop' },
  stream: { workload: 2, count: 100, about: '8 MiB read and written' },
  calls: { workload: 3, count: 30_000_000, about: 'calls and returns' },
  sieve: { workload: 4, count: 40, about: 'sieve of 2 MiB' },
};
const STORM = 1_000_000;
const kernels = {
  boot: { about: 'boot to shell and off', append: '', script: ['poweroff'] },
  'storm on': { about: `${STORM / 1e6} M system calls, KAISER on`, append: '', script: [`storm ${STORM}`, 'poweroff'], trips: STORM },
  'storm off': { about: `${STORM / 1e6} M system calls, KAISER off`, append: 'kaiser=off', script: [`storm ${STORM}`, 'poweroff'], trips: STORM },
};

await runMain(async () => {
  const args = process.argv.slice(2);
  const at = args.indexOf('--rounds');
  const rounds = at >= 0 ? Number(args.splice(at, 2)[1]) : 3;
  const json = args.includes('--json');
  const time = args.includes('--wall') ? 'wall' : 'cpu';
  const chosen = args.filter(a => !a.startsWith('--'));
  const all = [...Object.keys(guests), ...Object.keys(kernels)];
  const unknown = chosen.find(name => !all.includes(name));
  if (unknown) throw new Problem(`There is no benchmark "${unknown}". There are ${all.join(', ')}.`);
  const wanted = name => !chosen.length || chosen.includes(name);
  mkdirSync(folder, { recursive: true });
  const { runMachine } = await bundle();
  const qemu = qemuVersion();
  const rows = [];
  const best = measure => bestBy(rounds, measure, r => r[time]);
  const emptyGuest = assemble('empty', 0, 0);
  const empty = qemu && best(() => runQemu(emptyGuest))[time];
  for (const [name, { workload, count, about }] of Object.entries(guests)) {
    if (!wanted(name)) continue;
    const file = assemble(name, workload, count);
    const ours = best(() => runMachine(readFileSync(file)));
    rows.push({ name, about, seconds: ours[time], mips: ours.steps / ours[time] / 1e6, qemu: qemu && best(() => runQemu(file))[time] - empty });
  }
  if (Object.keys(kernels).some(wanted)) {
    if (!existsSync(kernel)) throw new Problem('The guest kernel is not built: run `npm run build` first.');
    const image = readFileSync(kernel);
    // QEMU's TCG has no PCID: for the comparison the machine does without it; the line below is with it.
    const boots = {};
    for (const [name, { about, append, script, trips }] of Object.entries(kernels)) {
      if (!wanted(name)) continue;
      for (const pcid of [false, true]) {
        const commandLine = pcid ? append : `nopcid ${append}`.trim();
        const once = lines => best(() => runMachine(image, { cpus: 1, commandLine, script: lines }));
        const theirs = lines => qemu && !pcid ? best(() => runQemu(kernel, commandLine, lines))[time] : undefined;
        const ours = once(script), other = theirs(script);
        const row = { name: pcid ? `${name}, PCID` : name, about, seconds: ours[time], mips: ours.steps / ours[time] / 1e6, qemu: other && other - empty };
        if (trips) {
          const base = boots[commandLine] ??= { ours: once(['poweroff']), theirs: theirs(['poweroff']) };
          row.seconds = ours[time] - base.ours[time];
          row.mips = (ours.steps - base.ours.steps) / row.seconds / 1e6;
          row.qemu = other && other - base.theirs;
          row.stepsPerTrip = (ours.steps - base.ours.steps) / trips;
          row.trips = trips;
        }
        rows.push(row);
      }
    }
  }
  if (json) console.log(JSON.stringify({ node: process.version, qemu, time, rows }));
  else print(rows, qemu, time, rounds);
});

function print(rows, qemu, time, rounds) {
  console.log(`node ${process.version}; ${qemu ?? 'QEMU is not installed'}; ${time === 'cpu' ? 'processor time' : 'time by the clock'}, best of ${rounds}\n`);
  console.log(['benchmark', 'seconds', 'M steps/s', 'QEMU s', 'ours/QEMU', 'per second'].map((h, n) => n ? h.padStart(11) : h.padEnd(44)).join(''));
  for (const r of rows) {
    const cells = [r.seconds.toFixed(3), r.mips.toFixed(1), r.qemu ? r.qemu.toFixed(3) : '', r.qemu ? `${(r.seconds / r.qemu).toFixed(2)}x` : '', r.trips ? `${Math.round(r.trips / r.seconds)}` : ''];
    console.log(`${r.name}: ${r.about}`.padEnd(44) + cells.map(c => c.padStart(11)).join('') + (r.trips ? ` (${r.stepsPerTrip.toFixed(0)} steps each${r.qemu ? `; QEMU ${Math.round(r.trips / r.qemu)}` : ''})` : ''));
  }
}

async function bundle() {
  const outfile = path.join(folder, 'measure.mjs');
  await build({ entryPoints: [path.join(root, 'bench/measure.ts')], outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20', external: ['iced-x86'], sourcemap: 'inline' });
  return import(pathToFileURL(outfile).href);
}

/** Builds a benchmark guest. */
function assemble(name, workload, count) {
  const file = path.join(folder, `${name}.elf`);
  execFileSync('gcc', ['-m64', '-nostdlib', '-static', '-no-pie', '-Wl,--build-id=none', '-Wl,-z,max-page-size=4096', `-DWORKLOAD=${workload}`, `-DCOUNT=${count}`,
    '-T', path.join(root, 'bench/guest/bench.ld'), '-o', file, path.join(root, 'bench/guest/bench.S')], { stdio: ['ignore', 'inherit', 'inherit'] });
  return file;
}

function qemuVersion() {
  const { status, stdout } = spawnSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

/** What one run of QEMU costs from its start to its end; bash tells the processor time of its child. */
function runQemu(file, append = '', script = []) {
  const start = performance.now();
  const result = spawnSync('bash', ['-c', 'TIMEFORMAT="%U %S"; time qemu-system-x86_64 "$@" 2>&1 >/dev/null; exit 0', 'qemu',
    '-kernel', file, '-m', '64', '-smp', '1', '-accel', 'tcg', '-append', append, '-serial', 'stdio', '-display', 'none', '-monitor', 'none',
    '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'], { input: script.map(line => `${line}\n`).join(''), timeout: 300_000, encoding: 'utf8' });
  const times = /([\d.]+) ([\d.]+)\s*$/.exec(result.stderr);
  if (result.status === null || !times) throw new Problem(`QEMU did not end by itself: ${result.error ?? result.signal ?? result.stderr}`);
  return { cpu: Number(times[1]) + Number(times[2]), wall: (performance.now() - start) / 1000 };
}

function bestBy(rounds, measure, seconds) {
  let found;
  for (let n = 0; n < rounds; n++) {
    const result = measure();
    if (found === undefined || seconds(result) < seconds(found)) found = result;
  }
  return found;
}
