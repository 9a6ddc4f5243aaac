import * as L from '../../../src/machine/cpu/layout.js';
import { CpuState } from '../../../src/machine/cpu/state.js';
import { Access } from '../../../src/machine/memory/access.js';
import { Bus } from '../../../src/machine/memory/bus.js';
import type { TlbAppetite } from '../../../src/machine/memory/forgetting.js';
import { GuestMemory } from '../../../src/machine/memory/guestMemory.js';
import { Mmu } from '../../../src/machine/memory/mmu.js';

export const READ = 0x000, WRITE = 0x100, EXECUTE = 0x200, MODIFY = 0x400, STACK = 0x800, SUPERVISOR = 0x1000;
export const P = 1n, RW = 2n, US = 4n, A = 0x20n, D = 0x40n, PS = 0x80n, G = 0x100n, NX = 1n << 63n;
export const CR0_WP = 1n << 16n, CR4_PGE = 1n << 7n, CR4_PCIDE = 1n << 17n, CR4_SMEP = 1n << 20n, CR4_SMAP = 1n << 21n;
export const EFER_NXE = 1n << 11n;
const CR0_BASE = 0x80000001n, EFER_BASE = 0x500n;

export const lo = (linear: bigint): number => Number(linear & 0xffffffffn) | 0;
export const hi = (linear: bigint): number => Number(linear >> 32n & 0xffffffffn) | 0;

/** The memory side of a machine without devices, with tables made by `map`. */
export class Fixture {
  readonly memory: GuestMemory;
  readonly bus: Bus;
  readonly cpus: CpuState[] = [];
  readonly mmu: Mmu;
  readonly access: Access;
  private nextTable: number;

  constructor(ramSize = 32 << 20, cpus = 1, appetite: TlbAppetite = 'retain') {
    this.memory = new GuestMemory(ramSize);
    this.bus = new Bus(this.memory);
    for (let n = 0; n < cpus; n++) this.cpus.push(new CpuState(this.memory.wasm, n));
    for (const cpu of this.cpus) { cpu.setInt(L.FAULT_VECTOR, -1); cpu.setInt(L.MODE, L.CodeMode.Long); }
    this.mmu = new Mmu(this.memory, this.bus, this.cpus, appetite);
    this.access = new Access(this.mmu);
    this.nextTable = 0x100000;
  }

  get cpu(): CpuState { return this.cpus[0]!; }

  /** A zeroed page of RAM, from 1 MiB on. */
  page(): number {
    const page = this.nextTable;
    this.nextTable += 0x1000;
    this.memory.fill(page, 0x1000);
    return page;
  }

  /** Physical address of the entry for `linear` at `level` (4 to 1) of the tables at `root`; missing tables above are made, with all rights. */
  entry(root: number, linear: bigint, level: number): number {
    let table = root;
    for (let l = 4; ; l--) {
      const at = table + Number(linear >> BigInt(12 + 9 * (l - 1)) & 0x1ffn) * 8;
      if (l === level) return at;
      let value = this.memory.readU64(at);
      if (!(value & P)) {
        value = BigInt(this.page()) | P | RW | US;
        this.memory.writeU64(at, value);
      }
      table = Number(value & 0xffffff000n);
    }
  }

  /** Maps a page: `bits` go into the leaf with P; size 0-2. */
  map(root: number, linear: bigint, physical: number, bits: bigint, size = 0): number {
    const at = this.entry(root, linear, size + 1);
    this.memory.writeU64(at, BigInt(physical) | bits | P | (size ? PS : 0n));
    return at;
  }

  /** Turns paging on at `root` with extra control bits, at CPL 0, with an empty TLB. */
  paging(root: number, bits: { cr0?: bigint; cr4?: bigint; efer?: bigint } = {}, cpu = this.cpu): void {
    cpu.set(L.CR0, CR0_BASE | (bits.cr0 ?? CR0_WP));
    cpu.set(L.CR4, 0x20n | (bits.cr4 ?? 0n));
    cpu.set(L.EFER, EFER_BASE | (bits.efer ?? EFER_NXE));
    cpu.set(L.CR3, BigInt(root));
    this.mmu.reset(cpu);
  }

  privilege(cpl: number, ac = false, cpu = this.cpu): void {
    cpu.setInt(L.SEG + L.Seg.SS * L.SEG_SIZE + L.SEG_RIGHTS, 0x93 | cpl << 5);
    cpu.setInt(L.FLAGS, ac ? L.Flag.AC : 0);
    this.mmu.setContext(cpu);
  }

  /** `resolve` as translated code calls it. */
  resolve(linear: bigint, kind: number, cpu = this.cpu): number {
    cpu.setInt(L.FAULT_VECTOR, -1);
    return this.mmu.resolve(cpu.base, lo(linear), hi(linear), kind);
  }

  /** Error code of the page fault that an access of 1 byte raises, or 'ok'. Other exceptions throw. */
  outcome(linear: bigint, kind: number, cpu = this.cpu): number | 'ok' {
    const host = this.resolve(linear, kind | 1, cpu);
    if (host >= 0) return 'ok';
    if (host !== -1 || cpu.int(L.FAULT_VECTOR) !== 14 || cpu.int(L.FAULT_HAS_ERROR) !== 1) throw new Error(`resolve gave ${host}, vector ${cpu.int(L.FAULT_VECTOR)}`);
    if (cpu.get(L.FAULT_ADDRESS) !== linear) throw new Error(`fault address ${cpu.get(L.FAULT_ADDRESS).toString(16)} instead of ${linear.toString(16)}`);
    return cpu.int(L.FAULT_ERROR);
  }
}
