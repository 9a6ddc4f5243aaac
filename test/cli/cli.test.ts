import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/cli.js';
import { commandHelp, commandLineDocument, overview } from '../../src/cli/help.js';
import { parseFeatures, parseSchedule } from '../../src/cli/machineOptions.js';
import { runCli } from './runCli.js';

const folder = mkdtempSync(path.join(tmpdir(), 'kaiserscope-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('docs/cli.md is current', async () => {
  await expect(commandLineDocument(commands)).toMatchFileSnapshot('../../docs/cli.md');
});

describe('help', () => {
  it('is printed for the program and each command', async () => {
    expect(await runCli('--help')).toEqual({ code: 0, stdout: overview(commands), stderr: '' });
    for (const command of commands) expect(await runCli(command.name, '--help')).toEqual({ code: 0, stdout: commandHelp(command), stderr: '' });
  });
  it('fits 100 columns and tells every option', () => {
    for (const command of commands) {
      const text = commandHelp(command);
      expect(Math.max(...text.split('\n').map(line => line.length))).toBeLessThanOrEqual(102);
      for (const option of command.options) expect(text).toContain(`--${option.name}`);
    }
  });
  it('is printed to stderr, with code 2, when nothing is asked for', async () => {
    expect(await runCli()).toEqual({ code: 2, stdout: '', stderr: overview(commands) });
  });
});

describe('bad input gets code 2 and a message that names it, says what is wrong and what to do', () => {
  const notElf = path.join(folder, 'notes.txt');
  writeFileSync(notElf, 'hello');
  it.each([
    [['rum'], /no command "rum"\. Did you mean run\? The commands are run, dap, tables, disasm, hazards/],
    [['run', '--cpu', '2'], /run has no option "--cpu"\. Did you mean --cpus\?/],
    [['run', '--cpus', '9'], /--cpus is "9": it must be a whole number from 1 to 8/],
    [['run', '--cpus', 'two'], /--cpus is "two": it must be a whole number/],
    [['run', '--cpus'], /--cpus/],
    [['run', '--max-instructions', '-5'], /max-instructions/],
    [['run', '--schedule', 'fair'], /--schedule is "fair": write round-robin/],
    [['run', '--schedule', 'random'], /--schedule is "random": write/],
    [['run', '--schedule', 'random:x'], /the seed of --schedule random:x is "x"/],
    [['run', '--features', 'pcdi=off'], /no CPU feature "pcdi"\. Did you mean pcid\?/],
    [['run', '--features', 'pcid=maybe'], /"pcid=maybe" must be pcid=on or pcid=off/],
    [['run', '--script', '/no/such/file'], /--script \/no\/such\/file: the file cannot be read \(ENOENT\)/],
    [['run', '/no/such/kernel'], /The kernel \/no\/such\/kernel cannot be read: it does not exist\. Give the path/],
    [['run', '--module', '/no/such/module=text'], /The boot module \/no\/such\/module cannot be read: it does not exist\. Correct the path/],
    [['run', folder], /cannot be read: it is a folder/],
    [['run', notElf], /notes\.txt is not an ELF file/],
    [['run', 'a', 'b'], /"b" is one too many/],
    [['disasm'], /disasm needs SYMBOL\|ADDRESS/],
    [['disasm', 'x', '0'], /COUNT is "0"/],
    [['dap', '--port', '70000'], /--port is "70000"/],
    [['tables', '--half', 'left'], /--half is "left": it must be kernel or shadow/],
  ])('%j', async (argv, message) => {
    const { code, stdout, stderr } = await runCli(...argv);
    expect(stderr).toMatch(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

it('reads schedules and features', () => {
  expect(parseSchedule('round-robin:50')).toEqual({ kind: 'round-robin', seed: 1, quantum: 50 });
  expect(parseSchedule('random:7:20')).toEqual({ kind: 'random', seed: 7, quantum: 20 });
  expect(parseSchedule('random:7')).toEqual({ kind: 'random', seed: 7, quantum: undefined });
  expect(parseFeatures('pcid=off, smap=on')).toEqual({ pcid: false, smap: true });
});
