import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { tryScenario } from '../../src/cli/commands/hazards.js';
import { parseScenario } from '../../src/dap/scenario.js';
import { runCli } from './runCli.js';

const io = { stdout: () => {}, stderr: () => {}, installFolder: path.resolve(import.meta.dirname, '../..') };

describe('global pages that are not flushed when KAISER is switched on', () => {
  it('break a rule where TLBs retain, and do not where they forget', async () => {
    const scenario = parseScenario('flush.json', JSON.stringify({
      hazard: 'H13', title: 't', about: 'a', until: 8_000_000, check: { every: 5000, parts: ['tlbs'] },
      launch: { append: 'kaiser=off kaiser_without=nonglobal', script: ['spin &', 'echo 1 > /sys/kernel/debug/x86/kaiser-enabled', 'storm 1000', 'poweroff'] }, cured: { tlb: 'forget' },
    }));
    const { broken, cured } = await tryScenario(scenario, io);
    expect(broken).toMatchObject({ survived: false, hazard: 'H13' });
    expect(cured).toMatchObject({ survived: true, text: 'powered off' });
  }, 120_000);
});

describe('--tlb', () => {
  it('is refused in words if it is neither of the two', async () => {
    const { code, stderr } = await runCli('run', '--tlb', 'greedy');
    expect(code).toBe(2);
    expect(stderr).toContain('--tlb is "greedy": write retain or forget.');
  });

  it('lets a kernel run to its end either way', async () => {
    for (const appetite of ['retain', 'forget']) {
      const { code } = await runCli('run', '--tlb', appetite, '--line', 'storm 10', '--line', 'poweroff');
      expect(code).toBe(0);
    }
  }, 60_000);
});
