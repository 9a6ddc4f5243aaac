import { readFlags, writeFlags } from '../../../../src/machine/cpu/flags.js';
import * as L from '../../../../src/machine/cpu/layout.js';
import { Seg } from '../../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../../src/machine/cpu/modes.js';
import { Machine } from '../../../../src/machine/machine.js';
import { Random } from '../../../oracle/random.js';
import { NEVER_TRANSLATE } from '../../translate/tuning.js';

/**
 * Two machines that are always put into the same state: one executes an instruction by its handler, the other in a translated
 * region. Linear addresses 0 to 2 MiB are RAM, mapped to itself for everybody except for some pages.
 */
const RAM = 2 << 20;
const ROOT = 0x1000, PDPT = 0x2000, DIRECTORY = 0x3000, USER_ROOT = 0x5000;
export const TABLE = 0x4000, CODE = 0x10000, USER_CODE = 0x11000, HANDLER = 0x12000, STACK = 0x20000, GDT = 0x30000, IDT = 0x31000, TSS = 0x32000;
/** Not present; for CPL 0 only; read-only. */
export const ABSENT = 0x40000, KERNEL_ONLY = 0x41000, READ_ONLY = 0x42000;

/** Descriptors by index in the GDT: what IRET finds there. */
const DESCRIPTORS: readonly bigint[] = [
  0n, 0x00af9b000000ffffn, 0x00cf93000000ffffn, 0x00cff3000000ffffn, 0x00affb000000ffffn,
  0x00af9a000000ffffn, // 5: code, not accessed
  0x00cff2000000ffffn, // 6: data, not accessed
  0x00cffb000000ffffn, // 7: 32-bit user code
  0x00af9f000000ffffn, // 8: conforming
  0x00affb0000001234n, // 9: user code with a limit
  0x80cff3345678ffffn, // 10: user data with a base
  0x00cf13000000ffffn, // 11: not present
  0x00cff1000000ffffn, // 12: read-only
  0x0000f3000000ffffn, // 13: 16-bit user stack
  0x00ef9b000000ffffn, // 14: L and D
  0x0020fb0000000000n, // 15: user code with nothing but its rights
  0x000093000000ffffn, // 16: 16-bit kernel stack
];

/** What a trial starts from. */
export interface Start {
  code: readonly number[];
  /** CPL 3. */
  user?: boolean;
  flags?: number;
  cr4?: number;
  efer?: number;
  registers?: Record<number, bigint>;
  /** Values of fields of the CPU state, by offset. */
  fields?: Record<number, bigint>;
  /** i32 fields. */
  ints?: Record<number, number>;
  /** Words of memory by address. */
  memory?: Record<number, bigint>;
  /** Vectors of interrupts that wait. */
  interrupts?: readonly number[];
  steps: number;
  /** On both machines. */
  interpreted?: boolean;
}

export class Pair {
  readonly machines: readonly Machine[];
  /** How often the first instruction did not come to its handler. */
  translated = 0;
  private handlers = 0;

  constructor() {
    this.machines = [0, 1].map(() => new Machine({ cpus: 1, ramSize: RAM }));
    for (const machine of this.machines) {
      const { memory } = machine;
      for (const root of [ROOT, USER_ROOT]) memory.writeU64(root, BigInt(PDPT | 7));
      memory.writeU64(PDPT, BigInt(DIRECTORY | 7));
      memory.writeU64(DIRECTORY, BigInt(TABLE | 7));
      DESCRIPTORS.forEach((descriptor, n) => memory.writeU64(GDT + 8 * n, descriptor));
      for (let vector = 0; vector < 256; vector++) memory.writeU64(IDT + 16 * vector, BigInt(HANDLER & 0xffff) | 8n << 16n | 0x8en << 40n | BigInt(HANDLER >>> 16) << 48n);
      memory.writeU64(TSS + 4, BigInt(STACK + 0x1000));
      memory.fill(CODE, HANDLER + 0x1000 - CODE, 0xf4);
      memory.fill(HANDLER, 3, 0x90);
      machine.translator.tuning = NEVER_TRANSLATE;
    }
    const { translator } = this.machines[1]!, handlers = translator as unknown as { handle(cpu: unknown, insn: { ip: bigint }): unknown };
    const handle = handlers.handle.bind(translator);
    handlers.handle = (cpu, insn) => {
      if (insn.ip === BigInt(CODE) || insn.ip === BigInt(USER_CODE)) this.handlers++;
      return handle(cpu, insn);
    };
  }

  /** Runs the same on both and gives two texts that must be equal. */
  run(start: Start): string[] {
    this.handlers = 0;
    const results = this.machines.map((machine, n) => {
      this.prepare(machine, start);
      if (n === 1 && !start.interpreted) machine.translator.compileNow(machine.cpus[0]!, [machine.cpus[0]!.rip]);
      // Somebody who watches makes the first machine take the long way of delivery.
      machine.onException = n === 0 ? () => false : undefined;
      const before = machine.position, stop = machine.run(machine.position + start.steps);
      const exceptions = machine.recentExceptions(0).filter(record => record.position >= before);
      return this.describe(machine) + exceptions.map(r => `${r.vector}(${r.errorCode}) at +${r.position - before} ${r.rip.toString(16)} ${r.address?.toString(16)} ${r.cpl} ${r.cr3.toString(16)}, `).join('') + (stop ? `${stop.kind} ${'reason' in stop ? stop.reason : ''}` : '');
    });
    if (!this.handlers) this.translated++;
    return results;
  }

  /** Puts a machine into the state from which a trial starts. */
  prepare(machine: Machine, start: Start): void {
    const cpu = machine.cpus[0]!, { memory } = machine, at = start.user ? USER_CODE : CODE;
    for (let page = 0; page < RAM >> 12; page++) {
      const linear = page << 12, bits = linear === ABSENT ? 0 : linear === KERNEL_ONLY ? 3 : linear === READ_ONLY ? 5 : 7;
      memory.writeU64(TABLE + 8 * page, BigInt(linear | bits));
    }
    DESCRIPTORS.forEach((descriptor, n) => memory.writeU64(GDT + 8 * n, descriptor));
    for (let vector = 0; vector < 32; vector++) memory.writeU64(IDT + 16 * vector, BigInt(HANDLER & 0xffff) | 8n << 16n | 0x8en << 40n | BigInt(HANDLER >>> 16) << 48n);
    memory.writeU64(TSS + 4, BigInt(STACK + 0x1000));
    for (let ist = 0; ist < 7; ist++) memory.writeU64(TSS + 0x24 + 8 * ist, BigInt(STACK + 0x100 * ist + 0x108));
    memory.write(at, Uint8Array.from([...start.code, ...new Array<number>(16).fill(0xf4)]));
    cpu.set(L.CR0, 0x80010033n);
    cpu.set(L.CR4, BigInt(0x20 | (start.cr4 ?? 0)));
    cpu.set(L.EFER, BigInt(0xd00 | (start.efer ?? 0)));
    const cpl = start.user ? 3 : 0;
    cpu.setSegment(Seg.CS, (start.user ? 0x20 : 8) | cpl, 0xa09b | cpl << 5, 0xffffffff, 0n);
    cpu.setSegment(Seg.SS, (start.user ? 0x18 : 0x10) | cpl, 0xc093 | cpl << 5, 0xffffffff, 0n);
    for (const seg of [Seg.DS, Seg.ES]) cpu.setSegment(seg, 0x18 | 3, 0xc0f3, 0xffffffff, 0n);
    for (const seg of [Seg.FS, Seg.GS]) cpu.setSegment(seg, 2, 0, 0, 0x1234n);
    cpu.setSegment(Seg.TR, 0x88, 0x8b, 0x67, BigInt(TSS));
    cpu.set(L.GDTR_BASE, BigInt(GDT));
    cpu.set(L.GDTR_LIMIT, BigInt(8 * DESCRIPTORS.length - 1));
    cpu.set(L.IDTR_BASE, BigInt(IDT));
    cpu.set(L.IDTR_LIMIT, 0xfffn);
    cpu.set(L.CR3, BigInt(ROOT));
    machine.mmu.setContext(cpu);
    if (!(start.cr4! & 1 << 17)) machine.mmu.flushAll(cpu, { globals: false });
    for (let n = 0; n < 16; n++) cpu.setGpr(n, start.registers?.[n] ?? BigInt(n) * 0x1111n);
    if (start.registers?.[4] === undefined) cpu.setGpr(4, BigInt(STACK + 0x800));
    for (const field of [L.NMI_PENDING, L.NMI_BLOCKED, L.SHADOW, L.NMI_UNBLOCK, L.SINGLE_STEP]) cpu.setInt(field, 0);
    cpu.set(L.LSTAR, BigInt(HANDLER));
    cpu.set(L.STAR, 0x00100008_00000000n);
    cpu.set(L.SFMASK, 0x300n);
    for (const [field, value] of Object.entries(start.fields ?? {})) cpu.set(Number(field), value);
    for (const [field, value] of Object.entries(start.ints ?? {})) cpu.setInt(Number(field), value);
    for (const [address, value] of Object.entries(start.memory ?? {})) memory.writeU64(Number(address), value);
    writeFlags(cpu, start.flags ?? 2);
    cpu.rip = BigInt(at);
    cpu.runState = L.RunState.Running;
    machine.apics[0]!.reset();
    machine.apics[0]!.write(0x0f, 0x1ff);
    for (const vector of start.interrupts ?? []) machine.apics[0]!.accept(vector);
    updateMode(machine, cpu);
  }

  /** What must be equal at the end. */
  describe(machine: Machine): string {
    const cpu = machine.cpus[0]!, words = (from: number, to: number) => Array.from(cpu.i32.subarray(from >> 2, to >> 2), w => (w >>> 0).toString(16)).join(' ');
    const memory = [...machine.memory.read(STACK, 0x1000), ...machine.memory.read(GDT, 0x100), ...machine.memory.read(TABLE, 0x800)].reduce((sum, byte) => Math.imul(sum, 31) + byte | 0, 0);
    return `${machine.position} ${words(0, L.CC_DST)} | ${readFlags(cpu).toString(16)} | ${words(L.MODE, L.FAST_TABLE)} ${words(L.SEG, L.FAULT_VECTOR)} ${cpu.int(L.NMI_UNBLOCK)}\n`
      + `${cpu.steps} memory ${memory} tlb ${machine.mmu.entries(cpu).map(e => `${e.linear.toString(16)}.${e.pcid}.${e.global}.${e.frame.toString(16)}.${e.dirty}`).join(' ')}\n`;
  }
}

/** Values from a list, most of the time; else random ones. */
export function pick(random: Random, values: readonly bigint[]): bigint { return random.chance(0.9) ? random.pick(values) : random.value(); }
