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
}

/** Follows the entries of a translation, PML4E first. @returns page-fault error code, or 'ok' */
export function verdict(path: readonly bigint[], c: Conditions): number | 'ok' {
  const userMode = c.cpl === 3 && !c.implicit;
  const code = (p: 0 | 1, rsvd: 0 | 1): number => p | (c.access === 'write' ? 2 : 0) | (userMode ? 4 : 0) | (rsvd ? 8 : 0)
    | (c.access === 'fetch' && (c.nxe || c.smep) ? 16 : 0);

  for (let i = 0; i < path.length; i++) {
    const entry = path[i]!;
    const level = 4 - i;
    if (!(entry & P)) return code(0, 0);
    // 4.5: bits 51:MAXPHYADDR are reserved; bit 63 if NXE = 0; PS of a PML4E; the low address bits of a large page.
    if (entry >> 40n & 0xfffn) return code(1, 1);
    if (entry & NX && !c.nxe) return code(1, 1);
    if (level === 4 && entry & PS) return code(1, 1);
    if (level === 3 && entry & PS && entry >> 13n & 0x1ffffn) return code(1, 1);
    if (level === 2 && entry & PS && entry >> 13n & 0xffn) return code(1, 1);
  }

  // 4.6.1: a linear address is a user-mode address if U/S is 1 in every entry.
  const userAddress = path.every(e => e & US);
  const writable = path.every(e => e & RW);
  const noExecute = c.nxe && path.some(e => e & NX);
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
  return allowed ? 'ok' : code(1, 0);
}

/** 4.8: what the entries are after an access that was allowed. */
export function afterAccess(path: readonly bigint[], write: boolean): bigint[] {
  return path.map((e, i) => e | A | (write && i === path.length - 1 ? D : 0n));
}
