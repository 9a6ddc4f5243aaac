import { describe, expect, it } from 'vitest';
import { clockCycles } from '../../../src/machine/cycles/clock.js';
import { type CycleCost, CYCLES, WALK_CYCLES, WALK_LEVEL_CYCLES } from '../../../src/machine/cycles/model.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { CODE, Pair, STACK, type Start, TSS, USER_CODE } from '../instructions/frequent/compare.js';

const PCIDE = 1 << 17, SCE = 1, ROOT = 0x1000n, KEEP = 1n << 63n;

/**
 * Cycles beyond the steps that a start costs when its translations are in the TLB already, by the handler and in a region. One
 * step is measured, or as many as the start says.
 */
function cycles(start: Omit<Start, 'steps'> & { steps?: number }): number {
  const pair = new Pair(), warm = { cr4: PCIDE, ...start, steps: start.steps ?? 1 };
  pair.run(warm);
  const before = pair.machines.map(machine => machine.cpus[0]!.extraCycles);
  pair.run(warm);
  const [handler, region] = pair.machines.map((machine, n) => machine.cpus[0]!.extraCycles - before[n]!);
  expect(region).toBe(handler);
  return handler! + warm.steps * CYCLES.step.cycles;
}

const frame = { [STACK + 0x800]: BigInt(CODE), [STACK + 0x808]: 8n, [STACK + 0x810]: 2n, [STACK + 0x818]: BigInt(STACK), [STACK + 0x820]: 0x10n };

describe('what an instruction adds to the clock:', () => {
  it.each<[string, CycleCost, Omit<Start, 'steps'>]>([
    ['NOP', CYCLES.step, { code: [0x90] }],
    ['SYSCALL', CYCLES.syscall, { code: [0x0f, 0x05], efer: SCE, user: true }],
    ['SYSRET', CYCLES.sysret, { code: [0x48, 0x0f, 0x07], efer: SCE, registers: { 1: BigInt(USER_CODE), 11: 2n } }],
    ['SWAPGS', CYCLES.swapgs, { code: [0x0f, 0x01, 0xf8] }],
    ['SYSENTER', CYCLES.sysenter, { code: [0x0f, 0x34], user: true, fields: { [L.SYSENTER_CS]: 8n, [L.SYSENTER_EIP]: BigInt(CODE) } }],
    ['SYSEXIT', CYCLES.sysexit, { code: [0x48, 0x0f, 0x35], fields: { [L.SYSENTER_CS]: 8n }, registers: { 1: BigInt(STACK), 2: BigInt(USER_CODE) } }],
    ['IRETQ', CYCLES.iret, { code: [0x48, 0xcf], memory: frame }],
    ['INT 3 through an interrupt gate', CYCLES.delivery, { code: [0xcc] }],
    ['an exception', CYCLES.delivery, { code: [0x0f, 0x0b] }],
    ['an interrupt', CYCLES.delivery, { code: [0x90], interrupts: [0x1f], flags: 0x202 }],
    ['MOV to CR3 that flushes', CYCLES.cr3Flush, { code: [0x0f, 0x22, 0xd8], registers: { 0: ROOT } }],
    ['MOV to CR3 with bit 63', CYCLES.cr3Keep, { code: [0x0f, 0x22, 0xd8], registers: { 0: ROOT | KEEP } }],
    ['MOV to CR3 that flushes, without PCID', CYCLES.cr3Flush, { code: [0x0f, 0x22, 0xd8], cr4: 0, registers: { 0: ROOT } }],
    ['MOV to CR0', CYCLES.controlWrite, { code: [0x0f, 0x22, 0xc0], registers: { 0: 0x80010033n } }],
    ['MOV to CR4', CYCLES.controlWrite, { code: [0x0f, 0x22, 0xe0], registers: { 0: BigInt(0x20 | PCIDE) } }],
    ['MOV to CR2', CYCLES.step, { code: [0x0f, 0x22, 0xd0] }],
    ['INVLPG', CYCLES.invlpg, { code: [0x0f, 0x01, 0x38], registers: { 0: 0x50000n } }],
    ['INVPCID', CYCLES.invpcid, { code: [0x66, 0x0f, 0x38, 0x82, 0x03], registers: { 0: 0n, 3: BigInt(STACK) }, memory: { [STACK]: 0n, [STACK + 8]: 0x50000n } }],
    ['WRMSR', CYCLES.wrmsr, { code: [0x0f, 0x30], registers: { 0: 0n, 1: 0xc0000100n, 2: 0n } }],
    ['RDMSR', CYCLES.rdmsr, { code: [0x0f, 0x32], registers: { 1: 0xc0000100n } }],
    ['CPUID', CYCLES.cpuid, { code: [0x0f, 0xa2], registers: { 0: 0n } }],
    ['RDTSC', CYCLES.step, { code: [0x0f, 0x31] }],
  ])('%s', (name, cost, start) => {
    // The fetch finds its translation gone since the time before.
    const walk = name.includes('flushes') ? WALK_CYCLES + 4 * WALK_LEVEL_CYCLES : 0;
    expect(cycles(start)).toBe(cost.cycles + walk);
  });

  it('a send of an interprocessor interrupt, beyond the WRMSR that asks for it', () => {
    // MSR 0x83f is the self IPI of x2APIC mode; an ICR of the xAPIC's page is outside of this RAM.
    const start = { code: [0x0f, 0x30], fields: { [L.APIC_BASE]: 0xfee00d00n }, registers: { 0: 0x000c4030n, 1: 0x830n, 2: 0n } };
    expect(cycles(start)).toBe(CYCLES.ipi.cycles + CYCLES.wrmsr.cycles);
  });

  it('a fault costs its delivery, not the instruction', () => {
    expect(cycles({ code: [0x0f, 0x30], user: true })).toBe(CYCLES.delivery.cycles);
  });
});

describe('a walk', () => {
  it('costs by the entries that it reads, once for each entry that the TLB takes', () => {
    const pair = new Pair(), machine = pair.machines[0]!, cpu = machine.cpus[0]!;
    // MOV RAX, [RSI] twice.
    const start: Start = { code: [0x48, 0x8b, 0x06, 0x48, 0x8b, 0x06], cr4: PCIDE, registers: { 6: BigInt(TSS) }, steps: 2 };
    pair.run({ ...start, code: [0x90, 0x90] });
    machine.mmu.invlpg(cpu, TSS, 0);
    const before = cpu.extraCycles;
    pair.run(start);
    expect(cpu.extraCycles - before).toBe(WALK_CYCLES + 4 * WALK_LEVEL_CYCLES);
  });
});

describe('the time stamp counter', () => {
  it('goes on beyond 32 bits of charges', () => {
    const cpu = new Pair().machines[0]!.cpus[0]!;
    for (let n = 0; n < 3; n++) cpu.charge(0x7fffffff);
    cpu.charge(10);
    expect(cpu.extraCycles).toBe(3 * 0x7fffffff + 10);
  });

  it('is the sum of the steps of all CPUs and of what their events have cost', () => {
    const pair = new Pair(), machine = pair.machines[0]!, cpu = machine.cpus[0]!;
    // CPUID, RDTSC
    pair.run({ code: [0x0f, 0xa2, 0x0f, 0x31], steps: 2, interpreted: true });
    expect(cpu.gpr(2) << 32n | cpu.gpr(0)).toBe(BigInt(clockCycles(machine) - 1));
  });
});
