import { describe, expect, it } from 'vitest';
import { costDocument } from '../../src/cli/cost/document.js';
import { guestCycles, syscallCycles } from '../../src/cli/cost/guest.js';
import { configurations, type Costs, measureCosts } from '../../src/cli/cost/measure.js';
import { consoleTable } from '../../src/cli/cost/report.js';
import { CYCLES } from '../../src/machine/cycles/model.js';
import { expectMeasured } from './measuredDocument.js';
import { installFolder, runCli } from './runCli.js';

const io = { stdout: () => {}, stderr: () => {}, installFolder };
let measured: Promise<Costs> | undefined;
const costs = (): Promise<Costs> => measured ??= measureCosts('stop_machine', io);

it('docs/cost.md is current', async () => {
  await expectMeasured(costDocument(await costs()), 'docs/cost.md');
}, 120_000);

describe('what is measured', () => {
  it('orders the configurations as processors do: off, PCID, no PCID', async () => {
    const { syscall: [off, pcid, nonoflush, nopcid], fault } = await costs();
    expect(off).toBeLessThan(pcid!);
    expect(pcid).toBeLessThan(nopcid!);
    expect(pcid).toBeLessThan(nonoflush!);
    expect(fault[0]).toBeLessThan(fault[1]!);
    expect(fault[1]).toBeLessThan(fault[3]!);
  }, 120_000);

  it('charges two writes to CR3 for a system call with PCID, and a few instructions', async () => {
    const { syscall } = await costs(), more = syscall[1]! - syscall[0]!;
    expect(more).toBeGreaterThan(2 * CYCLES.cr3Keep.cycles);
    expect(more).toBeLessThan(2 * CYCLES.cr3Keep.cycles + 40);
  }, 120_000);

  it('finds the price of a round trip with PCID independent of the working set, and without PCID growing with it', async () => {
    const { points } = await costs();
    for (const { cycles, overhead } of points) expect(Math.abs(overhead[0]! * cycles - points[0]!.overhead[0]! * points[0]!.cycles)).toBeLessThan(120);
    const at = (pages: number) => points.filter(one => one.pages === pages && one.cycles < 20_000).at(-1)!.overhead[2]!;
    expect(at(128)).toBeGreaterThan(2 * at(8));
    expect(at(1024)).toBeGreaterThan(2 * at(128));
  }, 120_000);

  it('is the same in another run', async () => {
    const again = await guestCycles('', ['syscall 100', 'fault 64'], io), { syscall, fault } = await costs();
    expect(await syscallCycles('kaiser_design=stop_machine kaiser=off', io)).toBe(syscall[0]);
    // The default design, so that addresses and command line differ.
    expect(again).toEqual([syscall[1], fault[1]]);
  }, 120_000);
});

describe('a guest that gives no figures', () => {
  it('is told with what its console says', async () => {
    await expect(guestCycles('', ['syscall'], io)).rejects.toThrow(/printed 0 figures of 1 .*cost: usage:/s);
    await expect(guestCycles('kaiser_design=none', ['syscall 5'], io)).rejects.toThrow(/unknown design in kaiser_design=none/);
  }, 60_000);
});

describe('kaiserscope cost', () => {
  it('prints the measurements and the model as JSON', async () => {
    const { code, stdout } = await runCli('cost', '--json', '--design', 'per_cpu_word');
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as Costs & { model: Record<string, number> };
    expect(result.design).toBe('per_cpu_word');
    expect(result.syscall).toHaveLength(configurations.length);
    expect(result.model['walkLevel']).toBe(CYCLES.walkLevel.cycles);
  }, 120_000);

  it('aligns its tables', () => {
    expect(consoleTable([['a', 'bb'], ['ccc', '1']])).toBe('a    bb\nccc   1\n');
  });
});
