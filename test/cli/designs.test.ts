import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { examineDesign, mark, worstOf } from '../../src/cli/designs/compare.js';
import { designsDocument } from '../../src/cli/designs/document.js';
import { designNames, switchingOf } from '../../src/cli/designs/kernel.js';
import { appendWith, type Trial } from '../../src/cli/designs/trial.js';
import { readScenarios } from '../../src/cli/hazards/readScenarios.js';
import { hazardName } from '../../src/dap/scenario.js';
import { expectMeasured } from './measuredDocument.js';
import { installFolder, runCli } from './runCli.js';

const io = { stdout: () => {}, stderr: () => {}, installFolder };

/** Designs of guest/README.md that explode; all others claim to be right. */
const broken = ['naive', 'static_branch_one_key'];

it('docs/designs.md is what the machine does, and no design that claims to be right explodes by itself', async () => {
  const scenarios = await readScenarios(path.join(installFolder, 'examples/hazards'));
  const reports = [];
  for (const design of await designNames({}, io)) reports.push(await examineDesign(design, scenarios, io));
  const surprises = reports.filter(report => !broken.includes(report.design))
    .flatMap(report => report.trials.filter(trial => trial.outcome === 'explodes' && trial.hazard !== 'H31').map(trial => `${report.design}, ${trial.scenario}: ${trial.named ?? ''} ${trial.text}`));
  // How exactly a wrong design dies is a matter of when the other CPU comes by, which another compiler's kernel may have otherwise.
  await expectMeasured(designsDocument(reports), 'docs/designs.md', line => broken.some(design => line.includes(`\`${design}\``)));
  expect(surprises).toEqual([]);
}, 1_500_000);

describe('the comparison', () => {
  it('prints what happens to each design, and what it costs', async () => {
    const { code, stdout } = await runCli('designs', '--design', 'naive,boot_flag', '--hazards', 'H23,H16', '--story');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ +H16 H23\nnaive +H4 +H1\nboot_flag +– +–\n/);
    expect(stdout).toMatch(/\nboot_flag +at boot +\d+ +\d+( +–){4} +\d+ +4 +4\n/);
    expect(stdout).toMatch(/naive, h23-rolling-patch: explodes \(H1\)\n {2}CPU \d entered from user mode/);
    expect(stdout).toContain('boot_flag, h23-rolling-patch: not applicable\n  The kernel says: the design boot_flag cannot be switched off at run time.');
  }, 120_000);

  it('asks the kernel which designs it has and what they can do', async () => {
    expect(await designNames({}, io)).toEqual(expect.arrayContaining(['naive', 'stop_machine', 'per_process']));
    expect(await switchingOf({ append: 'kaiser_design=one_way' }, io)).toBe('off');
    expect(await switchingOf({ append: 'kaiser_design=alternatives' }, io)).toBe('none');
    expect(await switchingOf({ append: '' }, io)).toBe('both');
  }, 60_000);

  it('takes nothing from a design that a scenario takes from its own', () => {
    expect(appendWith('kaiser=off  kaiser_without=flush,ldt kaiser_design=naive nopcid kaiser_with=mutex', 'one_way')).toBe('kaiser_design=one_way kaiser=off nopcid');
  });

  it('tells the worst of several scenarios of a hazard', () => {
    const trial = (outcome: Trial['outcome'], named?: string): Trial => ({ scenario: 's', hazard: 'H1', outcome, text: '', ...(named ? { named } : {}) });
    expect(worstOf([trial('safe'), trial('explodes', 'H4'), trial('not applicable')]).named).toBe('H4');
    const cells = [[trial('not applicable')], [trial('not applicable'), trial('safe')], [trial('safe'), trial('explodes')], [trial('explodes', 'H4')], [trial('explodes', 'H4'), trial('explodes', 'H1')]];
    expect(cells.map(cell => mark(cell, hazardName))).toEqual(['–', '✓', '?', 'H4', '✗']);
  });

  it.each<[string[], RegExp]>([
    [['--design', 'nobodys'], /--design: the kernel has no design "nobodys"; it has naive,/],
    [['--hazards', 'H99'], /--hazards: there is no scenario of "h99"; there are some of H1, /],
  ])('with %j says what is wrong', async (args, message) => {
    const { code, stderr } = await runCli('designs', ...args);
    expect([code, message.test(stderr)]).toEqual([2, true]);
  }, 60_000);
});
