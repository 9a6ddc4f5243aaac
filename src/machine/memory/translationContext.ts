import * as L from '../cpu/layout.js';
import type { CpuState } from '../cpu/state.js';
import { contextOf, invalidateContexts, UNPAGED_CONTEXT } from './contexts.js';
import { fastIndex, forgetWalks, indexedTable } from './fastTable.js';
import type { Forgetting } from './forgetting.js';
import { cpuIndex, TlbTable } from './layout.js';
import { allowedRights, controlConfig, forbiddenKeys } from './rights.js';
import type { Tlb } from './tlb.js';
import {
  ALLOWED_PAGING, CONFIG_PAGING, CONFIG_PCIDE, CONFIG_SMAP, H_ALLOWED, H_CONFIG, H_KEYS, H_MODE, H_PCID, tlbWord,
} from './tlbLayout.js';

const FAST_TABLE_W = L.FAST_TABLE >> 2, FAST_INDEX_W = L.FAST_INDEX >> 2, FAST_CONTEXT_W = L.FAST_CONTEXT >> 2, CR3_W = L.CR3 >> 2;

/**
 * What a CPU's registers mean for its accesses, derived when they change: the rights that count, the PCID, and which fast table and
 * context translated code is to use.
 */
export class TranslationContext {
  /** Set if TLBs forget. */
  forgetting: Forgetting | undefined;

  constructor(private readonly i32: Int32Array, private readonly tlb: Tlb) {}

  /**
   * Makes the CPU's registers (CPL, RFLAGS.AC, CR0, CR3, CR4, EFER) take effect on its accesses. Flushes nothing: what a
   * change of these registers must drop is the caller's to ask for.
   */
  set(cpu: CpuState): void {
    const i32 = this.i32;
    const b = cpu.base >> 2;
    const t = tlbWord(cpu.index);
    const config = controlConfig(cpu);
    if (config !== i32[t + H_CONFIG]) {
      i32[t + H_CONFIG] = config;
      for (let mode = 0; mode < 3; mode++) {
        i32[t + H_ALLOWED + mode] = allowedRights(config, mode, 0) | allowedRights(config, mode, 1) << 8 | allowedRights(config, mode, 2) << 16
          | (config & CONFIG_PAGING ? ALLOWED_PAGING : 0);
      }
      this.protectionKeys(cpu, t);
      forgetWalks(i32, cpu.index);
      invalidateContexts(i32, t);
      this.forgetting?.forget(cpu);
    }
    const pcid = config & CONFIG_PCIDE && config & CONFIG_PAGING ? i32[b + CR3_W]! & 0xfff : 0;
    this.forgetting?.rooted(cpu, pcid);
    if (pcid !== i32[t + H_PCID]) this.tlb.selectPcid(t, pcid);
    this.setPrivilege(cpu);
    this.selectFast(cpu.base, t);
  }

  /** `set` where only CPL or RFLAGS.AC may have changed. */
  setPrivilege(cpu: CpuState): void {
    const i32 = this.i32, b = cpu.base >> 2, t = tlbWord(cpu.index), config = i32[t + H_CONFIG]!;
    const mode = cpu.cpl === 3 ? TlbTable.User
      : config & CONFIG_SMAP && i32[b + (L.FLAGS >> 2)]! & L.Flag.AC ? TlbTable.SupervisorAc : TlbTable.Supervisor;
    i32[t + H_MODE] = mode;
    i32[b + FAST_TABLE_W] = indexedTable(cpu.index, mode, i32[b + FAST_CONTEXT_W]!);
  }

  /** Takes PKRU as it is; the fast tables, which hold only what keys allow, begin anew. */
  setProtectionKeys(cpu: CpuState): void {
    const t = tlbWord(cpu.index);
    if (!this.protectionKeys(cpu, t)) return;
    invalidateContexts(this.i32, t);
    this.selectFast(cpu.base, t);
  }

  /** Derives H_KEYS; true if that has changed them. */
  private protectionKeys(cpu: CpuState, t: number): boolean {
    const config = this.i32[t + H_CONFIG]!, pkru = cpu.int(L.PKRU);
    const supervisor = forbiddenKeys(config, pkru, false), user = forbiddenKeys(config, pkru, true);
    if (this.i32[t + H_KEYS] === supervisor && this.i32[t + H_KEYS + 1] === user) return false;
    this.i32[t + H_KEYS] = supervisor;
    this.i32[t + H_KEYS + 1] = user;
    return true;
  }

  /** Points translated code to the fast table and the context that count now. */
  selectFast(cpuBase: number, t: number): void {
    const i32 = this.i32;
    const b = cpuBase >> 2;
    const cpu = cpuIndex(cpuBase);
    const context = i32[t + H_CONFIG]! & CONFIG_PAGING ? contextOf(i32, t, cpu, i32[t + H_PCID]!) : UNPAGED_CONTEXT;
    i32[b + FAST_CONTEXT_W] = context;
    i32[b + FAST_CONTEXT_W + 1] = 0;
    i32[b + FAST_INDEX_W] = fastIndex(context);
    i32[b + FAST_TABLE_W] = indexedTable(cpu, i32[t + H_MODE]!, context);
  }
}
