import { describe, expect, it } from 'vitest';
import type { MachineOptions } from '../../src/machine/machine.js';
import { type Run, runOnQemu, runScript } from './run.js';

const FILE = '/sys/kernel/debug/x86/kaiser-enabled';
const BUSY = ['storm 0 &', 'forks 1000000 &', 'touch 1000 &', 'spin &'];

/** Designs that claim to survive a toggle at any moment, with what runs meanwhile: system calls, forks, page faults, and user mode alone. */
const CORRECT = ['static_branch', 'stop_machine', 'deferred_poison', 'cr3_driven', 'per_cpu_word', 'per_cpu_cr3', 'static_branch_stopped', 'per_process'] as const;

function toggled(append: string, count: number, options: Partial<MachineOptions> = {}): Run {
  return runScript(append, [...BUSY, `toggle ${count}`, `cat ${FILE}`, 'poweroff'], options, 20_000_000 + count * 20_000_000);
}

describe.each(CORRECT)('the design %s', design => {
  it.each<[string, string, Partial<MachineOptions>]>([
    ['two CPUs', '', {}],
    ['four CPUs in random turns of up to 200 steps', '', { cpus: 4, schedule: { kind: 'random', quantum: 200, seed: 3 } }],
    ['no PCID', 'nopcid', {}],
    ['a boot with KAISER off', 'kaiser=off', {}],
  ])('survives 10 toggles in both directions with everything running: %s', (_name, append, options) => {
    const { output, stop } = toggled(`kaiser_design=${design} ${append}`, 10, options);
    expect(output).toContain('toggle: 10 ok');
    expect(output).not.toMatch(/segmentation fault|panic|not zero/);
    expect(stop).toMatchObject({ kind: 'exit', code: 0 });
  }, 300_000);
});

describe('the designs that are decided at boot', () => {
  it.each(['boot_flag', 'alternatives'])('%s: says so when its file is written, on or off', design => {
    for (const state of ['on', 'off']) {
      const { output, stop } = runScript(`kaiser_design=${design} kaiser=${state}`, [`cat ${FILE}`, `echo 0 > ${FILE}`, 'storm 100', 'poweroff']);
      expect(output).toContain(state === 'on' ? '\n1\n' : '\n0\n');
      expect(output).toContain(`kaiser-enabled: the design ${design} cannot be switched off at run time\necho: ${FILE}: invalid argument`);
      expect(output).toContain('storm: 100 ok');
      expect(stop).toMatchObject({ kind: 'exit', code: 0 });
    }
  });
});

describe('the one-way design', () => {
  it('goes off under load and refuses to go on again', () => {
    const { output, stop } = runScript('kaiser_design=one_way', [...BUSY, `echo 0 > ${FILE}`, `echo 1 > ${FILE}`, `cat ${FILE}`, 'storm 100', 'poweroff']);
    expect(output).toContain('the design one_way cannot be switched on at run time');
    expect(output).toContain('\n0\n');
    expect(output).toContain('storm: 100 ok');
    expect(stop).toMatchObject({ kind: 'exit', code: 0 });
  });
});

describe('the per-process design', () => {
  it('switches nobody who runs: the shell keeps its state, the next program gets the new one', () => {
    const { output, stop } = runScript('kaiser_design=per_process', [`echo 0 > ${FILE}`, 'storm 100', `echo 1 > ${FILE}`, 'storm 100', 'poweroff']);
    expect(output.match(/storm: 100 ok/g)).toHaveLength(2);
    expect(stop).toMatchObject({ kind: 'exit', code: 0 });
  });
});

describe('the static branch with one key', () => {
  it('does not survive being patched site by site', () => {
    const { output } = toggled('kaiser_design=static_branch_one_key', 20);
    expect(output).not.toContain('toggle: 20 ok');
  }, 300_000);
});

describe('a cure that does not exist', () => {
  it('is refused at boot', () => {
    const { output, stop } = runScript('kaiser_without=mirror,luck', []);
    expect(output).toContain('kernel panic: kaiser_without=luck on the command line: there is no such cure');
    expect(stop).toMatchObject({ kind: 'exit', code: 99 });
  });
});

describe('on QEMU', () => {
  it.each(CORRECT)('%s survives 20 toggles as well', async design => {
    // With a thread for each CPU, QEMU 7.2 may translate an instruction while another CPU replaces it, and keep what it has read.
    const accelerator = design === 'static_branch' ? 'tcg,thread=single' : 'tcg';
    const { output, code } = await runOnQemu(`kaiser_design=${design}`, [...BUSY, 'toggle 20', 'poweroff 7'], 2, accelerator);
    expect(output).toContain('toggle: 20 ok');
    expect(code).toBe(7);
  }, 120_000);
});

describe('CPUs that are taken out of use', () => {
  it('come back, and toggles in between reach them', () => {
    const ONLINE = '/sys/kernel/debug/cpus-online';
    const { output, stop } = runScript('kaiser_design=per_cpu_word',
      [...BUSY, `echo 2 > ${ONLINE}`, `echo 0 > ${FILE}`, `echo 4 > ${ONLINE}`, 'toggle 3', `cat ${ONLINE}`, `echo 9 > ${ONLINE}`, 'poweroff'], { cpus: 4 });
    expect(output).toContain('toggle: 3 ok');
    expect(output).toContain('\n4\n');
    expect(output).toContain('cpus-online: "9" is no number of CPUs from 1 to 4');
    expect(stop).toMatchObject({ kind: 'exit', code: 0 });
  }, 120_000);
});

describe('without a cure', () => {
  const OFF_THEN_ON = ['spin &', `echo 1 > ${FILE}`, 'storm 10', 'poweroff'];
  it.each([
    ['vectors', 'kaiser=off kaiser_without=vectors', OFF_THEN_ON],
    ['entry_stack', 'kaiser=off kaiser_without=entry_stack', OFF_THEN_ON],
    ['mirror', 'kaiser=off kaiser_without=mirror', OFF_THEN_ON],
    ['pgd_pair', 'kaiser=off kaiser_without=pgd_pair', OFF_THEN_ON],
    ['deferred', 'kaiser_design=static_branch kaiser_without=deferred', ['storm 10', 'poweroff']],
  ])('%s the kernel does not survive what it survives with it', (_cure, append, script) => {
    expect(runScript(append.replace(/kaiser_without=\w+/, ''), script, {}, 20_000_000).stop).toMatchObject({ kind: 'exit', code: 0 });
    expect(runScript(append, script, {}, 20_000_000).stop).not.toMatchObject({ kind: 'exit', code: 0 });
  });
});
