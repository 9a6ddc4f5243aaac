import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeMachine } from '../../src/cli/machineOptions.js';
import { validateLaunch } from '../../src/dap/launchArguments.js';
import type { DoneEvent } from '../../src/dap/scriptedEvents.js';

const installFolder = path.resolve(import.meta.dirname, '../..');
const io = { stdout: () => {}, stderr: () => {}, installFolder };

async function boot(attributes: Record<string, unknown>) {
  const debuggee = await makeMachine(validateLaunch(attributes), io), done: DoneEvent[] = [];
  let printed = '';
  debuggee.events.onDone = event => done.push(event);
  debuggee.target.onConsole(text => { printed += text; });
  return { ...debuggee, target: debuggee.target, events: debuggee.events, done, printed: () => printed };
}

describe('the events of a launch configuration', () => {
  it('hold a CPU at a symbol until another comes to one, in their order', async () => {
    const { target, done, events, symbols } = await boot({
      script: ['spin &', 'spin &'],
      events: [
        { at: 'entry_timer', cpu: 1, do: 'hold' },
        { at: 'entry_timer', cpu: 0, count: 4, do: 'release', target: 1 },
      ],
    });
    const entry = symbols.table.addressOf('entry_timer')!;
    let steps: { held: boolean; at: boolean }[] = [];
    const probe = target.addProbe(entry, cpu => cpu === 0 && steps.push({ held: target.isHeld(1), at: target.cpu(1).rip === entry }));
    await target.run({ until: 12_000_000 });
    probe.dispose();
    expect(done.map(one => one.text)).toEqual([
      expect.stringMatching(/^Position \d+: CPU 1 came to entry_timer: CPU 1 is held\.$/), expect.stringMatching(/^Position \d+: CPU 0 came to entry_timer: CPU 1 is released\.$/),
    ]);
    expect(events.left).toBe(0);
    steps = steps.filter(one => one.held);
    expect(steps.length).toBeGreaterThanOrEqual(3);
    expect(steps.every(one => one.at)).toBe(true);
  });

  it('come at an exact position, together with those that say no time', async () => {
    const { target, done } = await boot({ events: [{ position: 4_234_567, target: 1, do: 'hold' }, { do: 'nmi', target: 0 }] });
    expect(await target.run({ until: 4_300_000 })).toMatchObject({ kind: 'limit' });
    expect(done.map(one => one.text)).toEqual(['Position 4234567: CPU 1 is held.', 'Position 4234567: NMI to CPU 0.']);
    expect(target.isHeld(1)).toBe(true);
    expect(target.position).toBe(4_300_000);
  });

  it('decide the run as much as all else: twice the same ends in the same state, whatever the slices', async () => {
    const configuration = { quantum: 50, script: ['spin &', 'storm 2'], events: [{ at: 'entry_syscall64', count: 5, do: 'nmi', target: 1 }, { position: 3_700_000, do: 'hold', target: 1 }] };
    const [a, b] = await Promise.all([boot(configuration), boot(configuration)]);
    await a.target.run({ until: 4_000_000 });
    for (let until = 0; until < 4_000_000;) await b.target.run({ until: until = Math.min(4_000_000, until + 277_777) });
    expect(a.done).toEqual(b.done);
    expect(a.done).toHaveLength(2);
    expect(a.target.stateHash()).toBe(b.target.stateHash());
  });

  it('can be nothing but a moment from which the next one counts', async () => {
    const { target, done } = await boot({ script: ['storm 3'], events: [{ position: 500_000, do: 'wait' }, { at: 'entry_syscall64', count: 3, do: 'wait' }, { at: 'entry_syscall64', do: 'hold' }] });
    await target.run({ until: 3_000_000 });
    expect(done.map(one => one.text.replace(/^Position \d+: /, ''))).toEqual([
      'the next event is waited for.', expect.stringMatching(/^CPU \d came to entry_syscall64: the next event is waited for\.$/), expect.stringMatching(/^CPU (\d) came to entry_syscall64: CPU \1 is held\.$/),
    ]);
    expect([0, 1].map(cpu => target.isHeld(cpu))).toContain(true);
  });

  it('poke the word that entry code tests, without any protocol', async () => {
    const { target, done, kaiser } = await boot({ script: ['storm 1'], events: [{ at: 'kaiser_shell_ready', do: 'poke', value: 0 }] });
    await target.run({ until: 3_000_000 });
    expect(done).toHaveLength(1);
    expect(kaiser.report().history.map(one => one.how)).toEqual(['raw poke']);
  });

  it('raise a machine check', async () => {
    const { target, symbols, done } = await boot({ script: ['storm 1', 'poweroff'], events: [{ at: 'kaiser_shell_ready', do: 'machineCheck', target: 1 }] });
    let entered = 0;
    target.addProbe(symbols.table.addressOf('entry_machine_check')!, cpu => { entered += cpu; });
    await target.run({ until: 10_000_000 });
    expect(done).toHaveLength(1);
    expect(entered).toBe(1);
  });

  it('say that nothing can happen any more when every CPU is held', async () => {
    const { target } = await boot({ cpus: 1, events: [{ at: 'kaiser_shell_ready', do: 'hold' }] });
    expect(await target.run()).toMatchObject({ kind: 'dead', reason: expect.stringContaining('CPU 0 is held') as string });
    target.hold(0, false);
    expect(await target.run({ until: target.position + 1000 })).toMatchObject({ kind: 'limit' });
  });

  it('leave a held CPU to the debugger, which can step it', async () => {
    const { target } = await boot({ events: [{ at: 'entry_timer', cpu: 1, do: 'hold' }] });
    await target.run({ until: 2_000_000 });
    const { rip } = target.cpu(1);
    await target.run({ until: target.position + 10_000 });
    expect(target.cpu(1).rip).toBe(rip);
    target.step(1);
    expect(target.cpu(1).rip).not.toBe(rip);
    expect(target.isHeld(1)).toBe(true);
  });
});

describe('what is wrong with an event is told with its number', () => {
  it.each<[unknown[], RegExp]>([
    [[{ do: 'nmi' }], /events\[0\] is the first and needs "at"/],
    [[{ at: 'main', position: 5, do: 'nmi' }], /events\[0\] has both "at" and "position"/],
    [[{ at: 'entry_timr', do: 'nmi' }], /events\[0\]\.at: there is no symbol "entry_timr" in the built-in kernel\. Did you mean entry_timer/],
    [[{ at: 'entry_timer', do: 'nmi', target: 2 }], /"events\[0\]\.target" is 2: the machine has CPUs 0 to 1/],
    [[{ position: 5, do: 'nmi' }], /events\[0\] comes at a position, where no CPU arrives: it needs "target"/],
    [[{ at: 'entry_timer', do: 'poke' }], /events\[0\]: "value", 0 or 1, belongs to "do": "poke"/],
    [[{ at: 'entry_timer', do: 'hold', value: 1 }], /events\[0\]: "value", 0 or 1, belongs to "do": "poke"/],
  ])('%j', async (events, message) => { await expect(boot({ events })).rejects.toThrow(message); });
});
