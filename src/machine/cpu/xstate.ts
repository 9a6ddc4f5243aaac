import { clearXmm, initX87, loadX87, loadXmm, saveX87, saveXmm, x87InUse, xmmInUse } from './fxsaveArea.js';
import type { CpuFeatures } from './features.js';
import * as L from './layout.js';
import type { CpuState } from './state.js';

/** Header of an XSAVE area: XSTATE_BV, XCOMP_BV, reserved (SDM Vol. 1, 13.4.2). */
export const XSAVE_HEADER = 512, XSAVE_HEADER_SIZE = 64;

export const XCR0_X87 = 1n, XCR0_SSE = 2n, XCR0_PKRU = 1n << 9n;

/** How code asks for a component: pointers of 64 bits (REX.W), and the number of XMM registers that it can name. */
export interface XsaveForm { wide: boolean; xmm: number; }

/**
 * A state component of XSAVE in its standard format (SDM Vol. 1, 13.1 and 13.4). MXCSR, which is saved with SSE, is no part of its
 * initial state and the instructions' business.
 */
export interface XsaveComponent {
  /** Its bit in XCR0. */
  bit: number;
  /** Where it stands in the area; the first two lie in the legacy region. */
  parts(form: XsaveForm): readonly (readonly [from: number, to: number])[];
  /** Whether it is in another state than its initial one. */
  inUse(cpu: CpuState, form: XsaveForm): boolean;
  save(cpu: CpuState, area: DataView, form: XsaveForm): void;
  load(cpu: CpuState, area: DataView, form: XsaveForm): void;
  init(cpu: CpuState, form: XsaveForm): void;
  present(features: CpuFeatures): boolean;
}

/** PKRU stands where processors with AVX and AVX-512 have it; software asks CPUID. */
const PKRU_OFFSET = 2688, PKRU_SIZE = 8;

export const xsaveComponents: readonly XsaveComponent[] = [
  {
    bit: 0, present: () => true, parts: () => [[0, 24], [32, 160]], inUse: x87InUse,
    save: (cpu, area, { wide }) => saveX87(cpu, area, wide), load: (cpu, area, { wide }) => loadX87(cpu, area, wide), init: initX87,
  },
  {
    bit: 1, present: () => true, parts: ({ xmm }) => [[160, 160 + 16 * xmm]], inUse: (cpu, { xmm }) => xmmInUse(cpu, xmm),
    save: (cpu, area, { xmm }) => saveXmm(cpu, area, xmm), load: (cpu, area, { xmm }) => loadXmm(cpu, area, xmm), init: (cpu, { xmm }) => clearXmm(cpu, xmm),
  },
  {
    bit: 9, present: features => features.pku, parts: () => [[PKRU_OFFSET, PKRU_OFFSET + PKRU_SIZE]], inUse: cpu => cpu.int(L.PKRU) !== 0,
    save: (cpu, area) => area.setUint32(PKRU_OFFSET, cpu.int(L.PKRU), true), load: (cpu, area) => cpu.setInt(L.PKRU, area.getInt32(PKRU_OFFSET, true)),
    init: cpu => cpu.setInt(L.PKRU, 0),
  },
];

/** The bits of XCR0 that this processor has. */
export function definedXcr0(features: CpuFeatures): bigint {
  return xsaveComponents.reduce((bits, c) => c.present(features) ? bits | 1n << BigInt(c.bit) : bits, 0n);
}

/** Bytes of an area with the components of `mask`; legacy region and header are always there. */
export function xsaveSize(mask: bigint): number {
  return xsaveComponents.reduce((size, c) => mask >> BigInt(c.bit) & 1n ? Math.max(size, c.parts({ wide: true, xmm: 16 }).at(-1)![1]) : size, XSAVE_HEADER + XSAVE_HEADER_SIZE);
}

/** CPUID leaf D (SDM Vol. 2A, table 3-8): what XCR0 may have, and the sizes of areas and components. */
export function xsaveLeaf(features: CpuFeatures, cpu: CpuState, subleaf: number): { eax: number; ebx: number; ecx: number; edx: number } {
  const none = { eax: 0, ebx: 0, ecx: 0, edx: 0 }, all = definedXcr0(features);
  if (subleaf === 0) return { eax: Number(all), ebx: xsaveSize(cpu.get(L.XCR0)), ecx: xsaveSize(all), edx: 0 };
  // XSAVEOPT; neither XSAVEC nor XGETBV with ECX = 1 nor XSAVES.
  if (subleaf === 1) return { ...none, eax: 1 };
  const component = xsaveComponents.find(c => c.bit === subleaf && c.present(features));
  if (!component) return none;
  const [from, to] = component.parts({ wide: true, xmm: 16 })[0]!;
  return { ...none, eax: to - from, ebx: from };
}
