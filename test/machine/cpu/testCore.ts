import type { Core, Handler } from '../../../src/machine/core.js';
import { GuestFault } from '../../../src/machine/core.js';
import { cpuFeatures, type CpuFeatures } from '../../../src/machine/cpu/features.js';
import { writeFlags } from '../../../src/machine/cpu/flags.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { resetCpu } from '../../../src/machine/cpu/reset.js';
import { CpuState } from '../../../src/machine/cpu/state.js';
import { IoPorts } from '../../../src/machine/devices/ioPorts.js';
import { LocalApic } from '../../../src/machine/devices/localApic.js';
import { handlers } from '../../../src/machine/instructions/system/index.js';
import { Watch } from '../../../src/machine/memory/watch.js';
import { Access } from '../../../src/machine/memory/access.js';
import { Bus } from '../../../src/machine/memory/bus.js';
import { GuestMemory } from '../../../src/machine/memory/guestMemory.js';
import { Mmu } from '../../../src/machine/memory/mmu.js';
import { decode } from '../../../src/machine/translate/decode.js';

/** Selectors of the test GDT. */
export const S = {
  code32: 0x08, code64: 0x10, data: 0x18, userCode32: 0x23, userData: 0x2b, userCode64: 0x33, conforming64: 0x38, tss: 0x40, ldt: 0x50,
  absentData: 0x60, absentCode: 0x68, userReadOnly: 0x73, expandDown: 0x78, unaccessed: 0x80, callGate: 0x88, code64Big: 0x98, executeOnly: 0xa0,
};
export const GDT = 0x6000, IDT = 0x7000, TSS = 0x8000, LDT = 0x9000;
export const KERNEL_CODE = 0x10000n, KERNEL_STACK = 0x18000n, RSP0 = 0x20000n, RSP1 = 0x22000n, HANDLER = 0x30000n;
export const USER_CODE = 0x100000n, USER_STACK = 0x110000n;
/** This page is not mapped. */
export const UNMAPPED = 0x1ff000n;
export const ist = (n: number): bigint => 0x24000n + BigInt(n) * 0x1000n;

const PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000;

/** The parts of a machine around its system instructions, without its run loop: instructions are executed by `exec`. */
export class TestCore implements Core {
  readonly memory = new GuestMemory(0x400000);
  readonly features: CpuFeatures;
  readonly cpus: CpuState[];
  readonly bus = new Bus(this.memory);
  readonly mmu: Mmu;
  readonly access: Access;
  readonly watch: Watch;
  readonly apics: LocalApic[];
  readonly io = new IoPorts();
  time = 0;
  exits: number[] = [];

  constructor(options: { cpus?: number; features?: Partial<CpuFeatures> } = {}) {
    this.features = cpuFeatures(options.features);
    this.cpus = Array.from({ length: options.cpus ?? 1 }, (_, n) => new CpuState(this.memory.wasm, n));
    this.mmu = new Mmu(this.memory, this.bus, this.cpus);
    this.access = new Access(this.mmu);
    this.watch = new Watch(this);
    this.apics = this.cpus.map(cpu => new LocalApic(this, cpu));
    for (const cpu of this.cpus) resetCpu(this, cpu);
  }
  now(): number { return this.time; }
  instructionBreakpointsChanged(): void { /* the run loop's */ }
  requestExit(code: number): void { this.exits.push(code); }

  get cpu(): CpuState { return this.cpus[0]!; }

  write64(physical: number, value: bigint): void { this.memory.write(physical, bytes64(value)); }
  read64(physical: number | bigint): bigint { return new DataView(this.memory.read(Number(physical), 8).buffer).getBigUint64(0, true); }
  /** The `count` quadwords from an address up. */
  frame(address: bigint, count: number): bigint[] { return Array.from({ length: count }, (_, n) => this.read64(address + BigInt(8 * n))); }

  /** Writes the low quadword of an IDT gate: `type` 14 interrupt, 15 trap. */
  gate(vector: number, options: { type?: number; dpl?: number; ist?: number; selector?: number; present?: boolean; offset?: bigint } = {}): void {
    const { type = 14, dpl = 0, ist: stack = 0, selector = S.code64, present = true, offset = HANDLER + BigInt(vector) * 16n } = options;
    const low = offset & 0xffffn | BigInt(selector) << 16n | BigInt(stack) << 32n | BigInt(type | dpl << 5 | (present ? 0x80 : 0)) << 40n | (offset >> 16n & 0xffffn) << 48n;
    this.write64(IDT + vector * 16, low);
    this.write64(IDT + vector * 16 + 8, BigInt.asUintN(32, offset >> 32n));
  }

  /** Executes one system instruction given by its bytes at RIP. A fault is returned, not delivered. */
  exec(bytes: number[], cpu = this.cpu): GuestFault | undefined {
    const base = cpu.int(L.MODE) & L.CodeMode.Long ? 0n : cpu.segBase(Seg.CS);
    const insn = decode(Uint8Array.from(bytes), cpu.rip, base + cpu.rip, cpu.int(L.MODE));
    if (typeof insn === 'string') throw new Error(`these bytes are ${insn}`);
    const handler: Handler | undefined = handlers.get(insn.mnemonic);
    if (!handler) throw new Error('not a system instruction');
    try {
      if (handler(this, cpu, insn) !== 'jumped') cpu.rip = insn.next;
      return undefined;
    } catch (error) {
      if (error instanceof GuestFault) return error;
      throw error;
    }
  }

  setPage(page: bigint, bits: bigint): void {
    this.write64(PT + Number(page >> 12n) * 8, bits === 0n ? 0n : page | bits);
    this.mmu.flushAll(this.cpu, { globals: true });
  }

  loadGdt(): void {
    const d = (selector: number, rights: number, limit = 0xfffff, base = 0) => {
      const value = BigInt(limit & 0xffff) | BigInt(base & 0xffffff) << 16n | BigInt(rights & 0xff) << 40n
        | BigInt(limit >> 16 & 15) << 48n | BigInt(rights >> 12 & 15) << 52n | BigInt(base >>> 24) << 56n;
      this.write64(GDT + (selector & ~7), value);
    };
    d(S.code32, 0xc09b); d(S.code64, 0xa09b); d(S.data, 0xc093); d(S.userCode32, 0xc0fb); d(S.userData, 0xc0f3); d(S.userCode64, 0xa0fb);
    d(S.conforming64, 0xa09f); d(S.tss, 0x0089, 0x67, TSS); d(S.ldt, 0x0082, 0xff, LDT); d(S.absentData, 0xc013); d(S.absentCode, 0xa01b);
    d(S.userReadOnly, 0xc0f1); d(S.expandDown, 0x4097, 0x0fff); d(S.unaccessed, 0xc092); d(S.callGate, 0x008c); d(S.code64Big, 0xe09b); d(S.executeOnly, 0xa099);
    for (const upper of [S.tss + 8, S.ldt + 8]) this.write64(GDT + upper, 0n);
  }

  /** 64-bit mode, 2 MiB mapped one to one: supervisor pages below 1 MiB, user pages above, the last one absent. */
  longMode(): this {
    const { cpu } = this;
    this.write64(PML4, BigInt(PDPT) | 7n);
    this.write64(PDPT, BigInt(PD) | 7n);
    this.write64(PD, BigInt(PT) | 7n);
    for (let n = 0; n < 511; n++) this.write64(PT + 8 * n, BigInt(n * 0x1000) | (n < 256 ? 3n : 7n));
    this.loadGdt();
    for (let vector = 0; vector < 256; vector++) this.gate(vector, { dpl: vector === 3 || vector === 4 || vector === 0x80 ? 3 : 0 });
    this.write64(TSS + 4, RSP0);
    this.write64(TSS + 12, RSP1);
    for (let n = 1; n <= 7; n++) this.write64(TSS + 0x24 + 8 * (n - 1), ist(n));
    cpu.set(L.CR0, 0x80010031n);
    cpu.set(L.CR3, BigInt(PML4));
    cpu.set(L.CR4, 0x20n);
    cpu.set(L.EFER, 0xd01n);
    cpu.set(L.GDTR_BASE, BigInt(GDT));
    cpu.set(L.GDTR_LIMIT, 0xffn);
    cpu.set(L.IDTR_BASE, BigInt(IDT));
    cpu.set(L.IDTR_LIMIT, 0xfffn);
    cpu.setSegment(Seg.TR, S.tss, 0x8b, 0x67, BigInt(TSS));
    cpu.setSegment(Seg.LDTR, 0, 0, 0, 0n);
    cpu.set(L.STAR, 0x0023_0010_0000_0000n);
    return this.kernel();
  }

  kernel(): this {
    const { cpu } = this;
    cpu.setSegment(Seg.CS, S.code64, 0xa09b, 0xffffffff, 0n);
    for (const seg of [Seg.SS, Seg.DS, Seg.ES, Seg.FS, Seg.GS]) cpu.setSegment(seg, S.data, 0xc093, 0xffffffff, 0n);
    cpu.rip = KERNEL_CODE;
    cpu.setGpr(4, KERNEL_STACK);
    writeFlags(cpu, 2);
    updateMode(this, cpu);
    this.mmu.flushAll(cpu, { globals: true });
    return this;
  }

  user(): this {
    const { cpu } = this;
    cpu.setSegment(Seg.CS, S.userCode64, 0xa0fb, 0xffffffff, 0n);
    for (const seg of [Seg.SS, Seg.DS, Seg.ES, Seg.FS, Seg.GS]) cpu.setSegment(seg, S.userData, 0xc0f3, 0xffffffff, 0n);
    cpu.rip = USER_CODE;
    cpu.setGpr(4, USER_STACK);
    writeFlags(cpu, 0x202);
    updateMode(this, cpu);
    return this;
  }

  /** 32-bit code at the CPL of the selector, in compatibility mode. */
  compatibility(cpl: 0 | 3): this {
    if (cpl) this.user();
    else this.kernel();
    this.cpu.setSegment(Seg.CS, cpl ? S.userCode32 : S.code32, cpl ? 0xc0fb : 0xc09b, 0xffffffff, 0n);
    updateMode(this, this.cpu);
    return this;
  }

  /** Protected mode without paging, as a PVH kernel starts. */
  protectedMode(): this {
    const { cpu } = this;
    this.loadGdt();
    cpu.set(L.CR0, 0x31n);
    cpu.set(L.GDTR_BASE, BigInt(GDT));
    cpu.set(L.GDTR_LIMIT, 0xffn);
    cpu.set(L.IDTR_BASE, BigInt(IDT));
    cpu.set(L.IDTR_LIMIT, 0x7ffn);
    this.kernel();
    cpu.setSegment(Seg.CS, S.code32, 0xc09b, 0xffffffff, 0n);
    updateMode(this, cpu);
    return this;
  }

  /** Real mode, as after a SIPI. */
  realMode(): this {
    const { cpu } = this;
    cpu.setSegment(Seg.CS, 0x1000, 0x93, 0xffff, 0x10000n);
    cpu.setSegment(Seg.SS, 0, 0x93, 0xffff, 0n);
    cpu.rip = 0n;
    cpu.setGpr(4, 0x8000n);
    updateMode(this, cpu);
    return this;
  }

  /** All of the CPU's state that a faulting instruction must leave alone. */
  snapshot(cpu = this.cpu): string { return Array.from(cpu.u64.subarray(0, L.RUN_STATE >> 3)).map((v, n) => n >= L.FAST_TABLE >> 3 && n <= L.FAST_CONTEXT >> 3 ? 0n : v).join(); }
}

function bytes64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return bytes;
}

/** Expects a fault with this vector and error code. */
export function expectFault(fault: GuestFault | undefined, vector: number, errorCode?: number): void {
  if (!fault) throw new Error(`expected exception ${vector}, but the instruction completed`);
  if (fault.vector !== vector || fault.errorCode !== errorCode) {
    throw new Error(`expected exception ${vector} error ${errorCode}, got ${fault.vector} error ${fault.errorCode}`);
  }
}
