import type { Benchmark, Effort, Sample } from './benchmark.js';
import { median } from './benchmark.js';
import { kernelImage } from './guests.js';
import { makeMachine } from './ours.js';

const DIRTY = 20;
const AT = 0x2000000;
/** Rounds before those that count: until V8 has compiled what runs. */
const WARM_UP = 500;

/** Microseconds to take, and to restore, a snapshot of the running guest kernel after 20 pages have been written. */
function snapshots(what: 'take' | 'restore', cpus: number): (effort: Effort) => Sample {
  return ({ scale }) => {
    const machine = makeMachine(kernelImage(), { cpus });
    machine.run(4_000_000);
    const start = machine.takeSnapshot(), times: number[] = [];
    const write = (value: number) => { for (let n = 0; n < DIRTY; n++) machine.memory.writeU32(AT + n * 0x1000, value); };
    for (let n = -WARM_UP; n <= 1000 * scale; n++) {
      if (n === 0) times.length = 0;
      machine.restore(start);
      write(n);
      let from = performance.now();
      const taken = machine.takeSnapshot();
      if (what === 'take') times.push(performance.now() - from);
      write(n + 1);
      from = performance.now();
      machine.restore(taken);
      if (what === 'restore') times.push(performance.now() - from);
      taken.release();
    }
    return { ours: median(times) * 1000 };
  };
}

const target = { target: 'below 100 µs', met: (ours: number) => ours < 100 };
export const snapshotting: Benchmark[] = [
  { id: 'snapshot', work: 'take a snapshot after 20 pages were written', unit: 'µs', better: 'less', ...target, measure: snapshots('take', 2) },
  { id: 'restore', work: 'restore one after 20 pages were written', unit: 'µs', better: 'less', ...target, measure: snapshots('restore', 2) },
];
