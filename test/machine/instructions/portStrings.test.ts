import { describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { Flag, Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import type { Machine } from '../../../src/machine/machine.js';
import { DATA } from '../../oracle/layout.js';
import { machineWith, run } from '../translate/code.js';
import { DATA_AT } from '../translate/program.js';

const RCX = 1, RDX = 2, RSI = 6, RDI = 7;
const INSB = [0x6c], INSW = [0x66, 0x6d], INSD = [0x6d], OUTSB = [0x6e], OUTSD = [0x6f], REP = 0xf3;
const PORT = 0x510a;

/** A machine whose port counts up by each read and keeps what is written. */
function machineOf(code: number[], setup: (machine: Machine) => void = () => {}): { machine: Machine; written: string[]; reads: () => number } {
  const machine = machineWith({ 0: [...code, 0xf4] }), written: string[] = [], cpu = machine.cpus[0]!;
  let count = 0;
  machine.io.add({
    first: PORT, count: 8, byteWide: false, name: 'counter',
    read: (_offset, size) => 0x11223300 + ++count & (size === 4 ? -1 : (1 << 8 * size) - 1),
    write: (offset, size, value) => { written.push(`${(PORT + offset).toString(16)}.${size}=${(value >>> 0).toString(16)}`); },
  });
  cpu.setGpr(RDX, BigInt(PORT) | 0x1234_0000n);
  cpu.setGpr(RSI, BigInt(DATA));
  cpu.setGpr(RDI, BigInt(DATA));
  setup(machine);
  return { machine, written, reads: () => count };
}

function raised(machine: Machine): { vector: number; errorCode?: number } | undefined {
  let found: { vector: number; errorCode?: number } | undefined;
  machine.onException = record => {
    found = { vector: record.vector, errorCode: record.errorCode };
    return true;
  };
  run(machine, 3);
  return found;
}

describe('INS and OUTS', () => {
  it.each([[INSB, 1, '01'], [INSW, 2, '0133'], [INSD, 4, '01332211']] as const)('INS %s stores what the port gives and moves RDI', (code, size, bytes) => {
    const { machine } = machineOf([...code]);
    run(machine, 1);
    expect(Buffer.from(machine.memory.read(DATA_AT, size)).toString('hex')).toBe(bytes);
    expect(machine.cpus[0]!.gpr(RDI)).toBe(BigInt(DATA + size));
  });

  it('REP repeats by steps, backwards with DF, and can be cut at any of them', () => {
    const hashes = [1, 2, 100].map(piece => {
      const { machine, written } = machineOf([REP, ...OUTSD], m => {
        m.cpus[0]!.setGpr(RCX, 3n);
        m.cpus[0]!.setGpr(RSI, BigInt(DATA + 8));
        m.memory.write(DATA_AT, Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0x80));
        m.cpus[0]!.setInt(L.FLAGS, m.cpus[0]!.int(L.FLAGS) | Flag.DF);
      });
      while (machine.position < 3) expect(machine.run(Math.min(3, machine.position + piece))).toBeUndefined();
      expect(written).toEqual(['510a.4=80000003', '510a.4=2', '510a.4=1']);
      expect([machine.cpus[0]!.gpr(RCX), machine.cpus[0]!.gpr(RSI)]).toEqual([0n, BigInt(DATA - 4)]);
      return machine.stateHash();
    });
    expect(new Set(hashes).size).toBe(1);
  });

  it('a page fault comes before the port is read, or written', () => {
    const ins = machineOf(INSB, m => m.cpus[0]!.setGpr(RDI, 0x7777_0000n));
    expect(raised(ins.machine)).toEqual({ vector: 14, errorCode: 2 });
    expect(ins.reads()).toBe(0);
    const outs = machineOf(OUTSB, m => m.cpus[0]!.setGpr(RSI, 0x7777_0000n));
    expect(raised(outs.machine)).toEqual({ vector: 14, errorCode: 0 });
    expect(outs.written).toEqual([]);
  });

  /** At CPL 1 (which pages do not tell from 0) with IOPL 0, and a bitmap in which only the ports from PORT on have zeros, as many as given. */
  const bitmap = (allowed: number, limit = 0x68 + 0x2000) => (machine: Machine): void => {
    const cpu = machine.cpus[0]!, task = DATA_AT;
    const map = new Uint8Array(0x2100).fill(0xff), at = 0x68;
    for (let port = PORT; port < PORT + allowed; port++) map[at + (port >> 3)]! &= ~(1 << (port & 7));
    machine.memory.write(task, map.subarray(0, 0x2000));
    machine.memory.writeU16(task + 0x66, at);
    cpu.setSegment(Seg.TR, 0x18, 0x8b, limit, BigInt(DATA));
    cpu.setSegment(Seg.CS, 0x09, 0xa0bb, 0xffffffff, 0n);
    cpu.setSegment(Seg.SS, 0x11, 0xc0b3, 0xffffffff, 0n);
    updateMode(machine, cpu);
    cpu.setGpr(RSI, BigInt(DATA + 0x1000));
  };

  it.each([[OUTSB, 1, 'allowed'], [OUTSB, 0, 'refused'], [OUTSD, 4, 'allowed'], [OUTSD, 3, 'refused'], [INSD, 3, 'refused'], [[REP, ...OUTSB], 0, 'refused'], [[0xee], 1, 'allowed'], [[0xef], 2, 'refused']] as const)(
    'the I/O permission bitmap decides where CPL exceeds IOPL: %s with %i ports is %s', (code, allowed, expected) => {
      const { machine } = machineOf([...code], bitmap(allowed));
      const fault = raised(machine);
      if (expected === 'refused') expect(fault).toEqual({ vector: 13, errorCode: 0 });
      // What follows, HLT, is privileged: the instruction itself went through.
      else expect([fault?.vector, machine.cpus[0]!.rip]).toEqual([13, BigInt(machineWith({}).cpus[0]!.rip) + BigInt(code.length)]);
    });

  it('a bitmap that the TSS ends before refuses', () => {
    const byte = PORT >> 3, refused = machineOf(OUTSB, bitmap(1, 0x68 + byte)), enough = machineOf(OUTSB, bitmap(1, 0x68 + byte + 1));
    raised(refused.machine);
    raised(enough.machine);
    expect([refused.written.length, enough.written.length]).toEqual([0, 1]);
  });
});
