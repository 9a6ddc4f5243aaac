import { checkAccess, type Access, saying, type Walk } from '../paging/index.js';
import type { ExceptionRecord, Scene } from './crash.js';
import { PF_FETCH, PF_PRESENT, PF_RESERVED, PF_USER, PF_WRITE } from './errorCode.js';

/** A page fault set against both halves of the tables as they are now. */
export interface PageFaultView {
  record: ExceptionRecord;
  address: bigint;
  code: number;
  access: Access;
  fetch: boolean;
  half: 'kernel' | 'shadow' | 'none';
  kernel: Walk;
  shadow: Walk;
  /** Whether each half would allow the access, going by the tables. */
  kernelAllows: boolean;
  shadowAllows: boolean;
  /** Whether the half that was live would allow it now: then the TLB, or a moment ago the table, said otherwise. */
  allowedNow: boolean;
}

export function viewPageFault(scene: Scene, record: ExceptionRecord): PageFaultView {
  const code = record.errorCode ?? 0;
  const address = record.address ?? 0n;
  const cr3 = scene.cr3(record);
  const fetch = (code & PF_FETCH) !== 0 || (address === record.rip && !(code & PF_WRITE));
  const access: Access = { kind: fetch ? 'execute' : code & PF_WRITE ? 'write' : 'read', cpl: code & PF_USER ? 3 : 0 };
  const kernel = scene.walk(cr3.kernelRoot, address);
  const shadow = scene.walk(cr3.shadowRoot, address);
  const allows = (walked: Walk): boolean => checkAccess(walked, access, scene.facts.features).allowed;
  const kernelAllows = allows(kernel);
  const shadowAllows = allows(shadow);
  return {
    record, address, code, access, fetch, half: cr3.half, kernel, shadow, kernelAllows, shadowAllows,
    allowedNow: cr3.half === 'shadow' ? shadowAllows : kernelAllows,
  };
}

/** Kernel code, or the CPU on its behalf, on the shadow half missed something that the kernel half gives (P20). */
export function isMissedSwitch(view: PageFaultView): boolean {
  return view.half === 'shadow' && !(view.code & PF_USER) && !(view.code & PF_PRESENT) && view.record.cpl !== 3 && view.kernelAllows && !view.shadowAllows;
}

/** User code fetched on the kernel half and the CPU refused although the page is there: P, U and I, CR2 = RIP (P21). */
export function isTripwire(view: PageFaultView): boolean {
  return view.half === 'kernel' && view.record.cpl === 3 && (view.code & (PF_PRESENT | PF_USER | PF_FETCH | PF_RESERVED)) === (PF_PRESENT | PF_USER | PF_FETCH)
    && view.address === view.record.rip;
}

/** The level-4 entry alone keeps user code from running: the poison. */
export function poisonStops(view: PageFaultView): boolean {
  const { result } = view.kernel;
  return result.kind === 'mapped' && result.rights.user && result.limits.execute.includes(4) && !result.limits.execute.some((level) => level < 4);
}

/** User mode on the shadow half missed a page that the kernel half has for user mode: the mirror has a hole. */
export function isMirrorHole(view: PageFaultView): boolean {
  const { kernel, shadow } = view;
  if (view.half !== 'shadow' || !(view.code & PF_USER) || view.code & PF_PRESENT || shadow.result.kind === 'mapped') return false;
  return kernel.result.kind === 'mapped' && kernel.result.rights.user;
}

/** `the PML4E says no execute`, for the level that stops an access; the walk's own words where it ends early. */
export function whyStopped(walked: Walk, access: Access, scene: Scene): string {
  const check = checkAccess(walked, access, scene.facts.features);
  if (check.allowed) return 'allowed';
  const { result } = walked;
  if (result.kind === 'mapped' && access.kind === 'execute' && !result.rights.execute) return `${saying(result.limits.execute)} no execute`;
  return check.text;
}
