import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bochsMissing, runInBochs } from './bochs.js';
import { expectedDifferences } from './differences.js';
import { casesByGroup, type Group, groupMask, GROUPS } from './groups.js';
import { buildGuest, guestPayload } from './image.js';
import { runInMachine } from './ours.js';

const missing = bochsMissing();
if (missing) console.log(`skipped: the comparison with Bochs (paging, faults, PCID), because ${missing}. Install Debian's bochs and bochs-term to run it.`);

/** More seeds for the random groups: BOCHS_SEEDS=20 tries 1 to 20. */
const SEEDS = Number(process.env.BOCHS_SEEDS ?? 1);
const RANDOM: Group[] = ['random segment loads', 'random far transfers'];
/** The last group ends the processor, and has a test of its own. */
const ENDING: Group = 'shutdown';
/** Bochs lets supervisor-mode accesses pass whatever PKRU says: QEMU is the reference for these (`qemu.test.ts`). */
const ELSEWHERE: Group = 'protection keys';
/** About five times of what all groups take. */
const LIMIT = 1_000_000_000;

describe.skipIf(missing)('the machine against Bochs', () => {
  let flat: Uint8Array;
  const bochs = new Map<string, string[]>(), ours = new Map<string, string[]>();
  const covered = new Set<string>();

  async function both(groups: readonly Group[], seed: bigint, suffix = ''): Promise<void> {
    const payload = guestPayload(flat, groupMask(groups), seed);
    const reference = runInBochs(payload);
    const { output, stop } = runInMachine(payload, LIMIT);
    expect(stop).toEqual({ kind: 'exit', cpu: 0, code: 0 });
    for (const [group, cases] of casesByGroup(output)) ours.set(group + suffix, cases);
    for (const [group, cases] of casesByGroup((await reference).debugConsole)) bochs.set(group + suffix, cases);
  }

  /** Differing cases that no expected difference covers; the first few. */
  function unexpected(name: string): string[] {
    const reference = bochs.get(name), own = ours.get(name);
    if (!reference || !own) throw new Error(`the group "${name}" has not run`);
    expect(own.length).toBe(reference.length);
    const found: string[] = [];
    reference.forEach((line, n) => {
      if (line === own[n]) return;
      const entry = expectedDifferences.find(({ covers }) => covers(line, own[n]!));
      if (entry) covered.add(entry.what);
      else found.push(`Bochs: ${line}\n ours: ${own[n]}`);
    });
    return found.slice(0, 8);
  }

  beforeAll(async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'bochs-guest-'));
    flat = buildGuest(folder);
    rmSync(folder, { recursive: true, force: true });
    await both(GROUPS.filter(group => group !== ENDING && group !== ELSEWHERE), 1n);
  }, 400_000);

  for (const group of GROUPS) {
    if (group !== ENDING && group !== ELSEWHERE) it(`agrees on ${group}, expected differences apart`, () => { expect(unexpected(group)).toEqual([]); });
  }

  it('has PCID, INVPCID, SMEP, SMAP, FSGSBASE and UMIP in both', () => {
    expect(bochs.get('PCID')![0]).toBe('PCID 1 PGE 1 FSGSBASE 1 SMEP 1 INVPCID 1 SMAP 1 UMIP 1');
  });

  it('has met every expected difference', () => {
    expect(expectedDifferences.map(({ what }) => what).filter(what => !covered.has(what))).toEqual([]);
  });

  for (let seed = 2; seed <= SEEDS; seed++) {
    it(`agrees on random loads and transfers with seed ${seed}`, async () => {
      await both(RANDOM, BigInt(seed), ` ${seed}`);
      for (const group of RANDOM) expect(unexpected(`${group} ${seed}`)).toEqual([]);
    }, 400_000);
  }

  it('shuts down on a triple fault', async () => {
    const payload = guestPayload(flat, groupMask([ENDING]), 0n);
    const reference = runInBochs(payload);
    const { output, stop } = runInMachine(payload, LIMIT);
    expect(stop).toEqual({ kind: 'shutdown', cpu: 0 });
    expect(output).not.toContain('survived');
    const { debugConsole, log } = await reference;
    expect(debugConsole).toContain('shutdown is expected');
    expect(debugConsole).not.toContain('survived');
    expect(log).toContain('exception with no resolution');
  }, 400_000);
});
