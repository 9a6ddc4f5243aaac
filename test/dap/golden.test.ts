import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KaiserReport } from '../../src/dap/kaiser.js';
import { Transcript } from './transcript.js';

let session: Transcript;
beforeEach(() => { session = new Transcript(); });
afterEach(() => session.client.end());

const matches = (name: string): Promise<void> => expect(session.text).toMatchFileSnapshot(`golden/${name}.txt`);
const breakOn = (...breakpoints: object[]): Promise<unknown> => session.request('setFunctionBreakpoints', { breakpoints });
const showKaiser = (): Promise<KaiserReport> => session.request('kaiserscope/kaiser', {}, ({ design, enabled, flag, history }) =>
  [`design ${design}, enabled ${enabled}, flag ${flag}`, ...history.map(({ cpu, from, to, how }) => `CPU ${cpu}: ${from} -> ${to} (${how})`)].join('\n'));

it('a system call enters through the shadow CR3, switches, and leaves through it', async () => {
  await session.launch({ cpus: 1, script: ['ps'], stopAt: 'kaiser_shell_ready' });
  const { threadId } = await session.stopped();
  await breakOn({ name: 'entry_syscall64', condition: 'cr3.half == shadow' });
  await session.run('continue', { threadId });
  for (let half = 'shadow'; half === 'shadow'; half = (await session.client.evaluate('cr3.half')).replaceAll("'", '')) {
    await session.instruction(threadId!);
    await session.client.request('stepIn', { threadId, granularity: 'instruction' });
    await session.client.stopped();
  }
  session.note('  (now on the kernel CR3)');
  await breakOn({ name: 'exit_sysret' });
  await session.run('continue', { threadId });
  await session.instruction(threadId!);
  await session.run('stepIn', { threadId, granularity: 'instruction' });
  await matches('syscall');
});

it('the guest switches KAISER off and on by its own protocol', async () => {
  const file = '/sys/kernel/debug/x86/kaiser-enabled';
  await session.launch({ script: [`echo 0 > ${file}`, `cat ${file}`, `echo 1 > ${file}`], stopAt: 'kaiser_toggle_begin' });
  await session.stopped();
  await showKaiser();
  await breakOn({ name: 'kaiser_toggle_end' });
  for (let toggles = 0; toggles < 2; toggles++) {
    const { threadId } = await session.run('continue', { threadId: 1 });
    await session.request('stepOut', { threadId });
    await session.client.stopped();
    await showKaiser();
  }
  await matches('toggle');
});

it('the naive design explodes when it is switched off while another CPU is in user mode', async () => {
  await session.launch({ append: 'kaiser_design=naive', script: ['spin &', 'echo 0 > /sys/kernel/debug/x86/kaiser-enabled'] });
  const { threadId } = await session.stopped();
  await session.request('exceptionInfo', { threadId }, (body: { exceptionId: string }) => body.exceptionId);
  await showKaiser();
  await session.request('kaiserscope/walk', { address: 'rip', root: 'shadow' }, (body: { mapped: boolean }) => `mapped: ${body.mapped}`);
  await matches('naive');
});

it('a data breakpoint stops behind whoever writes the flag of KAISER', async () => {
  await session.launch({ cpus: 1, script: ['echo 0 > /sys/kernel/debug/x86/kaiser-enabled'], stopAt: 'kaiser_shell_ready' });
  await session.stopped();
  let dataId: string | null = null;
  await session.request('dataBreakpointInfo', { name: 'kaiser_enabled' }, (body: { dataId: string | null; description: string; accessTypes: string[] }) => {
    dataId = body.dataId;
    return `${body.description}, ${body.accessTypes.join(' ')}`;
  });
  await session.client.request('setDataBreakpoints', { breakpoints: [{ dataId, accessType: 'write' }] });
  session.note('> setDataBreakpoints');
  await session.run('continue', { threadId: 1 });
  await matches('data');
});

it('a raw poke of the flag at the wrong instruction does the same to any design', async () => {
  await session.launch({ cpus: 1, script: ['storm 100'], stopAt: 'kaiser_shell_ready' });
  await session.client.stopped();
  await breakOn({ name: 'entry_syscall64', condition: 'cr3.half == shadow', hitCondition: '3' });
  const { threadId } = await session.run('continue', { threadId: 1 });
  await breakOn();
  await session.request('kaiserscope/pokeFlag', { value: 0 }, (body: { from: number; to: number }) => `${body.from} -> ${body.to}`);
  await session.run('continue', { threadId });
  await showKaiser();
  await matches('poke');
});

it('a page fault of user mode stops before its delivery, in words', async () => {
  await session.launch({ cpus: 1, script: ['touch 1'], stopAt: 'kaiser_shell_ready' });
  await session.client.stopped();
  await session.request('setExceptionBreakpoints', { filters: [], filterOptions: [{ filterId: 'page-fault', condition: 'cpl == 3 && task.name == touch && err == 4' }] });
  const { threadId } = await session.run('continue', { threadId: 1 });
  await session.request('exceptionInfo', { threadId }, (body: { exceptionId: string; breakMode: string }) => `${body.exceptionId} ${body.breakMode}`);
  await session.run('stepIn', { threadId, granularity: 'instruction' });
  await matches('pageFault');
});

it('the filter on rules of KAISER stops where one is found broken, and tells which', async () => {
  const filter = (condition: string): Promise<unknown> => session.request('setExceptionBreakpoints', { filters: [], filterOptions: [{ filterId: 'kaiser-invariant', condition }] },
    (body: { breakpoints: { verified: boolean; message?: string }[] }) => body.breakpoints.map(({ verified, message }) => message ?? `verified: ${verified}`).join('\n'));
  await session.launch({ append: 'kaiser=off kaiser_without=nonglobal', script: ['spin &', 'echo 1 > /sys/kernel/debug/x86/kaiser-enabled', 'storm 0'], stopAt: 'kaiser_toggle_end' });
  await session.client.stopped();
  await filter('P25');
  await filter('P6 P7');
  const { threadId } = await session.run('continue', { threadId: 1 });
  await session.request('exceptionInfo', { threadId }, (body: { exceptionId: string; breakMode: string }) => `${body.exceptionId} ${body.breakMode}`);
  await filter('P5');
  await session.client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'do_syscall', hitCondition: '20' }] });
  await session.run('continue', { threadId });
  await matches('invariant');
});
