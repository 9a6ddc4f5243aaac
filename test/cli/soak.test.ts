import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { numbers } from '../../src/cli/commands/soak.js';
import { makeMachine } from '../../src/cli/machineOptions.js';
import { complaints, makeWorkload, missing } from '../../src/cli/soak/workload.js';
import { validateLaunch } from '../../src/dap/launchArguments.js';
import { installFolder, runCli } from './runCli.js';

interface Line { design: string; state: string; seed: number; quantum: number; survived: boolean; coverage: { steps: number; switchedOn: number; switchedOff: number; nmis: Record<string, number>; checks: Record<string, number> }; failure?: { position: number; hazard?: string; predicate?: string; text: string } }

async function soak(...args: string[]): Promise<{ code: number; lines: Line[]; stderr: string }> {
  const { code, stdout, stderr } = await runCli('soak', '--json', ...args);
  return { code, stderr, lines: stdout.trim().split('\n').filter(line => line !== '').map(line => JSON.parse(line) as Line) };
}

/** The short form of what docs/designs.md tells of: every kind of design, few switches. */
const short = ['--toggles', '4', '--cpus', '3', '--check', '40000', '--tlb', 'retain'];

describe('a soak', () => {
  it.each([['static_branch', 1], ['stop_machine', 2], ['deferred_poison', 1], ['per_cpu_word', 2], ['per_process', 1]])('is survived by %s', async (design, seed) => {
    const { code, lines, stderr } = await soak(...short, '--design', design, '--seeds', String(seed), '--quantum', '60');
    expect([code, stderr]).toEqual([0, '']);
    expect(lines.map(line => [line.design, line.state, line.coverage.switchedOff, line.coverage.switchedOn])).toEqual([seed % 2 ? [design, 'on', 2, 2] : [design, 'off', 1, 2]]);
    expect(lines[0]!.coverage.nmis['entry']).toBeGreaterThan(5);
    expect(lines[0]!.coverage.checks['full']).toBeGreaterThan(6);
  }, 120_000);

  it('switches a design once that can only be switched off, and boots both ways what is decided at boot', async () => {
    const { code, lines } = await soak(...short, '--design', 'alternatives,one_way', '--seeds', '3', '--quantum', '60');
    expect(code).toBe(0);
    expect(lines.map(line => [line.design, line.state, line.coverage.switchedOff, line.coverage.switchedOn])).toEqual([
      ['alternatives', 'on', 0, 0], ['alternatives', 'off', 0, 0], ['one_way', 'on', 1, 0]]);
  }, 120_000);

  it('is survived with a TLB that forgets as well', async () => {
    const { code, lines, stderr } = await soak('--toggles', '2', '--cpus', '2', '--seeds', '1', '--quantum', '100', '--check', '40000', '--tlb', 'forget');
    expect([code, stderr, lines[0]!.coverage.switchedOff]).toEqual([0, '', 1]);
  }, 120_000);

  it('is the same to the last step when it is repeated', async () => {
    const once = await soak(...short, '--seeds', '5', '--quantum', '30');
    expect(once.code).toBe(0);
    expect(await soak(...short, '--seeds', '5', '--quantum', '30')).toEqual(once);
  }, 120_000);

  it('finds what a design lacks, and says how to see it again: by the same command, and in the editor', async () => {
    const kept = path.join(await mkdtemp(path.join(tmpdir(), 'soak-')), 'launch.json');
    const { code, lines, stderr } = await soak('--toggles', '20', '--cpus', '2', '--design', 'static_branch_one_key', '--seeds', '1', '--quantum', '50', '--tlb', 'retain', '--keep', kept);
    expect(code).toBe(1);
    const failure = lines.at(-1)!.failure!;
    expect(stderr).toContain(`static_branch_one_key with seed 1, quantum 50 and a TLB that retains failed at position ${failure.position}`);
    expect(stderr).toContain('it is repeated by: kaiserscope soak --design static_branch_one_key --toggles 20 --cpus 2 --seeds 1 --quantum 50 --tlb retain\n');
    const again = await soak('--toggles', '20', '--cpus', '2', '--design', 'static_branch_one_key', '--seeds', '1', '--quantum', '50', '--tlb', 'retain');
    expect(again.lines.at(-1)!.failure).toEqual(failure);
    const { type, request, name, ...launch } = JSON.parse(await readFile(kept, 'utf8')) as Record<string, unknown>;
    expect([type, request, typeof name]).toEqual(['kaiserscope', 'launch', 'string']);
    // Nothing of the soak is there but the events: the machine dies all the same, a few steps after what was found.
    const { target, spinWatch } = await makeMachine(validateLaunch(launch), { stdout: () => {}, stderr: () => {}, installFolder });
    target.setExceptionStops(exception => spinWatch.observe(exception));
    const stop = await target.run({ until: failure.position + 20_000_000 });
    expect(stop.kind).not.toBe('limit');
    expect(target.position).toBeGreaterThanOrEqual(failure.position);
  }, 120_000);

  it.each<[string[], RegExp]>([
    [['--design', 'nobodys'], /--design: the kernel has no design "nobodys"; it has naive, boot_flag,/],
    [['--toggles', '0'], /--toggles is "0": it must be a whole number from 1 to 1000000/],
    [['--seeds', '3-1'], /--seeds is "3-1": a range goes upwards/],
    [['--tlb', 'keep'], /--tlb is "keep": write retain, forget/],
    [['--quantum', 'x'], /--quantum is "x"/],
    [['--append', 'kaiser_without=nothing'], /does not come to its shell with "kaiser=on kaiser_without=nothing" .* there is no such cure/],
  ])('with %j says what is wrong', async (args, message) => {
    const { code, stderr } = await soak(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});

it('reads lists and ranges of numbers', () => {
  expect(numbers('4,1-3,9', '--seeds', 0, 10)).toEqual([4, 1, 2, 3, 9]);
});

describe('the console of a workload', () => {
  it('is looked through for what should not be there', () => {
    const fine = '$ spin &\n$ storm: 300 ok\nsh: 17 fault: segmentation fault at rip=0x1 cr2=0x8 err=0x4\ntoggle: 25 ok\n';
    expect(complaints(fine)).toEqual([]);
    const bad = ['sh: 9 forks: segmentation fault at rip=0x1 cr2=0x1 err=0x15', 'ldt: read 0x1, ESP 0xf00', 'touch: a fresh page is not zero', 'toggle: /sys: has not changed', 'kernel panic: no', 'fault: null did not fault'];
    expect(complaints(`${fine}${bad.join('\n')}\n`)).toEqual(bad);
  });

  it('must have the last word of each program, as often as it was started', () => {
    const workload = makeWorkload('both', 60);
    expect(workload.switches).toBe(60);
    const all = [...workload.expected].map(([line, count]) => `${line.split(' ')[0]}: ${line.split(' ')[1]} ok\n`.repeat(count)).join('');
    expect(missing(workload, all)).toEqual([]);
    expect(missing(workload, all.replace('ldt: 3 ok\n', ''))).toEqual(['"ldt: 3 ok" has come 1 times, not 2']);
  });
});
