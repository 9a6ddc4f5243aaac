import * as L from '../cpu/layout.js';
import type { CpuState } from '../cpu/state.js';
import { TlbTable } from './layout.js';
import {
  CONFIG_LONG, CONFIG_NXE, CONFIG_PAE, CONFIG_PAGING, CONFIG_PCIDE, CONFIG_PGE, CONFIG_PKE, CONFIG_PSE, CONFIG_SMAP, CONFIG_SMEP, CONFIG_WP,
} from './tlbLayout.js';

/** The CONFIG_* bits that a CPU's control registers amount to. */
export function controlConfig(cpu: CpuState): number {
  const cr0 = cpu.int(L.CR0), cr4 = cpu.int(L.CR4), efer = cpu.int(L.EFER);
  let config = 0;
  if (cr0 < 0) config |= CONFIG_PAGING;
  if (cr0 & 1 << 16) config |= CONFIG_WP;
  if (cr4 & 1 << 20) config |= CONFIG_SMEP;
  if (cr4 & 1 << 21) config |= CONFIG_SMAP;
  // 32-bit paging has no bit for it (SDM Vol. 3A, 4.1.1).
  if (efer & 1 << 11 && cr4 & 1 << 5) config |= CONFIG_NXE;
  if (cr4 & 1 << 7) config |= CONFIG_PGE;
  if (cr4 & 1 << 17) config |= CONFIG_PCIDE;
  if (cr4 & 1 << 5) config |= CONFIG_PAE;
  if (cr4 & 1 << 4) config |= CONFIG_PSE;
  if (efer & 1 << 10) {
    config |= CONFIG_LONG;
    if (cr4 & 1 << 22) config |= CONFIG_PKE;
  }
  return config;
}

/**
 * What page rights allow (SDM Vol. 3A, 4.6.1). Rights are numbered W | U << 1 | NX << 2, combined over the levels of the
 * walk.
 *
 * @param config CONFIG_* bits
 * @param mode Supervisor: supervisor-mode access with RFLAGS.AC clear, or implicit; SupervisorAc: explicit with AC set; User: CPL 3
 * @param access 0 read, 1 write, 2 instruction fetch
 * @returns bit n set if rights n allow the access
 */
export function allowedRights(config: number, mode: TlbTable, access: number): number {
  let allowed = 0;
  for (let rights = 0; rights < 8; rights++) {
    const write = (rights & 1) !== 0, user = (rights & 2) !== 0, execute = !(rights & 4) || !(config & CONFIG_NXE);
    let ok: boolean;
    if (!(config & CONFIG_PAGING)) ok = true;
    else if (mode === TlbTable.User) ok = user && (access === 0 || (access === 1 ? write : execute));
    else if (access === 2) ok = execute && !(user && config & CONFIG_SMEP);
    else {
      ok = !(user && config & CONFIG_SMAP) || mode === TlbTable.SupervisorAc;
      if (access === 1 && !write && config & CONFIG_WP) ok = false;
    }
    if (ok) allowed |= 1 << rights;
  }
  return allowed;
}

/**
 * The protection keys that forbid data accesses to user pages (SDM Vol. 3A, 4.6.2), in the form of H_KEYS.
 * @param user user-mode accesses; else supervisor-mode ones, implicit ones among them
 */
export function forbiddenKeys(config: number, pkru: number, user: boolean): number {
  if (!(config & CONFIG_PKE) || !(config & CONFIG_PAGING)) return 0;
  let keys = 0;
  for (let key = 0; key < 16; key++) {
    const access = pkru >>> 2 * key & 1, write = pkru >>> 2 * key + 1 & 1;
    if (access) keys |= 1 << key;
    if (access || write && (user || config & CONFIG_WP)) keys |= 1 << key + 16;
  }
  return keys;
}
