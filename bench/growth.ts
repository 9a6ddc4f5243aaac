import { readFileSync } from 'node:fs';
import type { Effort } from './benchmark.js';
import { figure, median } from './benchmark.js';
import { assemble, kernelImage } from './guests.js';
import { makeMachine, processorSeconds, type Setup } from './ours.js';

/** How steps a second of processor time change with one property of a machine. */
interface Curve { name: string; values: readonly number[]; speed(value: number, effort: Effort): number; }

/** Millions of steps a second of the guest kernel with programs that only compute, once all of them have been started. */
function busy(setup: Setup, programs: number, { scale }: Effort): number {
  const script = Array.from({ length: programs }, () => 'spin &'), machine = makeMachine(kernelImage(), { ...setup, script });
  let output = '';
  machine.devices.uart.onOutput = bytes => { output += String.fromCharCode(...bytes); };
  const run = (steps: number) => {
    const from = machine.position, start = processorSeconds(), stop = machine.run(from + steps);
    if (stop) throw new Error(`stopped by ${stop.kind}: ${output.slice(-200)}`);
    return (machine.position - from) / (processorSeconds() - start) / 1e6;
  };
  // The shell prompts once at first and once behind each line.
  while (output.split('$ ').length <= programs + 1) run(5_000_000);
  run(20_000_000);
  return run(Math.round(200e6 * scale));
}

/** The same for a loop without a kernel and breakpoints that are never hit, one of them on the loop's page. */
function withBreakpoints(count: number, { scale }: Effort): number {
  const machine = makeMachine(readFileSync(assemble('bench', 1, 2_000_000_000)));
  machine.run(1_000_000);
  const page = machine.cpus[0]!.rip & ~0xfffn;
  machine.translator.setBreakpoints(new Set(Array.from({ length: count }, (_, n) => n === 0 ? page + 0xff0n : 0x1000000n + BigInt(n) * 0x35n)));
  machine.run(20_000_000);
  const from = machine.position, start = processorSeconds();
  machine.run(from + Math.round(1e9 * scale));
  return (machine.position - from) / (processorSeconds() - start) / 1e6;
}

const quantum = (steps: number) => ({ kind: 'round-robin' as const, quantum: steps });
const curves: Curve[] = [
  { name: 'CPUs, each with a program', values: [1, 2, 3, 4, 5, 6, 7, 8], speed: (cpus, effort) => busy({ cpus }, cpus, effort) },
  { name: 'quantum in steps, 2 CPUs', values: [10, 100, 1000, 10_000, 100_000], speed: (steps, effort) => busy({ cpus: 2, schedule: quantum(steps) }, 2, { scale: effort.scale * Math.min(1, steps / 500) }) },
  { name: 'MiB of memory, 2 CPUs', values: [32, 64, 256, 1024, 2016], speed: (mib, effort) => busy({ cpus: 2, ramSize: mib << 20 }, 2, effort) },
  { name: 'processes, 2 CPUs', values: [1, 2, 4, 8, 16, 32], speed: (programs, effort) => busy({ cpus: 2 }, programs, effort) },
  { name: 'breakpoints, integer loop', values: [0, 1, 10, 100, 1000, 10_000], speed: withBreakpoints },
];

/** Measures the curves and gives them as tables of Markdown: millions of steps a second. */
export function growth(effort: Effort, rounds: number, progress: (text: string) => void): string {
  return curves.map(({ name, values, speed }) => {
    progress(name);
    const results = values.map(value => median(Array.from({ length: rounds }, () => speed(value, effort))));
    return `| ${name} | ${values.join(' | ')} |\n|---|${values.map(() => '---').join('|')}|\n| M steps/s | ${results.map(figure).join(' | ')} |`;
  }).join('\n\n');
}
