import * as L from '../cpu/layout.js';
import type { CpuState } from '../cpu/state.js';
import type { GuestMemory } from './guestMemory.js';
import { RAM_BASE } from './layout.js';
import { controlConfig } from './rights.js';
import { CONFIG_LONG } from './tlbLayout.js';
import type { Walker } from './walk.js';

/** Linear memory as the debugger sees it: by the page tables in memory, without rights and without any effect on TLB, A or D. */
export class LinearView {
  constructor(private readonly memory: GuestMemory, private readonly walker: Walker) {}

  /** See `Mmu.probe`. */
  probe(cpu: CpuState, lo: number, hi: number, root?: number): number {
    const paging = cpu.int(L.CR0) < 0;
    if (!paging && root === undefined) return lo >>> 0;
    const config = controlConfig(cpu);
    if (paging && root === undefined && !(config & CONFIG_LONG)) return hi === 0 ? this.walker.probeLegacy(config, cpu.int(L.CR3) >>> 12, cpu.base + L.PDPTE >> 2, lo) : -1;
    if (hi + 0x8000 >>> 16 !== 0) return -1;
    const page = root === undefined ? cpu.int(L.CR3) >>> 12 | (cpu.int(L.CR3 + 4) & 0xff) << 20 : Math.floor(root / 0x1000);
    // Tables that are only being prepared are read as they will be used, with NX.
    return this.walker.probe(page, lo, hi, !paging || (cpu.int(L.EFER) & 1 << 11) !== 0);
  }

  /** See `Mmu.readLinear`. */
  read(cpu: CpuState, linear: bigint, length: number, root?: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const done = this.eachPage(cpu, linear, length, root, (physical, at, size) =>
      bytes.set(this.memory.u8.subarray(RAM_BASE + physical, RAM_BASE + physical + size), at));
    return done === length ? bytes : bytes.slice(0, done);
  }

  /** See `Mmu.writeLinear`. */
  write(cpu: CpuState, linear: bigint, bytes: Uint8Array, root?: number): number {
    return this.eachPage(cpu, linear, bytes.length, root, (physical, at, size) => this.memory.write(physical, bytes.subarray(at, at + size)));
  }

  /** Visits the pieces of a range that lie in one page each, up to the first that is not in RAM; gives the bytes visited. */
  private eachPage(cpu: CpuState, linear: bigint, length: number, root: number | undefined, visit: (physical: number, at: number, size: number) => void): number {
    let done = 0;
    while (done < length) {
      const address = BigInt.asUintN(64, linear + BigInt(done));
      const lo = Number(address & 0xffffffffn) | 0;
      const physical = this.probe(cpu, lo, Number(address >> 32n) | 0, root);
      const size = Math.min(length - done, 0x1000 - (lo & 0xfff));
      if (physical < 0 || !this.memory.isRam(physical, size)) break;
      visit(physical, done, size);
      done += size;
    }
    return done;
  }
}
