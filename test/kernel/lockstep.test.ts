import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readBootImage } from '../../src/machine/boot/bootImage.js';
import { lockstep } from '../lockstep/lockstep.js';
import { KERNEL } from './run.js';

// QEMU does about 4,000 steps a second; LOCKSTEP_STEPS=100000 gives the long form.
const steps = Number(process.env.LOCKSTEP_STEPS ?? 20_000);

it(`has QEMU's registers after each of the first ${steps} instructions of the guest kernel`, async () => {
  const entry = readBootImage(readFileSync(KERNEL), 'kaiser.elf').entry;
  const result = await lockstep(KERNEL, entry, { steps, append: 'nopcid', ramMiB: 64 });
  expect(result.difference).toBeUndefined();
  expect(result.steps).toBe(steps);
}, 600_000);
