import { describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import type { CpuState } from '../../../src/machine/cpu/state.js';
import { checkFastTables } from '../../../src/machine/memory/fastCheck.js';
import { FAST_ENTRY_SIZE, FAST_TABLE_SIZE, CODE_LINE, PAGE_HAS_CODE, PAGE_SLOW_STORES, RAM_BASE } from '../../../src/machine/memory/layout.js';
import type { TlbEntry } from '../../../src/machine/memory/tlb.js';
import { CR0_WP, CR4_PCIDE, CR4_PGE, CR4_SMAP, CR4_SMEP, EXECUTE, Fixture, G, hi, lo, NX, P, PS, READ, RW, US, WRITE, D, A } from './fixture.js';
import { ModelCpu } from './model.js';
import type { Conditions } from './oracle.js';

/** xorshift32: the runs must be the same everywhere. */
function random(seed: number): (n: number) => number {
  let s = seed | 0 || 1;
  return n => { s ^= s << 13; s ^= s >>> 17; s ^= s << 5; return (s >>> 0) % n; };
}

function describeEntry(e: TlbEntry): string {
  const size = e.size === 0x1000 ? 0 : e.size === 0x200000 ? 1 : 2;
  return `${e.linear.toString(16)} ${size} pcid ${e.pcid} ${e.global ? 'G' : '-'}${e.rights.user ? 'U' : '-'}${e.rights.write ? 'W' : '-'}`
    + `${e.rights.execute ? 'X' : '-'}${e.dirty ? 'D' : '-'} ${e.frame.toString(16)}`;
}

/** The lookup that translated code makes inline: host address, or undefined for a miss. */
function inline(f: Fixture, cpu: CpuState, linear: bigint, kind: number): number | undefined {
  const view = f.memory.view;
  const entry = cpu.int(L.FAST_TABLE) ^ lo(linear) >>> 7 & FAST_TABLE_SIZE - FAST_ENTRY_SIZE;
  const tag = view.getBigUint64(entry + (kind === READ ? 0 : kind === WRITE ? 8 : 16), true);
  if (tag !== (linear & ~0xfffn | cpu.get(L.FAST_CONTEXT))) return undefined;
  return lo(linear) + view.getInt32(entry + 24, true) | 0;
}

const ROOTS = [0x1000n, 0x2000n, 0x3000n];
// The linear pages lie in a handful of regions, so that entries of all sizes and PCIDs overlap.
const LINEAR = [0x1000n, 0x2000n, 0x7000n, 0x201000n, 0x202000n, 0x403000n, 0x4000_0000n, 0x4000_5000n, 0x4020_0000n,
  0x7f00_0000_1000n, 0xffff_8000_0000_0000n, 0xffff_8000_0000_1000n, 0xffff_ffff_8100_0000n, 0xffff_ffff_ffff_f000n];
const PCIDS = [0, 1, 2, 0x801, 0xfff];

describe('the MMU under random operations', () => {
  for (const [seed, appetite] of [[1, 'retain'], [2, 'retain'], [3, 'retain'], [4, 'retain'], [5, 'retain'], [6, 'retain'], [7, 'forget'], [8, 'forget'], [9, 'forget']] as const) {
    it(`does what a plain model does, seed ${seed}, TLBs that ${appetite}`, () => {
      const pick = random(seed * 7919);
      const f = new Fixture(16 << 20, 2, appetite);
      const tables = new Map<bigint, bigint>();
      const models = f.cpus.map(() => new ModelCpu(tables));
      const one = <T>(list: readonly T[]): T => list[pick(list.length)]!;
      const setEntry = (place: bigint, value: bigint): void => { tables.set(place, value); f.memory.writeU64(Number(place), value); };

      // Fixed tables: each root has its own chain for each region; leaves are rewritten by the run.
      let next = 0x10000n;
      const leaves: bigint[] = [], middles: { place: bigint; table: bigint; level: number }[] = [];
      for (const root of ROOTS) {
        for (const linear of LINEAR) {
          let table = root;
          for (let level = 4; level > 1; level--) {
            const place = table + (linear >> BigInt(12 + 9 * (level - 1)) & 0x1ffn) * 8n;
            if (!tables.has(place)) {
              setEntry(place, next | P | RW | US);
              if (level < 4) middles.push({ place, table: next, level });
              next += 0x1000n;
            }
            table = tables.get(place)! & 0xfffffff000n;
            if (level === 3 && middles.find(m => m.place === place)) table = middles.find(m => m.place === place)!.table;
          }
          leaves.push(table + (linear >> 12n & 0x1ffn) * 8n);
        }
      }
      expect(next).toBeLessThan(0x400000n);
      const rights = (): bigint => (pick(4) ? P : 0n) | (pick(4) ? RW : 0n) | (pick(3) ? US : 0n) | (pick(4) ? 0n : NX) | (pick(3) ? 0n : D | A) | (pick(4) ? 0n : G);

      f.cpus.forEach((cpu, n) => {
        f.paging(0x1000, { cr4: CR4_PGE | CR4_PCIDE }, cpu);
        models[n]!.root = 0x1000n;
      });
      const state = f.cpus.map(() => ({ wp: true, smep: false, smap: false, ac: false, cpl: 0 as 0 | 3 }));
      const counts = { hits: 0, misses: 0, faults: 0, steps: 0 }, stores = { asked: 0, beside: 0 };

      for (let step = 0; step < 30000; step++) {
        const n = pick(2);
        const cpu = f.cpus[n]!, model = models[n]!, s = state[n]!;
        const at = f.mmu;
        const op = pick(100);
        if (op < 70) {
          const linear = one(LINEAR) + BigInt(pick(3) ? 0 : pick(4) * 0x1000) + BigInt(pick(0x1000));
          if (linear >> 47n !== 0n && linear >> 47n !== 0x1ffffn) continue;
          const kind = one([READ, READ, WRITE, EXECUTE]);
          const c: Conditions = { ...s, nxe: true, implicit: false, access: kind === READ ? 'read' : kind === WRITE ? 'write' : 'fetch' };
          const before = inline(f, cpu, linear, kind);
          const slow = (): boolean => ram && kind === WRITE && (f.memory.pageFlags(Number(expected >> 12n)) & PAGE_SLOW_STORES) !== 0;
          // The model forgets by having nothing.
          if (appetite === 'forget') model.entries = [];
          const expected = model.access(linear, c);
          const ram = expected >= 0n && expected < 16n << 20n;
          const code = slow();
          const context = `step ${step} cpu ${n} ${linear.toString(16)} ${JSON.stringify(c)} pcid ${model.pcid}`;
          if (before !== undefined) {
            counts.hits++;
            if (before !== RAM_BASE + Number(expected) || code) expect.fail(`${context}: the fast table gave ${before.toString(16)}, the model ${expected.toString(16)}`);
            // The architectural result must be the same through resolve, and change nothing.
          }
          let got: bigint, asked = false;
          try {
            got = BigInt(f.resolve(linear, kind | 1, cpu));
            // Translated code is sent back when the access has dropped entries; the interpreter then does it again.
            if (got === -2n && ram) got = BigInt(f.resolve(linear, kind | 1, cpu));
          } catch (error) {
            if (!/executes from RAM only/.test((error as Error).message)) throw error;
            got = -2n;
          }
          if (got === -1n) { counts.faults++; got = BigInt(-1 - cpu.int(L.FAULT_ERROR)); expect(cpu.int(L.FAULT_VECTOR)).toBe(14); }
          else if (got === -2n) { asked = true; counts.steps++; if (!ram || slow()) got = expected; } else { counts.misses++; got -= BigInt(RAM_BASE); }
          if (got !== expected) expect.fail(`${context}: ${got} instead of ${expected}`);
          if (ram && kind === WRITE && (f.memory.pageFlags(Number(expected >> 12n)) & PAGE_SLOW_STORES) === PAGE_HAS_CODE) {
            const frame = Number(expected >> 12n), offset = Number(expected & 0xfffn);
            const mustAsk = f.memory.isSlowStore(frame, offset, 1), mayAsk = f.memory.isSlowStore(frame, offset & -CODE_LINE, CODE_LINE);
            if (asked ? !mayAsk : mustAsk) expect.fail(`${context}: ${asked ? 'asked' : 'did not ask'} to store ${mustAsk ? 'to' : mayAsk ? 'near' : 'away from'} code`);
            if (asked) stores.asked++; else stores.beside++;
          }
        } else if (op < 82) {
          const what = pick(10);
          if (what < 7) setEntry(one(leaves), BigInt(0x400 + pick(0x800)) << 12n | (pick(20) ? 0n : 0x80_0000_0000n) | rights());
          else {
            const m = one(middles);
            if (pick(2)) setEntry(m.place, m.table | P | RW | US | (pick(5) ? 0n : NX));
            else if (m.level === 2) setEntry(m.place, BigInt(2 + pick(6)) << 21n | PS | rights());
            else setEntry(m.place, PS | rights());
          }
        } else if (op < 89) {
          const pcide = (cpu.get(L.CR4) & CR4_PCIDE) !== 0n;
          const value = one(ROOTS) | (pcide ? BigInt(one(PCIDS)) | (pick(3) ? 1n << 63n : 0n) : 0n);
          at.loadCr3(cpu, value);
          model.loadCr3(value, pcide);
          expect(cpu.get(L.CR3)).toBe(value & ~(1n << 63n));
        } else if (op < 91) {
          const linear = one(LINEAR);
          at.invlpg(cpu, lo(linear), hi(linear));
          model.invlpg(linear);
        } else if (op < 93) {
          const type = one([0, 0, 0, 1, 1, 2, 3]), pcid = one(PCIDS), linear = one(LINEAR);
          at.invpcid(cpu, type, pcid, lo(linear), hi(linear));
          model.invpcid(type, pcid, linear);
        } else if (op < 97) {
          s.cpl = pick(2) ? 3 : 0;
          s.ac = pick(2) === 1;
          if (!pick(4)) s.wp = !s.wp;
          if (!pick(6)) s.smep = !s.smep;
          if (!pick(6)) s.smap = !s.smap;
          cpu.set(L.CR0, 0x80000001n | (s.wp ? CR0_WP : 0n));
          cpu.set(L.CR4, cpu.get(L.CR4) & ~(CR4_SMEP | CR4_SMAP) | (s.smep ? CR4_SMEP : 0n) | (s.smap ? CR4_SMAP : 0n));
          f.privilege(s.cpl, s.ac, cpu);
        } else if (op < 98) {
          // CR4.PCIDE and CR4.PGE change with the flush that the processor makes.
          if (pick(2) && !(cpu.get(L.CR4) & CR4_PCIDE && model.pcid)) cpu.set(L.CR4, cpu.get(L.CR4) ^ CR4_PCIDE);
          else cpu.set(L.CR4, cpu.get(L.CR4) ^ CR4_PGE);
          model.pge = (cpu.get(L.CR4) & CR4_PGE) !== 0n;
          at.setContext(cpu);
          at.flushAll(cpu, { globals: true });
          model.entries = [];
        } else {
          const page = 0x400 + pick(0x800);
          if (pick(3)) f.memory.markCode(page, ...one([[0, 4096], [pick(2048), 1 + pick(2048)], [pick(4000), 1 + pick(90)]] as const)); else if (pick(5)) f.memory.clearCode(page); else if (pick(3)) f.memory.clearDirty(); else at.restored();
        }
        if (step % 500 === 0) {
          f.cpus.forEach((c, i) => {
            expect(checkFastTables(f.memory, i)).toEqual([]);
            expect(at.entries(c).map(describeEntry).sort()).toEqual(appetite === 'forget' ? [] : models[i]!.list());
          });
          for (const [place, value] of tables) if (f.memory.readU64(Number(place)) !== value) expect.fail(`step ${step}: entry at ${place.toString(16)}`);
        }
      }
      // The run must have been about something.
      for (const count of Object.values(counts)) expect(count).toBeGreaterThan(100);
      for (const count of Object.values(stores)) expect(count).toBeGreaterThan(3);
    });
  }
});
