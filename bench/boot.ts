import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Benchmark } from './benchmark.js';
import { median } from './benchmark.js';
import { assemble, cache, kernelFile } from './guests.js';
import { runWhole } from './ours.js';
import { processorTime, qemuEmpty, qemuWhole } from './qemu.js';

/** This file is bundled by itself too: `node boot.mjs FILE` is a whole process that boots an ELF and powers it off. */
const SELF = path.join(cache, 'boot.mjs');
if (process.argv[1] === SELF) runWhole(readFileSync(process.argv[2]!), { script: ['poweroff'], commandLine: 'nopcid' });

const whole = (file: string) => processorTime(process.execPath, [SELF, file]);
let empty: number | undefined;
/** What the start of node and the making of a machine cost, with a guest that ends at once. */
function oursEmpty(): number {
  if (empty === undefined) {
    const file = assemble('bench', 0, 0);
    empty = median(Array.from({ length: 5 }, () => whole(file)));
  }
  return empty;
}

const noSlower = { target: 'no slower', met: (_: number, ratio: number | undefined) => (ratio ?? Infinity) >= 1 };
const theirs = () => qemuWhole(kernelFile, 'nopcid', ['poweroff']) * 1e3;

export const boot: Benchmark[] = [
  { id: 'boot', work: 'boot of the guest kernel to its shell and off, whole process', unit: 'ms', better: 'less', ...noSlower, measure: () => ({ ours: whole(kernelFile) * 1e3, qemu: theirs() }) },
  { id: 'boot-net', work: 'the same without the start of process and machine', unit: 'ms', better: 'less', ...noSlower,
    measure: () => ({ ours: Math.max(1, (whole(kernelFile) - oursEmpty()) * 1e3), qemu: Math.max(1, theirs() - qemuEmpty() * 1e3) }) },
];
