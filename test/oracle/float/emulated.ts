import { readFlags, writeFlags } from '../../../src/machine/cpu/flags.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { Machine } from '../../../src/machine/machine.js';
import { AT, CODE, CODE_BYTES, DATA, DATA_BYTES, FLAGS, FloatState } from './layout.js';

const ROOT = 0x1000, PDPT = 0x2000, BASE = 0x40000000, RDI = 7;

/** A machine of one CPU in 64-bit code with the harness's address space: 1 GiB from BASE on is RAM from 0 on. */
export class FloatEmulated {
  readonly machine = new Machine({ cpus: 1, ramSize: 4 << 20 });
  private vector = 0;

  constructor() {
    const { machine } = this, cpu = machine.cpus[0]!;
    machine.memory.writeU64(ROOT, BigInt(PDPT) | 0x63n);
    machine.memory.writeU64(PDPT + 8, 0xe3n);
    cpu.set(L.CR0, 0x80010033n);
    cpu.set(L.CR4, 0x620n);
    cpu.set(L.EFER, 0xd01n);
    cpu.setSegment(Seg.CS, 0x10, 0xa09b, 0xffffffff, 0n);
    for (const seg of [Seg.SS, Seg.DS, Seg.ES, Seg.FS, Seg.GS]) cpu.setSegment(seg, 0x18, 0xc093, 0xffffffff, 0n);
    machine.mmu.loadCr3(cpu, BigInt(ROOT));
    updateMode(machine, cpu);
    machine.onException = record => {
      this.vector = record.vector;
      return true;
    };
  }

  /** Executes the instruction of a case. @param translated as a region, if there is one, not by the interpreter */
  run(start: FloatState, translated = false): FloatState {
    const { machine } = this, { memory } = machine, cpu = machine.cpus[0]!, end = start.copy();
    if (this.vector) this.leaveException();
    const code = new Uint8Array(CODE_BYTES + 1).fill(0xf4);
    code.set(start.code);
    memory.write(CODE - BASE, code);
    memory.write(DATA - BASE, start.bytes.subarray(AT.memory));
    const top = start.u16(AT.status) >> 11 & 7, tags = start.bytes[AT.tags]!;
    cpu.setInt(L.X87_CONTROL, start.u16(AT.control));
    cpu.setInt(L.X87_STATUS, start.u16(AT.status));
    let full = 0;
    for (let n = 0; n < 8; n++) {
      if (!(tags >> n & 1)) full |= 3 << 2 * n;
      const bits = start.st(n - top & 7);
      cpu.set(L.X87 + 16 * n, BigInt.asUintN(64, bits));
      cpu.setInt(L.X87 + 16 * n + 8, Number(bits >> 64n));
    }
    cpu.setInt(L.X87_TAGS, full);
    cpu.setInt(L.X87_OPCODE, start.u16(AT.opcode));
    cpu.set(L.X87_IP, start.u64(AT.ip));
    cpu.set(L.X87_DATA, start.u64(AT.dataPointer));
    cpu.setInt(L.MXCSR, start.u32(AT.mxcsr));
    for (let n = 0; n < 8; n++) cpu.set(L.XMM + 8 * n, start.u64(AT.xmm + 8 * n));
    cpu.setGpr(0, start.u64(AT.rax));
    cpu.setGpr(RDI, BigInt(DATA));
    writeFlags(cpu, Number(start.u64(AT.rflags)) & FLAGS | 2);
    cpu.rip = BigInt(CODE);
    this.vector = 0;
    if (translated) machine.translator.compileNow(cpu, [cpu.rip]);
    const stop = machine.run(machine.position + 1);
    if (stop && stop.kind !== 'exception') throw new Error(`the machine stopped: ${JSON.stringify(stop, (_, v) => typeof v === 'bigint' ? v.toString(16) : v as unknown)}`);
    if (!this.vector && cpu.rip !== BigInt(CODE + start.code.length)) throw new Error('the instruction has not ended where it should');
    this.read(end);
    return end;
  }

  /** A NOP: after a stop at an exception the machine would deliver the next one without asking, if it came in the same place. */
  private leaveException(): void {
    const { machine } = this, cpu = machine.cpus[0]!;
    machine.memory.write(CODE - BASE + 0x100, Uint8Array.of(0x90));
    cpu.rip = BigInt(CODE + 0x100);
    machine.run(machine.position + 1);
  }

  private read(end: FloatState): void {
    const { memory } = this.machine, cpu = this.machine.cpus[0]!, { view } = end;
    const status = cpu.int(L.X87_STATUS), top = status >> 11 & 7;
    view.setUint16(AT.control, cpu.int(L.X87_CONTROL), true);
    view.setUint16(AT.status, status, true);
    let tags = 0;
    for (let n = 0; n < 8; n++) {
      if ((cpu.int(L.X87_TAGS) >> 2 * n & 3) !== 3) tags |= 1 << n;
      end.setSt(n - top & 7, cpu.get(L.X87 + 16 * n) | BigInt(cpu.int(L.X87 + 16 * n + 8) & 0xffff) << 64n);
    }
    view.setUint8(AT.tags, tags);
    view.setUint16(AT.opcode, cpu.int(L.X87_OPCODE), true);
    view.setBigUint64(AT.ip, cpu.get(L.X87_IP), true);
    view.setBigUint64(AT.dataPointer, cpu.get(L.X87_DATA), true);
    view.setUint32(AT.mxcsr, cpu.int(L.MXCSR), true);
    view.setUint32(AT.vector, this.vector, true);
    for (let n = 0; n < 8; n++) view.setBigUint64(AT.xmm + 8 * n, cpu.get(L.XMM + 8 * n), true);
    view.setBigUint64(AT.rax, cpu.gpr(0), true);
    view.setBigUint64(AT.rflags, BigInt(readFlags(cpu)), true);
    end.bytes.set(memory.read(DATA - BASE, DATA_BYTES), AT.memory);
  }
}
