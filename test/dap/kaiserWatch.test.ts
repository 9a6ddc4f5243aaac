import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeMachine } from '../../src/cli/machineOptions.js';
import type { Debuggee } from '../../src/dap/debuggee.js';
import { validateLaunch } from '../../src/dap/launchArguments.js';
import type { Flip } from '../../src/kaiser/index.js';

const io = { stdout: () => {}, stderr: () => {}, installFolder: path.resolve(import.meta.dirname, '../..') };
const script = ['spin &', 'storm 300', 'echo 0 > /sys/kernel/debug/x86/kaiser-enabled', 'storm 10'];

/** A machine that stands where the naive design is about to write the flag. */
async function beforeTheWrite(attributes: Record<string, unknown>): Promise<{ machine: Debuggee; writer: number }> {
  const machine = await makeMachine(validateLaunch({ append: 'kaiser_design=naive', script, ...attributes }), io);
  const { target, symbols } = machine;
  target.setBreakpoints([{ address: symbols.table.addressOf('kaiser_toggle_begin')! }]);
  expect((await target.run()).kind).toBe('breakpoint');
  target.setBreakpoints([{ address: symbols.table.addressOf('kaiser_set_switch')! }]);
  const stop = await target.run();
  expect(stop.kind).toBe('breakpoint');
  target.setBreakpoints([]);
  return { machine, writer: stop.cpu };
}

function lastFlip(machine: Debuggee, cpu: number): Flip | undefined {
  return machine.kaiser.crashFacts({ kind: 'dead', cpu, exceptions: [] }).history!.lastFlip(cpu);
}

describe('the moment at which the flag changes', () => {
  it.each([
    [3, 'round-robin', 0], [50, 'round-robin', 0], [5, 'random', 3], [5, 'random', 4],
  ] as const)('is noted with where the others are, with turns of %i, %s %i', async (quantum, kind, seed) => {
    const { machine, writer } = await beforeTheWrite({ quantum, schedule: { kind, seed } });
    const { target } = machine;
    const other = 1 - writer, flag = (): number | undefined => machine.kaiser.report().flag;
    let before = target.cpu(other).rip;
    for (let steps = 0; flag() === 1 && steps < 2000; steps++) {
      before = target.cpu(other).rip;
      await target.run({ until: target.position + 1 });
    }
    expect(flag()).toBe(0);
    const made = target.position;
    // The place behind the write has to be come to as well.
    await target.run({ until: target.position + 4 * quantum + 8 });
    expect(lastFlip(machine, other)).toMatchObject({ position: made - 1, writer, to: 0 });
    expect(lastFlip(machine, other)!.situations[other]!.rip).toBe(before);
  }, 60_000);

  it('is that of the write, not that at which its CPU was held in front of it', async () => {
    const { machine, writer } = await beforeTheWrite({});
    const { target, symbols } = machine, other = 1 - writer;
    const probe = target.addProbe(symbols.table.addressOf('kaiser_switch_write')!, cpu => {
      target.hold(cpu, true);
      probe.dispose();
    });
    while (!target.isHeld(writer)) await target.run({ until: target.position + 1 });
    const early = lastFlip(machine, other)!.position;
    await target.run({ until: target.position + 5003 });
    const { rip } = target.cpu(other);
    target.hold(writer, false);
    target.hold(other, true);
    await target.run({ until: target.position + 4 });
    const flip = lastFlip(machine, other)!;
    expect(flip.position).toBeGreaterThan(early + 5000);
    expect(flip.situations[other]!.rip).toBe(rip);
  }, 60_000);

  it('is noted for a poke as well', async () => {
    const { machine } = await beforeTheWrite({});
    machine.kaiser.pokeFlag(1, 0);
    expect(lastFlip(machine, 1)).toMatchObject({ position: machine.target.position, writer: 1, to: 0 });
  }, 60_000);
});

it('a paranoid handler is noted with what it has interrupted and how it left', async () => {
  const { target, symbols, kaiser } = await makeMachine(validateLaunch({ script }), io);
  target.setBreakpoints([{ address: symbols.table.addressOf('kaiser_toggle_begin')! }]);
  await target.run();
  const cpu = 1, interrupted = target.cpu(cpu);
  expect(interrupted.cpl).toBe(3);
  target.injectNmi(cpu);
  for (let steps = 0; steps < 400; steps++) target.step(cpu);
  const frame = kaiser.crashFacts({ kind: 'dead', cpu, exceptions: [] }).history!.lastFrame(cpu);
  expect(frame).toMatchObject({ cpu, handler: 'an NMI', entered: { cr3: { value: interrupted.cr3 }, flag: 1, situation: { rip: interrupted.rip, where: 'user', half: 'shadow' } } });
  expect(frame!.left).toMatchObject({ cr3: { value: interrupted.cr3 }, flag: 1 });
}, 60_000);
