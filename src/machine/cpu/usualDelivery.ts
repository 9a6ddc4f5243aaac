import type { Core } from '../core.js';
import { readFlags, writeFlags } from './flags.js';
import * as L from './layout.js';
import { CodeMode, Flag, Seg } from './layout.js';
import { isCanonicalHigh, Rights } from './modes.js';
import type { CpuState } from './state.js';

/** No error code, as the argument of `enterUsually`. */
export const NO_ERROR = -1;

const CS_FIELD = L.SEG + Seg.CS * L.SEG_SIZE, SS_FIELD = L.SEG + Seg.SS * L.SEG_SIZE, TR_FIELD = L.SEG + Seg.TR * L.SEG_SIZE, RSP = L.GPR + 8 * 4;
const LMA = 1 << 10;
/** Gate: type and the bit above it, present. Interrupt gates have type 14, trap gates 15. */
const GATE_CHECKED = 0x9e00, GATE_EXPECTED = 0x8e00, TRAP_GATE = 0x100;
const CODE_CHECKED = Rights.Present | Rights.CodeData | Rights.Code | Rights.DownConforming | Rights.Accessed | Rights.Long | Rights.Big | 3 << 5;
const CODE_EXPECTED = Rights.Present | Rights.CodeData | Rights.Code | Rights.Accessed | Rights.Long;

/**
 * `enterHandler` of an event that is not software's, in the usual case: long mode, a gate that leads to 64-bit code at CPL 0, tables and
 * frame in RAM, none of them across a page, and no exception on the way. Needs no memory and no bigints.
 * @param errorCode what is pushed above the frame, or NO_ERROR
 * @returns false if the case is another; then nothing has happened but translations that `enterHandler` will ask for in the same
 *   order, and FAULT_* may have been overwritten
 */
export function enterUsually(core: Core, cpu: CpuState, vector: number, errorCode: number, resumeFlag: boolean): boolean {
  const { i32, u32 } = cpu, memory = core.memory.i32;
  if (!(i32[L.EFER >> 2]! & LMA) || i32[L.MODE >> 2]! & CodeMode.Watched) return false;

  const offset = vector * 16;
  if (offset + 15 > u32[L.IDTR_LIMIT >> 2]!) return false;
  const gate = tableWord(core, cpu, L.IDTR_BASE, offset, 16);
  if (gate < 0) return false;
  const low = memory[gate]!, high = memory[gate + 1]!, targetHigh = memory[gate + 2]!;
  if ((high & GATE_CHECKED) !== GATE_EXPECTED || !isCanonicalHigh(targetHigh)) return false;

  const selector = low >>> 16;
  // A null selector, one of the LDT, one beyond the table.
  if ((selector & 0xfffc) === 0 || selector & 4 || (selector | 7) > u32[L.GDTR_LIMIT >> 2]!) return false;
  const code = tableWord(core, cpu, L.GDTR_BASE, selector & 0xfff8, 8);
  if (code < 0) return false;
  const codeLow = memory[code]!, codeHigh = memory[code + 1]!, rights = codeHigh >>> 8 & 0xf0ff;
  if ((rights & CODE_CHECKED) !== CODE_EXPECTED) return false;

  const cpl = cpu.cpl, ist = high & 7;
  let stackLow = i32[RSP >> 2]!, stackHigh = i32[(RSP >> 2) + 1]!;
  if (ist !== 0 || cpl !== 0) {
    // IST1-7 or RSP0 of the TSS (SDM Vol. 3A, figure 7-11).
    const at = ist !== 0 ? 0x24 + (ist - 1) * 8 : 4;
    if (at + 7 > u32[TR_FIELD + L.SEG_LIMIT >> 2]!) return false;
    const task = tableWord(core, cpu, TR_FIELD + L.SEG_BASE, at, 8);
    if (task < 0) return false;
    stackLow = memory[task]!;
    stackHigh = memory[task + 1]!;
  }
  // From the first word below the aligned top to the lowest one; both in one page, so both canonical or none.
  const top = (stackLow & ~0xf) >>> 0, size = errorCode === NO_ERROR ? 40 : 48;
  const bottomHigh = top < size ? stackHigh - 1 | 0 : stackHigh, bottom = top - size | 0;
  if ((bottom & 0xfff) > 0x1000 - size || !isCanonicalHigh(bottomHigh)) return false;
  const host = core.mmu.supervisorHost(cpu.base, bottom, bottomHigh, 1);
  if (host < 0) return false;

  // Nothing can go wrong from here on.
  const flags = readFlags(cpu);
  let at = host >>> 2;
  if (errorCode !== NO_ERROR) {
    memory[at] = errorCode;
    memory[at + 1] = 0;
    at += 2;
  }
  memory[at] = i32[L.RIP >> 2]!;
  memory[at + 1] = i32[(L.RIP >> 2) + 1]!;
  memory[at + 2] = i32[CS_FIELD + L.SEG_SELECTOR >> 2]!;
  memory[at + 3] = 0;
  memory[at + 4] = resumeFlag ? flags | Flag.RF : flags;
  memory[at + 5] = 0;
  memory[at + 6] = i32[RSP >> 2]!;
  memory[at + 7] = i32[(RSP >> 2) + 1]!;
  memory[at + 8] = i32[SS_FIELD + L.SEG_SELECTOR >> 2]!;
  memory[at + 9] = 0;

  const limit = codeLow & 0xffff | codeHigh & 0xf0000;
  i32[CS_FIELD + L.SEG_SELECTOR >> 2] = selector & 0xfffc;
  i32[CS_FIELD + L.SEG_RIGHTS >> 2] = rights;
  i32[CS_FIELD + L.SEG_LIMIT >> 2] = rights & Rights.Granularity ? limit << 12 | 0xfff : limit;
  i32[CS_FIELD + L.SEG_BASE >> 2] = codeLow >>> 16 | (codeHigh & 0xff) << 16 | codeHigh & 0xff000000;
  i32[CS_FIELD + L.SEG_BASE + 4 >> 2] = 0;
  if (cpl !== 0) {
    i32[SS_FIELD + L.SEG_SELECTOR >> 2] = 0;
    i32[SS_FIELD + L.SEG_RIGHTS >> 2] = 0;
    i32[SS_FIELD + L.SEG_LIMIT >> 2] = 0;
    i32[SS_FIELD + L.SEG_BASE >> 2] = 0;
    i32[SS_FIELD + L.SEG_BASE + 4 >> 2] = 0;
  }
  i32[RSP >> 2] = bottom;
  i32[(RSP >> 2) + 1] = bottomHigh;
  i32[L.RIP >> 2] = high & 0xffff0000 | low & 0xffff;
  i32[(L.RIP >> 2) + 1] = targetHigh;
  // TF, NT, RF and VM are cleared, IF by interrupt gates (SDM Vol. 3A, 6.12.1.3).
  writeFlags(cpu, flags & ~(Flag.TF | Flag.NT | Flag.RF | Flag.VM | (high & TRAP_GATE ? 0 : Flag.IF)));
  i32[L.MODE >> 2] = i32[L.MODE >> 2]! & L.KEPT_MODE | CodeMode.Long | (i32[SS_FIELD + L.SEG_RIGHTS >> 2]! & Rights.Big ? CodeMode.Stack32 : 0);
  core.mmu.setPrivilege(cpu);
  i32[L.SHADOW >> 2] = 0;
  return true;
}

/**
 * Word index in the machine's memory of `size` bytes at `offset` from the linear address in field `base`, read as the processor reads its
 * tables; -1 if they cross a page, lie elsewhere than in RAM or not at a multiple of 4, or cannot be read.
 */
function tableWord(core: Core, cpu: CpuState, base: number, offset: number, size: number): number {
  const start = cpu.u32[base >> 2]! + offset, low = start | 0, high = cpu.i32[base + 4 >> 2]! + (start > 0xffffffff ? 1 : 0) | 0;
  if ((low & 0xfff) > 0x1000 - size || low & 3) return -1;
  const host = core.mmu.supervisorHost(cpu.base, low, high, 0);
  return host < 0 ? -1 : host >>> 2;
}
