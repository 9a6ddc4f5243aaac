import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openEditor, type Editor } from './editor.js';
import { until } from './until.js';
import type { Workbench } from './workbench.js';

/** The main job, by the keyboard: the steps of one session, each building on the one before. */
describe('a session in the editor', () => {
  let editor: Editor;
  let workbench: Workbench;
  /** After a failure the later steps would only fail by it. */
  let broken = false;

  beforeEach(({ skip }) => {
    if (broken) skip();
  });

  beforeAll(async () => {
    editor = await openEditor();
    workbench = editor.workbench;
  });

  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return;
    broken = true;
    await workbench.picture(task.name.slice(0, 40).replace(/\W+/g, '-'));
  });

  afterAll(async () => {
    await editor?.close();
  });

  const shows = (words: RegExp) => until(() => workbench.status(), status => words.test(status), `the status bar to say ${words}`);
  /** Waits for a stop that the status bar describes so, and until the editor has moved the focus to its source. */
  const stopped = async (words: RegExp) => {
    await shows(words);
    await workbench.page.waitForTimeout(500);
  };
  const cpus = () => workbench.copied('Kaiserscope: Copy CPUs as Text');
  /** The CPUs after one more instruction. */
  const afterStep = async () => {
    await workbench.stepInstruction();
    return cpus();
  };
  const switchEntryPoints = async (switched: string[], checked: string[]) => {
    await workbench.switchEntryPoints(...switched);
    await until(() => workbench.copied('Kaiserscope: Copy Entry Points as Text'),
      text => [...text.matchAll(/\[x\] (\S+)/g)].map(match => match[1]).join() === checked.join(), 'the check boxes');
  };
  /** The lines about one CPU in the text of the CPUs view. */
  const cpuPart = (text: string, index: number) => text.split(/^(?=CPU )/m).find(part => part.startsWith(`CPU ${index}`)) ?? '';
  /** The CPU that the status bar names. */
  const statusCpu = async () => Number(/CPU (\d)/.exec(await workbench.status())?.[1]);

  it('F5 in an empty window boots the built-in kernel to its shell', async () => {
    await workbench.press('F5');
    await until(() => workbench.consoleText(), text => text.includes('$'), 'the prompt of the guest\'s shell');
    await shows(/KAISER on/);
  });

  it('what is typed in the Debug Console reaches the shell', async () => {
    await workbench.console('echo typed in the editor');
    await until(() => workbench.consoleText(), text => /^typed in the editor$/m.test(text), 'the shell\'s echo');
  });

  it('lists the entry points, and a check box there sets a breakpoint', async () => {
    await workbench.check('Entry Points', 'entry_syscall64');
    await until(() => workbench.copied('Kaiserscope: Copy Entry Points as Text'), text => text.includes('[x] entry_syscall64 '), 'the checked box');
    expect((await workbench.breakpoints()).join()).toContain('entry_syscall64');
  });

  it('stops on the SYSCALL entry with the shadow page table in CR3', async () => {
    await workbench.console('ps');
    await stopped(/shadow CR3/);
    const cpu = await statusCpu();
    const text = cpuPart(await cpus(), cpu);
    expect(text).toMatch(/^CPU \d {2}shadow CR3 · kernel mode/);
    expect(text).toMatch(/RIP {2}entry_syscall64 · 0x/);
    const spaces = await workbench.copied('Kaiserscope: Copy Address Spaces as Text');
    expect(spaces).toContain(`CPU ${cpu} in shadow`);
    expect(spaces).toContain('kernel only');
    expect(spaces).toContain('in both');
  });

  it('opens the source of the trampoline, where F9 sets a breakpoint on a line', async () => {
    expect(await workbench.activeTab()).toMatch(/^syscall\.S/);
    await workbench.command('View: Focus Active Editor Group');
    const inSource = () => workbench.view('Breakpoints').locator('.monaco-list-row', { hasText: 'syscall.S' }).count();
    await workbench.press('F9');
    await until(inSource, count => count === 1, 'the breakpoint in the list');
    await workbench.press('F9');
    await until(inSource, count => count === 0, 'the breakpoint to go');
  });

  it('steps by one instruction over the CR3 write, and the views show the change', async () => {
    const cpu = await statusCpu();
    let before = cpuPart(await cpus(), cpu);
    for (let steps = 0; !/RIP {2}entry_syscall64_cr3 · /.test(before); steps++) {
      expect(steps).toBeLessThan(40);
      expect(before).toMatch(/^CPU \d {2}shadow CR3/);
      before = cpuPart(await afterStep(), cpu);
    }
    const root = /Root {2}(0x\w+)/.exec(before)![1]!;
    const after = cpuPart(await afterStep(), cpu);
    expect(after).toMatch(/^CPU \d {2}kernel CR3 · kernel mode/);
    // The shadow table is the page after the kernel's: bit 12 of CR3.
    expect(Number(/Root {2}(0x\w+)/.exec(after)![1])).toBe(Number(root) - 0x1000);
    await stopped(/kernel CR3/);
    expect(await workbench.copied('Kaiserscope: Copy Address Spaces as Text')).toContain(`CPU ${cpu} in kernel`);
    await workbench.focusRow('CPUs', 'Half');
    await until(() => workbench.rows('CPUs'), rows => rows.some(row => row.label === 'Half' && row.description.includes('was shadow')), 'the mark for the change');
  });

  it('keeps what is folded over a step', async () => {
    const labels = async () => (await workbench.rows('CPUs')).map(row => row.label);
    await workbench.focusRow('CPUs', 'CPU 0');
    await workbench.press('ArrowLeft');
    const folded = await until(labels, found => found.indexOf('CPU 1') === 1, 'CPU 0 folded');
    await workbench.stepInstruction();
    await stopped(/CPU 0/);
    expect(await labels()).toEqual(folded);
    await workbench.focusRow('CPUs', 'CPU 0');
    await workbench.press('ArrowRight');
    await until(labels, found => found[1] === 'RIP', 'CPU 0 unfolded');
  });

  it('copies the address of a row, and walks to it', async () => {
    await workbench.contextMenu('CPUs', 'RIP', 'Copy Address');
    const address = await until(() => workbench.page.evaluate(() => navigator.clipboard.readText()), text => /^0x[0-9a-f]+$/.test(text), 'an address');
    expect(cpuPart(await cpus(), 0)).toContain(address);
    await workbench.contextMenu('Address Spaces', '0x400000', 'Walk to This Address');
    await until(() => workbench.activeTab(), tab => tab.startsWith('walk 0x'), 'the walk');
    await until(() => workbench.editorText(), text => text.includes('Shadow table'), 'the walk through both tables');
  });

  it('shows one table as text', async () => {
    await workbench.ask('Kaiserscope: Show a Page Table as Text', 'Shadow');
    await until(() => workbench.activeTab(), tab => tab.startsWith('shadow 0x'), 'the table');
    await until(() => workbench.editorText(), text => text.includes('cpu_entry_area'), 'the text of the table');
  });

  it('compares kernel and shadow table in the diff editor', async () => {
    await workbench.command('Kaiserscope: Compare Kernel and Shadow Page Tables');
    await until(() => workbench.activeTab(), tab => /Kernel 0x\w+ ↔ Shadow 0x\w+/.test(tab), 'the diff editor');
    const kernel = await until(() => workbench.editorText('original'), text => text.length > 100, 'the kernel table');
    const shadow = await until(() => workbench.editorText('modified'), text => text.length > 100, 'the shadow table');
    expect(kernel).not.toBe(shadow);
  });

  it('walks an address in both tables', async () => {
    await workbench.ask('Kaiserscope: Walk an Address…', 'entry_syscall64');
    await until(() => workbench.activeTab(), tab => tab.startsWith('walk'), 'the walk');
    const text = await until(() => workbench.editorText(), shown => shown.includes('Shadow table'), 'the walk through both tables');
    expect(text).toContain('Kernel table');
  });

  it('says what is wrong with an address that is none', async () => {
    await workbench.ask('Kaiserscope: Walk an Address…', 'no_such_symbol');
    await until(() => workbench.messages(), text => text.includes('no_such_symbol'), 'a message that names the input');
    await workbench.command('Notifications: Clear All Notifications');
  });

  it('stops on the exit to user mode, back in the shadow table', async () => {
    await switchEntryPoints(['entry_syscall64', 'exit_sysret'], ['exit_sysret']);
    await workbench.press('F5');
    await until(async () => cpuPart(await cpus(), await statusCpu()), text => /RIP {2}exit_sysret · /.test(text), 'the stop at SYSRET');
    expect(cpuPart(await cpus(), await statusCpu())).toMatch(/^CPU \d {2}shadow CR3 · kernel mode/);
    await switchEntryPoints(['exit_sysret'], []);
  });

  it('toggles KAISER off and on through the guest', async () => {
    await workbench.command('Kaiserscope: Toggle KAISER Through the Guest');
    await shows(/KAISER off/);
    await workbench.command('Kaiserscope: Toggle KAISER Through the Guest');
    await shows(/KAISER on/);
    const text = await workbench.copied('Kaiserscope: Copy KAISER State as Text');
    expect(text).toMatch(/^State {2}on\nFlag {2}on\nDesign {2}stop_machine\nHistory {2}2 toggles\n {2}off to on .*\n {2}on to off /);
  });

  it('sends text to the guest\'s console', async () => {
    await workbench.ask('Kaiserscope: Send Text to the Guest Console…', 'echo sent by the command');
    await until(() => workbench.consoleText(), text => /^sent by the command$/m.test(text), 'the shell\'s echo');
  });

  it('pauses at once, and a raw poke changes the flag alone', async () => {
    await workbench.press('F6');
    await stopped(/CPU \d/);
    await workbench.command('Kaiserscope: Poke the KAISER Flag at This Instruction');
    const text = await until(() => workbench.copied('Kaiserscope: Copy KAISER State as Text'), shown => shown.includes('Flag  off'), 'the flag');
    expect(text).toMatch(/^State {2}on\nFlag {2}off\n/);
    await workbench.command('Kaiserscope: Poke the KAISER Flag at This Instruction');
    await until(() => workbench.copied('Kaiserscope: Copy KAISER State as Text'), shown => shown.includes('Flag  on'), 'the flag');
  });

  it('injects an NMI, which the CPU takes', async () => {
    await switchEntryPoints(['entry_nmi'], ['entry_nmi']);
    await workbench.ask('Kaiserscope: Inject an NMI…', 'CPU 0');
    await workbench.press('F5');
    await until(async () => cpuPart(await cpus(), 0), text => /RIP {2}entry_nmi · /.test(text), 'the NMI entry');
    await switchEntryPoints(['entry_nmi'], []);
  });

  it('shows the tables level by level', async () => {
    await workbench.command('Kaiserscope: Show Address Spaces as Levels');
    await workbench.command('Run and Debug: Focus on Address Spaces View');
    const rows = await until(() => workbench.rows('Address Spaces'), shown => shown.some(row => row.label === 'Kernel table'), 'the levels');
    expect(rows.some(row => /^\[\d/.test(row.label))).toBe(true);
    await workbench.command('Kaiserscope: Show Address Spaces as Ranges');
  });

  it('ends with the session: views and commands go, breakpoints stay as set', async () => {
    await workbench.press('Shift+F5');
    await until(() => workbench.status(), status => status === '', 'the status bar item to go');
    await until(() => workbench.offers('Kaiserscope: Inject an NMI…'), offered => !offered, 'the command to go');
    expect(await workbench.view('CPUs').count()).toBe(0);
  });
});
