import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Benchmark } from './benchmark.js';
import { median } from './benchmark.js';
import { kernelFile, root } from './guests.js';
import { processorTime, qemuEmpty, qemuWhole } from './qemu.js';

const CLI = path.join(root, 'dist/cli.cjs');
const MACHINE = ['--memory', '64', '--cpus', '1', '--append', 'nopcid'];

/** Seconds of processor time of the built command line, from its start to its end. */
function whole(...args: string[]): number {
  if (!existsSync(CLI)) throw new Error('dist/cli.cjs is missing: npm run build');
  return processorTime('env', ['-u', 'NODE_EXTRA_CA_CERTS', process.execPath, CLI, 'run', ...MACHINE, ...args]);
}

let empty: number | undefined;
/** What the start of node and the making of a machine cost: the same kernel, ended after one instruction. */
function oursEmpty(): number {
  return empty ??= median(Array.from({ length: 5 }, () => whole(kernelFile, '--max-instructions', '1')));
}

const noSlower = { target: 'no slower', met: (_: number, ratio: number | undefined) => (ratio ?? Infinity) >= 1 };
const ours = () => whole(kernelFile, '--line', 'poweroff') * 1e3;
const theirs = () => qemuWhole(kernelFile, 'nopcid', ['poweroff']) * 1e3;

export const boot: Benchmark[] = [
  { id: 'boot', work: 'boot of the guest kernel to its shell and off, whole process', unit: 'ms', better: 'less', ...noSlower, measure: () => ({ ours: ours(), qemu: theirs() }) },
  { id: 'boot-net', work: 'the same without the start of process and machine', unit: 'ms', better: 'less',
    measure: () => ({ ours: Math.max(1, ours() - oursEmpty() * 1e3), qemu: Math.max(1, theirs() - qemuEmpty() * 1e3) }) },
];
