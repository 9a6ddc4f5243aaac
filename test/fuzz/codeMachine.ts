import { writeFlags } from '../../src/machine/cpu/flags.js';
import * as L from '../../src/machine/cpu/layout.js';
import { RunState, Seg } from '../../src/machine/cpu/layout.js';
import { updateMode } from '../../src/machine/cpu/modes.js';
import { Machine, type MachineStop } from '../../src/machine/machine.js';
import type { TlbAppetite } from '../../src/machine/memory/forgetting.js';
import { CODE_LINES_BASE, CPU_BASE, CPU_SIZE, LOW_END, PAGE_FLAGS_BASE, PAGE_FLAGS_SIZE, RAM_BASE, SCRATCH, TLB_BASE, TLB_CPU_SIZE } from '../../src/machine/memory/layout.js';
import type { Snapshot } from '../../src/machine/snapshot.js';
import { Random } from '../oracle/random.js';
import { CODE, type CodeCase, DATA, GDT, HANDLERS, IDT, LDT, PD, PDPT, PT, RAM, ROOT, Selector, STACK, TSS } from './codeCase.js';

const P = 1n, RW = 2n, US = 4n, AD = 0x60n;
const MARK = 0xa5;

/** How a run ended: what the machine said, where, and what its state is. */
export interface CodeOutcome { stop: string; position: number; hash: string; }

/** A machine that runs one case after the other, each from the same blank state. */
export class CodeMachine {
  readonly machine: Machine;
  private readonly blank: Snapshot;
  /** Host addresses, from and to, of memory that belongs to nobody. */
  private readonly guards: readonly (readonly [number, number])[];

  constructor(cpus: 1 | 2, tuning: { queueAt: number; compileAt: number; batch: number }, tlb: TlbAppetite) {
    this.machine = new Machine({ cpus, ramSize: RAM, tlb, schedule: { kind: 'random', quantum: 9, seed: 1 } });
    this.machine.translator.tuning = tuning;
    this.machine.onException = () => false;
    const end = this.machine.memory.u8.length;
    this.guards = [
      [0, SCRATCH], [LOW_END, CPU_BASE], ...Array.from({ length: 8 - cpus }, (_, n): [number, number] => [CPU_BASE + (cpus + n) * CPU_SIZE, CPU_BASE + (cpus + n + 1) * CPU_SIZE]),
      [PAGE_FLAGS_BASE + (RAM >> 12), PAGE_FLAGS_BASE + PAGE_FLAGS_SIZE - 0x20000], [TLB_BASE + cpus * TLB_CPU_SIZE, TLB_BASE + 8 * TLB_CPU_SIZE], [CODE_LINES_BASE + 8 * (RAM >> 12), RAM_BASE],
      ...RAM_BASE + RAM < end ? [[RAM_BASE + RAM, end] as [number, number]] : [],
    ];
    for (const [from, to] of this.guards) this.machine.memory.u8.fill(MARK, from, to);
    // Wild jumps soon end at a HLT; zeros would be instructions for whole pages.
    this.machine.memory.fill(CODE, RAM - CODE, 0xf4);
    this.blank = this.machine.takeSnapshot();
  }

  /** The first byte that nobody owns and somebody has written, or undefined. */
  trespass(): number | undefined {
    for (const [from, to] of this.guards) {
      const { u8 } = this.machine.memory;
      for (let at = from; at < to; at++) if (u8[at] !== MARK) return at;
    }
    return undefined;
  }

  /** Puts the machine into the state from which the case starts. */
  load(c: CodeCase): void {
    const { machine } = this, { memory } = machine;
    machine.restore(this.blank);
    this.tables(c);
    this.descriptors(c);
    const random = new Random(c.seed ^ 0xda7a);
    for (let n = 0; n < 0x200; n++) memory.writeU64(DATA + 8 * n, random.value());
    memory.write(CODE + c.entry, Uint8Array.from(c.code.flat()));
    for (const { at, value } of c.patches) memory.writeU64(at, value);
    machine.cpus.forEach((cpu, n) => {
      if (n > 0) {
        cpu.runState = RunState.Running;
      }
      cpu.set(L.CR0, c.cr0);
      cpu.set(L.CR4, c.cr4);
      cpu.set(L.EFER, c.paging === '4-level' ? 0xd01n : 0x801n);
      cpu.set(L.STAR, 0x002b0008_00000000n | BigInt(HANDLERS));
      cpu.set(L.LSTAR, BigInt(HANDLERS + 0x80));
      cpu.set(L.SYSENTER_CS, 8n);
      cpu.set(L.SYSENTER_EIP, BigInt(HANDLERS + 0x80));
      cpu.set(L.SYSENTER_ESP, BigInt(STACK + 0x4000));
      c.gpr.forEach((value, r) => cpu.setGpr(r, n && r < 4 ? value ^ 0x10n : value));
      cpu.setGpr(4, BigInt(STACK + 0x1800 - 0x800 * n));
      this.segments(c, n);
      writeFlags(cpu, c.real ? c.flags & ~0x34000 : c.flags);
      cpu.rip = BigInt(c.real ? c.entry : CODE + c.entry);
      updateMode(machine, cpu);
      machine.mmu.loadCr3(cpu, BigInt(ROOT));
      if (c.paging === 'PAE') for (let k = 0; k < 4; k++) cpu.set(L.PDPTE + 8 * k, memory.readU64(ROOT + 8 * k));
    });
    // Each state is the first of a course: the schedule begins anew with the case's seed.
    machine.schedule.state = [-1, c.seed >>> 0, 0];
  }

  private segments(c: CodeCase, n: number): void {
    const cpu = this.machine.cpus[n]!, at = (seg: Seg, selector: number, rights: number, limit: number, base: number) => cpu.setSegment(seg, selector, rights, limit, BigInt(base));
    if (c.real) {
      at(Seg.CS, CODE >> 4, 0x93, 0xffff, CODE);
      for (const seg of [Seg.DS, Seg.ES, Seg.FS, Seg.GS]) at(seg, DATA >> 4, 0x93, 0xffff, DATA);
      at(Seg.SS, STACK >> 4, 0x93, 0xffff, STACK);
      cpu.setGpr(4, 0x1800n);
      cpu.set(L.IDTR_BASE, 0n);
      cpu.setInt(L.IDTR_LIMIT, 0x3ff);
      return;
    }
    const dpl = c.cpl << 5, user = c.cpl === 3, code = c.bits === 64 ? user ? Selector.user64 : Selector.code64 : c.bits === 32 ? user ? Selector.user32 : Selector.code32 : user ? Selector.user16 : Selector.code16;
    at(Seg.CS, code & ~3 | c.cpl, (c.bits === 64 ? 0xa09b : c.bits === 32 ? 0xc09b : 0x809b) | dpl, 0xffffffff, 0);
    for (const seg of [Seg.DS, Seg.ES, Seg.SS, Seg.FS, Seg.GS]) at(seg, (user ? Selector.userData : Selector.data) & ~3 | c.cpl, 0xc093 | dpl, 0xffffffff, 0);
    at(Seg.TR, Selector.tss, 0x8b, 0x7f, TSS);
    at(Seg.LDTR, Selector.ldt, 0x82, 0x7f, LDT);
    cpu.set(L.GDTR_BASE, BigInt(GDT));
    cpu.setInt(L.GDTR_LIMIT, 0x7f);
    cpu.set(L.IDTR_BASE, BigInt(IDT));
    cpu.setInt(L.IDTR_LIMIT, c.paging === '4-level' ? 0x3ff : 0x1ff);
  }

  private tables(c: CodeCase): void {
    const { memory } = this.machine, all = P | RW | US | AD;
    // What runs at CPL 3 and its data are the user's, the rest is the supervisor's: else SMEP and SMAP would end most runs at once.
    const leaf = (n: number) => BigInt(n << 12) | (c.cpl === 3 && (n >= DATA >> 12 || n >= CODE >> 12 && n < HANDLERS >> 12) || n >= DATA + 0x4000 >> 12 && n < STACK >> 12 ? all : all & ~US);
    if (c.paging === 'none') return;
    if (c.paging === '32-bit') {
      memory.writeU32(ROOT, PT | Number(all));
      for (let n = 0; n < 256; n++) memory.writeU32(PT + 4 * n, Number(leaf(n)));
      memory.writeU32(ROOT + 4 * 0x3fb, 0xfec00093);
      return;
    }
    if (c.paging === '4-level') {
      memory.writeU64(ROOT, BigInt(PDPT) | all);
      memory.writeU64(ROOT + 8 * 511, BigInt(PDPT) | all);
      memory.writeU64(PDPT, BigInt(PD) | all);
      memory.writeU64(PDPT + 8 * 3, BigInt(PD) | all);
    } else for (let n = 0; n < 4; n++) memory.writeU64(ROOT + 8 * n, BigInt(PD) | P);
    memory.writeU64(PD, BigInt(PT) | all);
    memory.writeU64(PD + 8 * 503, 0xfee00093n);
    for (let n = 0; n < 256; n++) memory.writeU64(PT + 8 * n, leaf(n));
  }

  private descriptors(c: CodeCase): void {
    const { memory } = this.machine, random = new Random(c.seed ^ 0x1d7), long = c.paging === '4-level';
    const flat = (type: number, dpl: number, size: bigint) => 0xffffn | BigInt(0x90 | type | dpl << 5) << 40n | 0xfn << 48n | size << 52n;
    const table = [0n, flat(11, 0, 0xan), flat(11, 0, 0xcn), flat(11, 0, 8n), flat(3, 0, 0xcn), flat(11, 3, 0xan), flat(11, 3, 0xcn), flat(11, 3, 8n), flat(3, 3, 0xcn), 0n,
      0x7fn | BigInt(TSS) << 16n | 0x8bn << 40n, 0n, 0x7fn | BigInt(LDT) << 16n | 0x82n << 40n, 0n,
      BigInt(HANDLERS + 0x80) & 0xffffn | BigInt(long ? Selector.code64 : Selector.code32) << 16n | 0xecn << 40n | 1n << 48n, 0n];
    table.forEach((value, n) => memory.writeU64(GDT + 8 * n, value));
    // 32-bit TSS: ESP0 and SS0; 64-bit TSS: RSP0, IST1.
    memory.writeU32(TSS + 4, STACK + 0x3000);
    memory.writeU32(TSS + 8, long ? 0 : Selector.data);
    memory.writeU64(TSS + 0x24, BigInt(STACK + 0x5000));
    memory.writeU16(TSS + 0x66, random.pick([0x68, 0xffff]));
    const error = new Set([8, 10, 11, 12, 13, 14, 17]);
    for (let vector = 0; vector < 64; vector++) {
      const handler = HANDLERS + 16 * (vector & 63), low = BigInt(handler & 0xffff) | BigInt(long ? Selector.code64 : Selector.code32) << 16n;
      const rights = BigInt(random.pick([0x8e, 0x8f, 0xee])) << 40n | BigInt(handler >> 16) << 48n | (long && random.chance(0.1) ? 1n << 32n : 0n);
      if (c.real) memory.writeU32(4 * vector, handler >> 4 << 16);
      else if (long) { memory.writeU64(IDT + 16 * vector, low | rights); memory.writeU64(IDT + 16 * vector + 8, 0n); }
      else memory.writeU64(IDT + 8 * vector, low | rights);
      const skip = random.between(0, 3), at = error.has(vector) && !c.real;
      const body = random.chance(0.25) ? [0xf4]
        : c.real ? [0x55, 0x89, 0xe5, 0x83, 0x46, 0x02, skip, 0x5d, 0xcf] // push bp; mov bp, sp; add word [bp + 2], skip; pop bp; iret
          : [...at ? long ? [0x48, 0x83, 0xc4, 0x08] : [0x83, 0xc4, 0x04] : [], ...long ? [0x48] : [], 0x83, 0x04, 0x24, skip, ...long ? [0x48] : [], 0xcf];
      memory.write(handler, Uint8Array.from(body));
    }
  }

  /** Runs until it stops or `steps` have been made, in turns of `cut` steps, and says how it ended. `visit` is told each CPU's place before each turn. */
  run(steps: number, cut: () => number, visit?: () => void): CodeOutcome {
    const { machine } = this, end = machine.position + steps;
    let stop: MachineStop | undefined;
    while (machine.position < end && !stop) {
      visit?.();
      stop = machine.run(Math.min(end, machine.position + cut()));
    }
    return { stop: JSON.stringify(stop ?? null, (_, v) => typeof v === 'bigint' ? v.toString(16) : v as unknown), position: machine.position, hash: machine.stateHash() };
  }
}
