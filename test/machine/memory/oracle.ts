import { A, D, NX, P, PS, RW, US } from './fixture.js';

/**
 * What SDM Vol. 3A says of an access, written down from its sections 4.5 to 4.7 clause by clause and without regard to
 * speed or to how the machine does it.
 */
export interface Conditions {
  wp: boolean; smep: boolean; smap: boolean; nxe: boolean; ac: boolean;
  cpl: 0 | 3;
  access: 'read' | 'write' | 'fetch';
  /** Implicit supervisor-mode access (4.6). */
  implicit: boolean;
  /** PKRU, if CR4.PKE is set. */
  pkru?: number;
}

/** How linear addresses are translated. */
export type PagingMode = 'long' | 'pae' | '32-bit' | '32-bit with PSE';

/**
 * Follows the entries of a translation, PML4E first; PAE paging begins with the PDE, since what PDPTEs forbid is found when they are loaded.
 * @returns page-fault error code, or 'ok'
 */
export function verdict(path: readonly bigint[], c: Conditions, mode: PagingMode = 'long'): number | 'ok' {
  const userMode = c.cpl === 3 && !c.implicit;
  // 4.1.1: execute-disable exists in PAE and 4-level paging.
  const nxe = c.nxe && (mode === 'long' || mode === 'pae');
  const code = (p: 0 | 1, rsvd: 0 | 1): number => p | (c.access === 'write' ? 2 : 0) | (userMode ? 4 : 0) | (rsvd ? 8 : 0)
    | (c.access === 'fetch' && (nxe || c.smep) ? 16 : 0);

  for (let i = 0; i < path.length; i++) {
    const entry = path[i]!;
    const level = (mode === 'long' ? 4 : 2) - i;
    if (!(entry & P)) return code(0, 0);
    if (mode === '32-bit') continue;
    if (mode === '32-bit with PSE') {
      // Table 4-4: bit 21 of a 4 MiB page is reserved where MAXPHYADDR is 40.
      if (level === 2 && entry & PS && entry >> 21n & 1n) return code(1, 1);
      continue;
    }
    // Tables 4-9 to 4-11: PAE entries have nothing that is ignored above the address.
    if (mode === 'pae' && entry >> 52n & 0x7ffn) return code(1, 1);
    // 4.5: bits 51:MAXPHYADDR are reserved; bit 63 if NXE = 0; PS of a PML4E; the low address bits of a large page.
    if (entry >> 40n & 0xfffn) return code(1, 1);
    if (entry & NX && !nxe) return code(1, 1);
    if (level === 4 && entry & PS) return code(1, 1);
    if (level === 3 && entry & PS && entry >> 13n & 0x1ffffn) return code(1, 1);
    if (level === 2 && entry & PS && entry >> 13n & 0xffn) return code(1, 1);
  }

  // 4.6.1: a linear address is a user-mode address if U/S is 1 in every entry.
  const userAddress = path.every(e => e & US);
  const writable = path.every(e => e & RW);
  const noExecute = nxe && path.some(e => e & NX);
  let allowed: boolean;
  if (!userMode) {
    if (c.access === 'read') {
      if (!userAddress) allowed = true;
      else if (!c.smap) allowed = true;
      else allowed = c.ac && !c.implicit;
    } else if (c.access === 'write') {
      if (!userAddress) allowed = !c.wp || writable;
      else {
        const byRw = !c.wp || writable;
        allowed = c.smap ? byRw && c.ac && !c.implicit : byRw;
      }
    } else if (!userAddress) allowed = !noExecute;
    else allowed = !c.smep && !noExecute;
  } else if (c.access === 'read') allowed = userAddress;
  else if (c.access === 'write') allowed = userAddress && writable;
  else allowed = userAddress && !noExecute;
  // 4.6.2: the key is in bits 62:59 of the leaf; keys govern data accesses to user-mode addresses in IA-32e mode. 4.7: the PK flag
  // does not ask whether the access would be allowed otherwise.
  if (mode === 'long' && c.pkru !== undefined && userAddress && c.access !== 'fetch') {
    const key = path.at(-1)! >> 59n & 15n, bits = BigInt(c.pkru) >> 2n * key & 3n;
    if (bits & 1n || bits & 2n && c.access === 'write' && (c.wp || userMode)) return code(1, 0) | 32;
  }
  return allowed ? 'ok' : code(1, 0);
}

/** 4.8: what the entries are after an access that was allowed. */
export function afterAccess(path: readonly bigint[], write: boolean): bigint[] {
  return path.map((e, i) => e | A | (write && i === path.length - 1 ? D : 0n));
}
