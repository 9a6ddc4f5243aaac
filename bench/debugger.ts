import { readFileSync } from 'node:fs';
import { BreakpointStore } from '../src/dap/breakpoints/breakpointStore.js';
import { Debuggee } from '../src/dap/debuggee.js';
import { validateLaunch } from '../src/dap/launchArguments.js';
import type { Target } from '../src/target/target.js';
import type { Benchmark, Effort, Sample } from './benchmark.js';
import { assemble } from './guests.js';
import { processorSeconds } from './ours.js';
import { QemuStub } from './qemu.js';

/** Long enough that no measurement comes to its end. */
const FOREVER = 2_000_000_000;
/** Instructions of the integer loop each time round. */
const LOOP = 10;

/** A session's machine, with what a debugger knows of it, some way into the loop. */
async function session(file: string): Promise<{ debuggee: Debuggee; target: Target; loop: bigint }> {
  const program = { program: file, cpus: 1, memory: 64 };
  const debuggee = await Debuggee.create(validateLaunch(program), readFileSync(file), 'loop'), { target } = debuggee;
  await target.run({ until: 2_000_000 });
  const loop = debuggee.symbols.table.addressOf('hot_loop')!;
  return { debuggee, target, loop };
}

async function stub(file: string, loop: bigint): Promise<QemuStub> {
  const qemu = await QemuStub.start(file);
  await qemu.runTo(loop);
  return qemu;
}

/** Steps for one second of processor time. */
async function speed(target: Target, steps: number): Promise<number> {
  const from = target.position, start = processorSeconds();
  await target.run({ until: from + steps });
  return (target.position - from) / (processorSeconds() - start);
}

/** Rounds of the loop for one second of QEMU's processor time: ECX counts down. */
async function stubSpeed(qemu: QemuStub, milliseconds: number): Promise<number> {
  const count = async () => Number(await qemu.register(2) & 0xffffffffn), before = await count();
  const seconds = await qemu.runFor(milliseconds);
  return (before - await count()) / seconds;
}

/** By how many times a loop becomes slower when `ours` and `qemu` set what it never comes to. */
function slowdown(workload: number, ours: (target: Target, loop: bigint, data: bigint) => void, request: (loop: bigint, data: bigint) => string): (effort: Effort) => Promise<Sample> {
  return async ({ scale }) => {
    const file = assemble('bench', workload, FOREVER), { debuggee, target, loop } = await session(file), data = debuggee.symbols.table.addressOf('buffer')!;
    const steps = Math.round(1e9 * scale);
    await speed(target, steps / 4);
    const free = await speed(target, steps);
    ours(target, loop, data);
    await speed(target, steps / 4);
    const held = await speed(target, steps);
    const qemu = await stub(file, loop), time = Math.max(500, 1500 * scale);
    try {
      const theirFree = await stubSpeed(qemu, time);
      await qemu.gdb.request(request(loop, data));
      return { ours: free / held, qemu: theirFree / await stubSpeed(qemu, time) };
    } finally {
      qemu.close();
    }
  };
}

const timesAsMany = (n: number) => ({ target: `${n} times as many`, met: (_: number, ratio: number | undefined) => (ratio ?? Infinity) >= n });
const below = (n: number) => ({ target: `below ${n} times free running`, met: (ours: number) => ours < n });

/** Events for one second of processor time, of QEMU's and of this process, which is the debugger of its stub: both halves of the way to and fro. */
async function perSecond(qemu: QemuStub, milliseconds: number, once: () => Promise<void>): Promise<number> {
  const used = () => processorSeconds() + qemu.processorTime(), start = performance.now(), before = used();
  let n = 0;
  do {
    await once();
    n++;
  } while (performance.now() - start < milliseconds);
  return n / (used() - before);
}

/** A breakpoint in the loop whose condition on a register is false, by the path that breakpoints of a session take. */
async function conditional({ scale }: Effort): Promise<Sample> {
  const file = assemble('bench', 1, FOREVER), { debuggee, target, loop } = await session(file);
  const store = new BreakpointStore(() => {}, () => debuggee);
  store.setGroup('function', [store.create('function', 'loop', [loop], { condition: 'rdi == 1 && rax > 0x1000' })]);
  target.setBreakpoints(store.targetBreakpoints());
  await target.run({ until: target.position + 1_000_000 });
  const from = target.position, steps = Math.round(20e6 * scale), start = processorSeconds();
  const stop = await target.run({ until: from + steps });
  if (stop.kind !== 'limit') throw new Error(`stopped by ${stop.kind}`);
  const ours = steps / LOOP / (processorSeconds() - start);
  const qemu = await stub(file, loop);
  try {
    const at = `1,${loop.toString(16)},1`;
    await qemu.gdb.request(`Z${at}`);
    // What a debugger does: reads the registers, finds the condition false, steps off with the breakpoint away, goes on.
    const theirs = await perSecond(qemu, Math.max(500, 2000 * scale), async () => {
      await qemu.gdb.registers();
      await qemu.gdb.request(`z${at}`);
      await qemu.gdb.step();
      await qemu.gdb.request(`Z${at}`);
      await qemu.gdb.request('vCont;c');
    });
    return { ours, qemu: theirs };
  } finally {
    qemu.close();
  }
}

/** Single steps, each followed by reading all registers. */
async function steps({ scale }: Effort): Promise<Sample> {
  const file = assemble('bench', 1, FOREVER), { target, loop } = await session(file), count = Math.round(400_000 * scale);
  let changes = 0, last = 0n;
  const seen = (rax: bigint): void => {
    if (rax !== last) changes++;
    last = rax;
  };
  const run = (n: number): void => {
    for (let i = 0; i < n; i++) {
      target.step(0);
      seen(target.registers(0)[0]!.registers[0]!.value);
    }
  };
  run(20_000);
  const start = processorSeconds();
  run(count);
  const ours = count / (processorSeconds() - start), qemu = await stub(file, loop);
  try {
    const theirs = await perSecond(qemu, Math.max(500, 2000 * scale), async () => {
      await qemu.gdb.step();
      seen((await qemu.gdb.registers()).getBigUint64(0, true));
    });
    if (changes < count / LOOP) throw new Error('the registers did not change with the steps');
    return { ours, qemu: theirs };
  } finally {
    qemu.close();
  }
}

export const debugging: Benchmark[] = [
  { id: 'breakpoint', work: 'loop with a breakpoint on its page that is never hit', unit: 'times slower than free', better: 'less', ...below(1.2),
    measure: slowdown(1, (target, loop) => target.setBreakpoints([{ address: loop + 0x80n }]), loop => `Z1,${(loop + 0x80n).toString(16)},1`) },
  { id: 'watchpoint', work: 'loop over data with a data breakpoint on its page that is never hit', unit: 'times slower than free', better: 'less', ...below(2),
    measure: slowdown(5, (target, _, data) => target.setWatchpoints([{ id: 1, address: data + 0x800n, size: 8, read: true, write: true }]), (_, data) => `Z4,${(data + 0x800n).toString(16)},8`) },
  { id: 'conditional', work: 'breakpoint in the loop, condition on registers false', unit: 'hits/s', better: 'more', ...timesAsMany(100), measure: conditional },
  { id: 'steps', work: 'single steps with all registers', unit: 'steps/s', better: 'more', ...timesAsMany(100), measure: steps },
];
