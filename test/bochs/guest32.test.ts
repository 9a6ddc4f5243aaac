import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bochsMissing, runInBochs } from './bochs.js';
import { casesByGroup } from './groups.js';
import { guest32Payload } from './image.js';
import { runInMachine } from './ours.js';

const missing = bochsMissing();
if (missing) console.log(`skipped: the comparison of paging outside long mode with Bochs, because ${missing}. Install Debian's bochs and bochs-term to run it.`);

const LIMIT = 1_000_000_000;

describe.skipIf(missing)('paging outside long mode, against Bochs', () => {
  let bochs = new Map<string, string[]>(), ours = new Map<string, string[]>();

  beforeAll(async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'bochs-guest-')), payload = guest32Payload(folder);
    rmSync(folder, { recursive: true, force: true });
    const reference = runInBochs(payload);
    const { output, stop } = runInMachine(payload, LIMIT);
    expect(stop).toEqual({ kind: 'exit', cpu: 0, code: 0 });
    ours = casesByGroup(output);
    bochs = casesByGroup((await reference).debugConsole);
  }, 400_000);

  it.each([['32-bit'], ['pse'], ['pse 4M'], ['no pse 4M'], ['pae'], ['pae 2M'], ['pdptes']])('agrees on %s', group => {
    const reference = bochs.get(group)!, own = ours.get(group)!;
    expect(own.length).toBe(reference.length);
    expect(reference.length).toBeGreaterThan(80);
    expect(reference.flatMap((line, n) => line === own[n] ? [] : [`Bochs: ${line}\n ours: ${own[n]}`]).slice(0, 8)).toEqual([]);
  });
});
