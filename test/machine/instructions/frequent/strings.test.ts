import { describe, expect, it } from 'vitest';
import { Flag } from '../../../../src/machine/cpu/layout.js';
import { Random } from '../../../oracle/random.js';
import { ABSENT, CODE, Pair, READ_ONLY } from './compare.js';

const RAX = 0, RCX = 1, RSI = 6, RDI = 7;
/** Where the strings are: a few pages before those that are absent and read-only, and behind them. */
const AREA = 0x3c000, AREA_END = 0x48000, PAGE = 0x1000;
const OPCODES = { movs: 0xa4, cmps: 0xa6, stos: 0xaa, lods: 0xac, scas: 0xae } as const;
type Operation = keyof typeof OPCODES;

interface Trial { operation: Operation; size: number; rep: 'none' | 'rep' | 'repne'; rax: bigint; rcx: bigint; rsi: number; rdi: number; steps: number; }

/** What iteration after iteration does (SDM Vol. 2, the operations of these instructions), byte by byte. */
function model(trial: Trial, memory: Uint8Array): { rax: bigint; rcx: bigint; rsi: number; rdi: number; zf: boolean | undefined; faults: boolean; done: number } {
  const { operation, size, rep } = trial;
  let { rax, rcx, rsi, rdi } = trial, zf: boolean | undefined, done = 0;
  const isBad = (at: number, write: boolean) => [at, at + size - 1].some(a => (a & -PAGE) === ABSENT || write && (a & -PAGE) === READ_ONLY);
  const read = (at: number) => memory.slice(at - AREA, at - AREA + size).reduceRight((value, byte) => value << 8n | BigInt(byte), 0n);
  const write = (at: number, value: bigint) => { for (let n = 0; n < size; n++) memory[at - AREA + n] = Number(value >> BigInt(8 * n) & 0xffn); };
  const low = () => BigInt.asUintN(8 * size, rax), readsSource = operation === 'movs' || operation === 'lods' || operation === 'cmps';
  while (done < trial.steps && (rep === 'none' ? done < 1 : rcx > 0n)) {
    if (readsSource && isBad(rsi, false) || operation !== 'lods' && isBad(rdi, operation === 'movs' || operation === 'stos')) return { rax, rcx, rsi, rdi, zf, faults: true, done };
    if (operation === 'movs') write(rdi, read(rsi));
    else if (operation === 'stos') write(rdi, low());
    else if (operation === 'lods') rax = size >= 4 ? read(rsi) : rax >> BigInt(8 * size) << BigInt(8 * size) | read(rsi);
    else zf = (operation === 'scas' ? low() : read(rsi)) === read(rdi);
    if (readsSource) rsi += size;
    if (operation !== 'lods') rdi += size;
    done++;
    if (rep === 'none') break;
    rcx--;
    if (zf !== undefined && zf !== (rep === 'rep')) break;
  }
  return { rax, rcx, rsi, rdi, zf, faults: false, done };
}

function bytesOf({ operation, size, rep }: Trial): number[] {
  return [...rep === 'none' ? [] : [rep === 'rep' ? 0xf3 : 0xf2], ...size === 2 ? [0x66] : size === 8 ? [0x48] : [], OPCODES[operation] | (size > 1 ? 1 : 0)];
}

describe('string instructions', () => {
  it('do one iteration after another, interpreted and translated, in rows and cut off anywhere, over pages, overlaps and faults', () => {
    const random = new Random(7), pair = new Pair(), memory = new Uint8Array(AREA_END - AREA);
    const found = { whole: 0, cut: 0, faults: 0, overlaps: 0, manyPages: 0, stopped: 0 };
    for (let n = 0; n < 2000; n++) {
      const operation = random.pick(['movs', 'movs', 'stos', 'scas', 'cmps', 'lods'] as const), size = random.pick([1, 2, 4, 8]), rep = random.pick(['none', 'rep', 'rep', 'repne'] as const);
      // Equal bytes for the most part, for what compares.
      for (let at = 0; at < memory.length; at++) memory[at] = 0x41;
      for (let k = 0; k < random.below(6); k++) memory[random.below(memory.length)] = random.below(256);
      const near = () => random.pick([AREA + 0x800, AREA + PAGE, ABSENT - PAGE, ABSENT, READ_ONLY + PAGE, AREA_END - 3 * PAGE]) + random.between(-40, 40), rsi = near();
      const rdi = random.below(3) ? near() : rsi + random.between(-20, 20), count = random.pick([0, 1, 2, 3, random.below(40), random.below(300), random.below(300), 1024 + random.below(300)]);
      const trial: Trial = { operation, size, rep, rax: random.below(3) ? 0x4141_4141_4141_4141n : BigInt(random.below(0x10000)), rcx: BigInt(count), rsi, rdi, steps: random.below(3) ? 3000 : 1 + random.below(Math.max(count, 1)) };
      if (Math.max(rsi, rdi) + count * size > AREA_END) continue;
      const before = memory.slice(), expected = model(trial, memory), isWhole = !expected.faults && (rep === 'none' || expected.rcx === 0n || expected.zf !== undefined && expected.zf !== (rep === 'rep'));
      // Not beyond the instruction, the fault's delivery, or where the turn ends.
      const steps = expected.faults ? expected.done + 1 : isWhole ? Math.max(expected.done, 1) : expected.done;
      for (const interpreted of [true, false]) {
        for (const machine of pair.machines) for (let at = 0; at < before.length; at += PAGE) machine.memory.write(AREA + at, before.subarray(at, at + PAGE));
        const texts = pair.run({
          code: bytesOf(trial), registers: { [RAX]: trial.rax, [RCX]: trial.rcx, [RSI]: BigInt(rsi), [RDI]: BigInt(rdi) }, steps, interpreted,
        });
        const what = `trial ${n} ${JSON.stringify(trial, (_, v: unknown) => typeof v === 'bigint' ? v.toString(16) : v)}`;
        expect(texts[1], what).toBe(texts[0]);
        for (const machine of pair.machines) {
          const cpu = machine.cpus[0]!;
          expect([RAX, RCX, RSI, RDI].map(r => cpu.gpr(r)), what).toEqual([expected.rax, expected.rcx, BigInt(expected.rsi), BigInt(expected.rdi)]);
          expect(Buffer.compare(machine.memory.read(AREA, memory.length), memory), what).toBe(0);
          if (!expected.faults) expect(cpu.rip, what).toBe(BigInt(CODE + (isWhole ? bytesOf(trial).length : 0)));
        }
      }
      if (expected.faults) found.faults++;
      else if (isWhole) found.whole++;
      else found.cut++;
      if (operation === 'movs' && rdi > rsi && rdi < rsi + count * size) found.overlaps++;
      if (expected.done * size > PAGE) found.manyPages++;
      if (isWhole && rep !== 'none' && expected.rcx > 0n) found.stopped++;
    }
    for (const [what, count] of Object.entries(found)) expect(count, what).toBeGreaterThan(25);
    expect(pair.translated).toBeGreaterThan(700);
  });

  it('go backwards, through FS and with 32-bit addresses as their handlers do', () => {
    const pair = new Pair();
    for (const [code, flags] of [[[0xf3, 0xa4], Flag.DF], [[0xf3, 0x64, 0xa4], 0], [[0xf3, 0x67, 0xa4], 0], [[0xf3, 0x67, 0xab], 0], [[0x67, 0xae], 0]] as const) {
      const texts = pair.run({ code, flags, registers: { [RAX]: 0x4142n, [RCX]: 0x1_0000_0007n, [RSI]: BigInt(AREA + 0x100), [RDI]: BigInt(AREA + 0x200) }, steps: 7 });
      expect(texts[1]).toBe(texts[0]);
      expect(pair.machines[1]!.cpus[0]!.gpr(RDI)).not.toBe(BigInt(AREA + 0x200));
    }
  });
});
