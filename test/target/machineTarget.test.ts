import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadSymbols, parseElf } from '../../src/symbols/index.js';
import { createMachineTarget } from '../../src/target/machineTarget.js';
import type { Target } from '../../src/target/target.js';
import { buildTiny } from '../fixtures/tiny.js';

let image: Uint8Array;
let address: (name: string) => bigint;
beforeAll(() => {
  image = readFileSync(buildTiny());
  const { table } = loadSymbols(parseElf(image, 'tiny'));
  address = name => table.addressOf(name)!;
});

async function make(commandLine = '', cpus = 1): Promise<Target & { printed: () => string }> {
  const target = await createMachineTarget({
    image, imageName: 'tiny', cpus, ramSize: 32 << 20, commandLine, quantum: 100, schedule: { kind: 'round-robin', seed: 1 }, consoleInput: '',
    features: { pcid: true, invpcid: true, pge: true, smep: true, smap: true, fsgsbase: true },
  });
  let text = '';
  target.onConsole(more => { text += more; });
  return Object.assign(target, { printed: () => text });
}

describe('ends', () => {
  it('a power-off with its code, after all console output', async () => {
    const target = await make('c');
    expect(await target.run()).toEqual({ kind: 'exit', cpu: 0, code: 5 });
    expect(target.printed()).toBe('hello from a tiny guest\n');
  });
  it('a halt that nothing ends', async () => {
    expect(await (await make('h')).run()).toMatchObject({ kind: 'dead', cpu: 0, reason: expect.stringContaining('halted') as string });
  });
  it('a triple fault with the exceptions that led to it', async () => {
    const target = await make('t');
    const stop = await target.run();
    expect(stop).toMatchObject({ kind: 'shutdown', cpu: 0 });
    expect(stop.kind === 'shutdown' && stop.exceptions.map(one => one.vector)).toContain(6);
    expect(target.cpu(0).state).toBe('shutdown');
    expect(await target.run()).toMatchObject({ kind: 'shutdown' });
  });
  it('an unknown port, named', async () => {
    expect(await (await make('u')).run()).toMatchObject({ kind: 'unimplemented', reason: expect.stringMatching(/0x300/) as string });
  });
});

it('a register that is read again and again has the value of the moment, by every name', async () => {
  const target = await make();
  target.setBreakpoints([{ address: address('count') }]);
  await target.run();
  const names = [...target.registers(0).flatMap(group => group.registers.map(one => one.name)), 'eax', 'ax', 'al', 'ah', 'r8d', 'r9w', 'r10b', 'sil', 'eflags'];
  const sources = names.map(name => ({ name, source: target.registerSource(0, name) }));
  expect(sources.filter(one => one.source).length).toBeGreaterThan(45);
  for (const value of [0n, 0x8877665544332211n, 0xffffffff80000000n, 0x7fffffffffn]) {
    for (const name of ['rax', 'rbx', 'r8', 'r9', 'r10', 'rsi']) target.writeRegister(0, name, value);
    for (const name of ['fs_base', 'lstar', 'rip']) target.writeRegister(0, name, BigInt.asUintN(64, BigInt.asIntN(47, value)));
    for (const { name, source } of sources) {
      if (source) expect(BigInt(source.high() >>> 0) << 32n | BigInt(source.low() >>> 0), name).toBe(target.readRegister(0, name));
    }
  }
  expect(target.registerSource(0, 'rxa')).toBeUndefined();
});

describe('breakpoints', () => {
  it('stop before the instruction, and are passed by the next run', async () => {
    const target = await make();
    target.setBreakpoints([{ address: address('count') }]);
    for (let pass = 0; pass < 10; pass++) {
      expect(await target.run()).toEqual({ kind: 'breakpoint', cpu: 0, address: address('count') });
      expect(target.readRegister(0, 'ecx')).toBe(BigInt(pass));
    }
    expect(await target.run()).toMatchObject({ kind: 'exit' });
  });
  it('go on at once where the condition is false', async () => {
    const target = await make();
    target.setBreakpoints([{ address: address('count'), condition: cpu => target.readRegister(cpu, 'rcx') === 7n }]);
    await target.run();
    expect(target.readRegister(0, 'rcx')).toBe(7n);
  });
  it('do not stop a CPU that has been stepped onto one', async () => {
    const target = await make();
    target.setBreakpoints([{ address: address('count') }]);
    while (target.cpu(0).rip !== address('count')) expect(target.step(0)).toEqual({ kind: 'step', cpu: 0 });
    await target.run();
    expect(target.readRegister(0, 'rcx')).toBe(1n);
  });
  it('do not keep a CPU from being stepped off', async () => {
    const target = await make();
    target.setBreakpoints([{ address: address('count') }]);
    await target.run();
    expect(target.step(0)).toEqual({ kind: 'step', cpu: 0 });
    expect(target.readRegister(0, 'rcx')).toBe(1n);
  });
});

it('probes see every pass and change nothing', async () => {
  const [plain, probed] = [await make('l'), await make('l')];
  let passes = 0;
  const probe = probed.addProbe(address('loop_for_ever'), () => { passes++; });
  await plain.run({ until: 1001 });
  await probed.run({ until: 1001 });
  expect(passes).toBeGreaterThan(300);
  expect(probed.stateHash()).toBe(plain.stateHash());
  const before = passes;
  probe.dispose();
  await probed.run({ until: 2000 });
  expect(passes).toBe(before);
});

it('probes see every pass however the run is cut', async () => {
  const whole = await make('l');
  let passes = 0;
  whole.addProbe(address('loop_for_ever'), () => { passes++; });
  await whole.run({ until: 3000 });
  for (const stride of [1, 2, 3, 7, 50]) {
    const cut = await make('l');
    let seen = 0;
    cut.addProbe(address('loop_for_ever'), () => { seen++; });
    for (let until = stride; cut.position < 3000; until += stride) await cut.run({ until: Math.min(until, 3000) });
    expect([stride, seen]).toEqual([stride, passes]);
    expect(cut.stateHash()).toBe(whole.stateHash());
  }
});

it('probes and breakpoints hear of a place that a run has ended at for its limit, and of one that was stepped to', async () => {
  const [limited, stepped, stopped] = [await make('l'), await make('l'), await make('l')];
  let passes = 0;
  for (const target of [limited, stepped]) target.addProbe(address('loop_for_ever'), () => { passes++; });
  while (limited.cpu(0).rip !== address('loop_for_ever')) await limited.run({ until: limited.position + 1 });
  await limited.run({ until: limited.position + 1 });
  expect(passes).toBe(1);
  while (stepped.cpu(0).rip !== address('loop_for_ever')) stepped.step(0);
  stepped.step(0);
  expect(passes).toBe(2);
  while (stopped.cpu(0).rip !== address('loop_for_ever')) await stopped.run({ until: stopped.position + 1 });
  const { position } = stopped;
  stopped.setBreakpoints([{ address: address('loop_for_ever') }]);
  expect(await stopped.run()).toMatchObject({ kind: 'breakpoint' });
  expect(stopped.position).toBe(position);
});

it('an alarm that a probe sets for a moment of the same run rings exactly then, and changes nothing', async () => {
  const [plain, probed] = [await make('l'), await make('l')];
  const set: number[] = [], rung: number[] = [];
  probed.addProbe(address('loop_for_ever'), () => {
    if (set.length === 20) return;
    set.push(probed.position + 5);
    probed.addAlarm(probed.position + 5, () => { rung.push(probed.position); });
  });
  await probed.run({ until: 100_000 });
  expect(rung).toEqual(set);
  await plain.run({ until: 100_000 });
  expect(probed.stateHash()).toBe(plain.stateHash());
});

it('following a CPU asks after each of its steps and changes nothing', async () => {
  const [plain, followed] = [await make('l', 2), await make('l', 2)];
  let asked = 0;
  const stop = await followed.run({ follow: { cpu: 0, stop: () => ++asked === 500 } });
  expect(stop).toEqual({ kind: 'step', cpu: 0 });
  expect(followed.position).toBe(500);
  await plain.run({ until: 500 });
  expect(followed.stateHash()).toBe(plain.stateHash());
});

it('a run can be paused, and stops at a position', async () => {
  const target = await make('l');
  expect(await target.run({ until: 12345 })).toMatchObject({ kind: 'limit' });
  expect(target.position).toBe(12345);
  const running = target.run();
  expect(target.running).toBe(true);
  setTimeout(() => target.pause(), 30);
  expect(await running).toEqual({ kind: 'pause', cpu: 0 });
  expect(target.running).toBe(false);
});

describe('registers', () => {
  it('are read by any of their names', async () => {
    const target = await make();
    target.writeRegister(0, 'rax', 0x1122334455667788n);
    expect(['rax', 'eax', 'ax', 'al', 'ah'].map(name => target.readRegister(0, name))).toEqual([0x1122334455667788n, 0x55667788n, 0x7788n, 0x88n, 0x77n]);
    target.writeRegister(0, 'r9', 0xffffn);
    expect([target.readRegister(0, 'r9b'), target.readRegister(0, 'r9w'), target.readRegister(0, 'nothing')]).toEqual([0xffn, 0xffffn, undefined]);
  });
  it('parts are written as instructions write them', async () => {
    const target = await make();
    target.writeRegister(0, 'rax', 0x1122334455667788n);
    target.writeRegister(0, 'ah', 1n);
    expect(target.readRegister(0, 'rax')).toBe(0x1122334455660188n);
    target.writeRegister(0, 'eax', 5n);
    expect(target.readRegister(0, 'rax')).toBe(5n);
    expect(() => target.writeRegister(0, 'al', 256n)).toThrow('al has 8 bits; 0x100 does not fit.');
  });
  it('refuse what the CPU could not hold, in words', async () => {
    const target = await make();
    expect(() => target.writeRegister(0, 'rip', 1n << 50n)).toThrow('not canonical');
    expect(() => target.writeRegister(0, 'rflags', 1n << 40n)).toThrow('reserved');
    expect(() => target.writeRegister(0, 'cr3', 1n << 60n)).toThrow('reserved bits');
    expect(() => target.writeRegister(0, 'cr0', 0n)).toThrow('cr0 cannot be written here');
    expect(() => target.writeRegister(0, 'foo', 0n)).toThrow('There is no register "foo".');
  });
  it('are all readable by the name under which they are listed', async () => {
    const target = await make();
    for (const group of target.registers(0)) for (const { name, value } of group.registers) expect([name, target.readRegister(0, name)]).toEqual([name, value]);
  });
});

it('memory is read and written where it is RAM, all or nothing', async () => {
  const target = await make();
  expect(target.writeMemory(0, 0x300000n, Uint8Array.of(1, 2, 3))).toBe(true);
  expect(target.readMemory(0, 0x300000n, 3)).toEqual(Uint8Array.of(1, 2, 3));
  expect(target.readPhysical(0x300001, 2)).toEqual(Uint8Array.of(2, 3));
  const end = BigInt(target.ramSize);
  expect(target.readMemory(0, end - 2n, 4)).toBeUndefined();
  expect(target.writeMemory(0, end - 2n, Uint8Array.of(9, 9, 9, 9))).toBe(false);
  expect(target.readMemory(0, end - 2n, 2)).toEqual(Uint8Array.of(0, 0));
});

it('code that a debugger writes runs at once', async () => {
  const target = await make('l');
  await target.run({ until: 1000 });
  target.writeRegister(0, 'rip', address('loop_for_ever'));
  // mov $7, %eax; out %al, $0xf4
  target.writeMemory(0, address('loop_for_ever'), Uint8Array.of(0xb8, 7, 0, 0, 0, 0xe6, 0xf4));
  expect(await target.run()).toEqual({ kind: 'exit', cpu: 0, code: 7 });
});

it('disassembles in the size of the CPU\'s code segment', async () => {
  const target = await make();
  expect(target.disassemble(0, address('start'), 2).map(one => one.text)).toEqual(['mov 0x18(%ebx), %esi', expect.stringMatching(/^lgdtl? 0x20\w+$/)]);
});
