import { readFileSync } from 'node:fs';
import type { Benchmark, Effort, Sample } from './benchmark.js';
import { assemble, type GuestSource, kernelFile, kernelImage } from './guests.js';
import { runWhole, type Setup } from './ours.js';
import { qemuNet } from './qemu.js';

/**
 * A guest of bench/guest on both, which does what it does `count` times: `figure` of the seconds that it takes.
 * @param theirs how often on QEMU, where the figure is one of a single time: both are to run for seconds, so that compilation does not count
 */
function guest(source: GuestSource, workload: number, count: number, figure: (seconds: number, count: number) => number, theirs = count): (effort: Effort) => Sample {
  return ({ scale }) => {
    const [n, m] = [count, theirs].map(often => Math.max(1, Math.round(often * scale))) as [number, number];
    return { ours: figure(runWhole(readFileSync(assemble(source, workload, n))).seconds, n), qemu: figure(qemuNet(assemble(source, workload, m)), m) };
  };
}

const nanoseconds = (seconds: number, count: number) => seconds / count * 1e9;
const atLeastAsFast = { target: 'at least as fast', met: (_: number, ratio: number | undefined) => (ratio ?? Infinity) >= 1 };
const timesAsFast = (n: number) => ({ target: `${n} times as fast`, met: (_: number, ratio: number | undefined) => (ratio ?? Infinity) >= n });

/** Programs without a kernel. */
export const programs: Benchmark[] = [
  { id: 'loop', work: 'integer loop', unit: 'million instructions/s', better: 'more', ...atLeastAsFast, measure: guest('bench', 1, 150_000_000, (s, n) => n * 10 / s / 1e6) },
  { id: 'stream', work: '8 MiB read and written', unit: 'GB/s', better: 'more', ...atLeastAsFast, measure: guest('bench', 2, 150, (s, n) => n * 0x1000000 / s / 1e9) },
  { id: 'calls', work: 'direct and indirect call and return', unit: 'ns', better: 'less', measure: guest('bench', 3, 30_000_000, nanoseconds) },
  { id: 'sieve', work: 'sieve of 2 MiB', unit: 'ms', better: 'less', measure: guest('bench', 4, 30, (s, n) => s / n * 1e3) },
  { id: 'strings', work: 'string instructions with REP: 5 rows, 9 KB', unit: 'ns', better: 'less', measure: guest('bench', 6, 1_000_000, nanoseconds) },
  { id: 'legacy-loop', work: '32-bit code: integer loop', unit: 'million instructions/s', better: 'more', measure: guest('legacy', 1, 150_000_000, (s, n) => n * 10 / s / 1e6) },
  { id: 'legacy-stream', work: '32-bit code: 8 MiB read and written', unit: 'GB/s', better: 'more', measure: guest('legacy', 2, 75, (s, n) => n * 0x1000000 / s / 1e9) },
  { id: 'legacy-calls', work: '32-bit code: direct and indirect call and return', unit: 'ns', better: 'less', measure: guest('legacy', 3, 30_000_000, nanoseconds) },
  { id: 'syscall', work: 'system call and return, no CR3 write', unit: 'ns', better: 'less', ...atLeastAsFast, measure: guest('system', 1, 20_000_000, nanoseconds) },
  { id: 'kaiser', work: 'system call with two CR3 writes (ours PCID and NOFLUSH)', unit: 'ns', better: 'less', ...timesAsFast(15), measure: guest('system', 2, 20_000_000, nanoseconds, 500_000) },
  { id: 'fault-map', work: 'page fault, map a page, INVLPG, retry', unit: 'ns', better: 'less', ...timesAsFast(10), measure: guest('system', 3, 50_000_000, nanoseconds, 5_000_000) },
  { id: 'fault-skip', work: 'page fault, skip, IRETQ', unit: 'ns', better: 'less', ...timesAsFast(10), measure: guest('system', 4, 70_000_000, nanoseconds, 7_000_000) },
  { id: 'fault-map-saved', work: 'page fault, map: registers saved on a stack beside the code', unit: 'ns', better: 'less', ...timesAsFast(10), measure: guest('system', 5, 8_000_000, nanoseconds, 500_000) },
  { id: 'fault-skip-saved', work: 'page fault, skip: registers saved on a stack beside the code', unit: 'ns', better: 'less', ...timesAsFast(10), measure: guest('system', 6, 8_000_000, nanoseconds, 500_000) },
];

/** `count` system calls of the guest kernel, without the time of its boot. */
function storm(commandLine: string, count: number, comparable: boolean): (effort: Effort) => Sample {
  return ({ scale }) => {
    const trips = Math.round(count * scale), script = [`storm ${trips}`, 'poweroff'], image = kernelImage();
    const ours = (lines: string[]) => runWhole(image, { commandLine, script: lines } satisfies Setup).seconds;
    const theirs = (lines: string[]) => qemuNet(kernelFile, commandLine, lines);
    return {
      ours: nanoseconds(ours(script) - ours(['poweroff']), trips),
      qemu: comparable ? nanoseconds(theirs(script) - theirs(['poweroff']), trips) : undefined,
    };
  };
}

/** Work of the guest kernel. QEMU's TCG has no PCID: the row with it stands alone. */
export const kernels: Benchmark[] = [
  { id: 'storm-off', work: 'guest kernel: system call, KAISER off', unit: 'ns', better: 'less', measure: storm('nopcid kaiser=off', 2_000_000, true) },
  { id: 'storm-on', work: 'guest kernel: system call, KAISER on, no PCID', unit: 'ns', better: 'less', measure: storm('nopcid', 600_000, true) },
  { id: 'storm-pcid', work: 'guest kernel: system call, KAISER on, PCID', unit: 'ns', better: 'less', measure: storm('', 2_000_000, false) },
];
