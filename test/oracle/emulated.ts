import { readFlags, writeFlags } from '../../src/machine/cpu/flags.js';
import * as L from '../../src/machine/cpu/layout.js';
import { Seg } from '../../src/machine/cpu/layout.js';
import { loadX87, loadXmm, saveMxcsr, saveX87, saveXmm } from '../../src/machine/cpu/fxsaveArea.js';
import { updateMode } from '../../src/machine/cpu/modes.js';
import { Machine } from '../../src/machine/machine.js';
import { FX_BYTES, initialFx } from './fxState.js';
import { type Bits, CODE, CODE_PAGES, type Case, codeBase, DATA, dataBase, DATA_BYTES, DATA_PAGES, entryIp, GS_BASE, initialMemory, type Outcome } from './layout.js';

const P = 1n, RW = 2n, US = 4n, AD = 0x60n;
const ROOT = 0x1000, PDPT = 0x2000, PD = 0x3000, TABLES = 0x6000, CODE_AT = 0x100000, DATA_AT = 0x200000;

/** A machine of one CPU in 64-bit user mode with the harness's address space. */
export class Emulated {
  readonly machine: Machine;
  private exception: { vector: number; errorCode?: number; address?: bigint } | undefined;
  /** Steps that the last case took. */
  steps = 0;

  constructor() {
    const machine = this.machine = new Machine({ cpus: 1, ramSize: 8 << 20 });
    const { memory } = machine, cpu = machine.cpus[0]!;
    memory.writeU64(ROOT, BigInt(PDPT) | P | RW | US | AD);
    for (let n = 0; n < 2; n++) memory.writeU64(PDPT + n * 8, BigInt(PD) + BigInt(n * 0x1000) | P | RW | US | AD);
    this.map(CODE, CODE_AT, CODE_PAGES, P | US | AD, 0);
    this.map(DATA, DATA_AT, DATA_PAGES - 1, P | RW | US | AD | 1n << 63n, 1);
    this.map(DATA + (DATA_PAGES - 1) * 0x1000, DATA_AT + (DATA_PAGES - 1) * 0x1000, 1, P | US | AD | 1n << 63n, 1);
    // As Linux has it: with CR0.AM, for cases that begin with RFLAGS.AC.
    cpu.set(L.CR0, 0x80050033n);
    cpu.set(L.CR4, 0x40620n);
    cpu.set(L.XCR0, 3n);
    cpu.set(L.EFER, 0xd01n);
    // A task segment without an I/O map.
    cpu.setSegment(Seg.TR, 0x40, 0x008b, 0x65, BigInt(0));
    cpu.setSegment(Seg.FS, 0x2b, 0xc0f3, 0xffffffff, 0n);
    this.select(64);
    cpu.setSegment(Seg.GS, 0, 0xc0f3, 0xffffffff, BigInt(GS_BASE));
    machine.mmu.loadCr3(cpu, BigInt(ROOT));
    updateMode(machine, cpu);
    machine.onException = record => {
      this.exception = record;
      return true;
    };
  }

  /** Loads the segments for code of that many bits, as the harness does. */
  private select(bits: Bits): void {
    const cpu = this.machine.cpus[0]!, small = bits === 16;
    cpu.setSegment(Seg.CS, small ? 0x07 : bits === 32 ? 0x23 : 0x33, small ? 0x00fb : bits === 32 ? 0xc0fb : 0xa0fb, small ? 0xffff : 0xffffffff, BigInt(codeBase(bits)));
    for (const seg of [Seg.SS, Seg.DS, Seg.ES]) cpu.setSegment(seg, small ? 0x0f : 0x2b, small ? 0x00f3 : 0xc0f3, small ? DATA_BYTES - 1 : 0xffffffff, BigInt(dataBase(bits)));
    updateMode(this.machine, cpu);
  }

  private map(linear: number, physical: number, pages: number, bits: bigint, table: number): void {
    const { memory } = this.machine, at = TABLES + table * 0x1000;
    memory.writeU64(PD + 0x1000 + (linear >>> 21 & 0x1ff) * 8, BigInt(at) | P | RW | US | AD);
    for (let n = 0; n < pages; n++) memory.writeU64(at + ((linear >>> 12) + n & 0x1ff) * 8, BigInt(physical + n * 0x1000) | bits);
  }

  /** Puts the code of a batch into the code pages. */
  loadCode(image: Uint8Array): void { this.machine.memory.write(CODE_AT, image); }

  /** Translates the code of these cases to regions. */
  compile(cases: readonly Case[]): void {
    const cpu = this.machine.cpus[0]!;
    for (const bits of [16, 32, 64] as const) for (const aligned of [0, L.Flag.AC]) {
      writeFlags(cpu, aligned);
      this.select(bits);
      this.machine.translator.compileNow(cpu, cases.filter(c => c.bits === bits && (c.flags & L.Flag.AC) === aligned).map(c => BigInt(entryIp(c))));
    }
  }

  /** The interpreter, one step at a time, until INT3 is next or an exception is raised, or `limit` steps are done. */
  interpret(c: Case, limit = 1000): Outcome {
    this.start(c);
    const begin = this.machine.position;
    while (!this.ended() && this.machine.position < begin + limit) this.go(1);
    this.steps = this.machine.position - begin;
    return this.outcome();
  }

  /** As many steps at once, by the region if `compile` has made one. */
  run(c: Case, steps: number): Outcome {
    this.start(c);
    const begin = this.machine.position;
    // An exception that ends the case is no step of it: it comes in the one after.
    if (steps) this.go(steps);
    if (!this.ended()) this.go(1);
    this.steps = this.machine.position - begin;
    return this.outcome();
  }

  private go(steps: number): void {
    const stop = this.machine.run(this.machine.position + steps);
    if (stop && stop.kind !== 'exception') throw new Error(`the machine stopped: ${JSON.stringify(stop, (_, v) => typeof v === 'bigint' ? v.toString(16) : v as unknown)}`);
  }

  private ended(): boolean {
    if (this.exception) return true;
    const cpu = this.machine.cpus[0]!, rip = Number(cpu.rip + cpu.segBase(Seg.CS));
    return rip >= CODE && rip < CODE + CODE_PAGES * 0x1000 && this.machine.memory.readU8(rip - CODE + CODE_AT) === 0xcc;
  }

  private start(c: Case): void {
    // A run passes the exception at which the last one has stopped; this case must not meet that.
    this.machine.run(this.machine.position);
    const { memory } = this.machine, cpu = this.machine.cpus[0]!, bytes = initialMemory(c);
    memory.write(DATA_AT, bytes);
    c.gpr.forEach((value, n) => cpu.setGpr(n, value));
    writeFlags(cpu, c.flags | 0x202);
    const fx = initialFx(c.fxSeed ?? 0), area = new DataView(fx.buffer);
    loadX87(cpu, area, true);
    loadXmm(cpu, area, 16);
    cpu.setInt(L.MXCSR, area.getUint32(24, true));
    this.select(c.bits);
    cpu.rip = BigInt(entryIp(c));
    this.exception = undefined;
  }

  private fxState(): Uint8Array {
    const cpu = this.machine.cpus[0]!, area = new DataView(new ArrayBuffer(FX_BYTES));
    saveX87(cpu, area, true);
    saveMxcsr(cpu, area);
    saveXmm(cpu, area, 16);
    return new Uint8Array(area.buffer);
  }

  private outcome(): Outcome {
    const { memory } = this.machine, cpu = this.machine.cpus[0]!, e = this.exception;
    return {
      gpr: Array.from({ length: 16 }, (_, n) => cpu.int(L.MODE) & L.CodeMode.Long ? cpu.gpr(n) : cpu.gpr(n) & 0xffffffffn), rip: cpu.rip, flags: readFlags(cpu) & 0xcd5, vector: e ? e.vector : 3,
      error: e?.errorCode ?? 0, address: e?.address ?? 0n, fx: this.fxState(), memory: memory.read(DATA_AT, DATA_BYTES),
    };
  }
}
