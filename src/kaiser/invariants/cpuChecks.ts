import { checkCr3 } from '../cr3.js';
import type { CpuView, Ground, Violation } from './view.js';

/** Rules about what a CPU has in CR3 and where it is. */

/** What is wrong, in words that go on after `CPU 1`; with the hazard that it is the mark of. */
type Check = (ground: Ground, cpu: CpuView) => string | { text: string; hazard: string } | undefined;

/** P1 and P2: user mode runs on the half that this CPU's exits would choose, while no toggle is under way. */
const userHalf = (wanted: 'shadow' | 'kernel'): Check => (ground, cpu) => {
  const { flag, design } = ground.state(cpu);
  if (cpu.cpl !== 3 || ground.view.toggling || design === undefined || flag === undefined || (flag !== 0) !== (wanted === 'shadow')) return undefined;
  const { half } = ground.cr3(cpu);
  return half === wanted ? undefined : `runs user code at ${ground.place(cpu.rip)} on the ${half} half, though KAISER is ${flag ? 'on' : 'off'} for it`;
};

/** P3: the value in CR3 is in order by itself. */
const cr3Fields: Check = (ground, cpu) => {
  const problems = checkCr3(cpu.cr3, { pcidEnabled: cpu.pcidEnabled, ramSize: ground.view.ramSize });
  return problems.length ? `has 0x${cpu.cr3.toString(16)} in CR3: ${problems.join('; ')}` : undefined;
};

/** P4: CR3 names the pair of the address space that the kernel thinks it has loaded. The kernel itself is between the two for a moment. */
const loadedRoot: Check = (ground, cpu) => {
  const root = ground.cr3(cpu).kernelRoot, wanted = ground.view.guest.loadedRoot(cpu.index)!;
  return cpu.cpl !== 3 || root === wanted ? undefined : `has the pair at 0x${root.toString(16)} in CR3 and should have that at 0x${wanted.toString(16)}`;
};

/** P5: kernel code other than entry code runs on the kernel half. */
const kernelHalf: Check = (ground, cpu) =>
  cpu.cpl === 3 || ground.inEntryText(cpu.rip) || ground.cr3(cpu).half !== 'shadow' ? undefined
    : `runs kernel code at ${ground.place(cpu.rip)} on the shadow half`;

/**
 * P13: in user mode everything that the next event needs translates in the tables which are loaded: the IDT, the GDT, the TSS, the
 * top of the stack of RSP0, the target of SYSCALL and of the gates.
 */
const canEnter: Check = (ground, cpu) => {
  if (cpu.cpl !== 3) return undefined;
  const root = Number(ground.cr3(cpu).root);
  const maps = (address: bigint): boolean => ground.walk(root, address).kind === 'mapped';
  for (const [register, name] of [['idtr_base', 'the IDT'], ['gdtr_base', 'the GDT'], ['tr_base', 'the TSS']] as const) {
    const address = cpu.register(register);
    if (address && !maps(address)) return `is in user mode and could not enter the kernel: ${name} at ${ground.place(address)} is not mapped`;
  }
  const lstar = cpu.register('lstar');
  if (lstar && !maps(lstar)) return { hazard: 'H17', text: `is in user mode and could not enter the kernel: the target of SYSCALL at ${ground.place(lstar)} is not mapped` };
  const tss = cpu.register('tr_base');
  const rsp0 = tss ? word(ground, root, tss + 4n) : undefined;
  if (rsp0 && !maps(rsp0 - 8n)) return { hazard: 'H18', text: `is in user mode and could not enter the kernel: the stack of RSP0 below 0x${rsp0.toString(16)} is not mapped` };
  const idt = cpu.register('idtr_base');
  const gate = idt ? gateTarget(ground, root, idt + 14n * 16n) : undefined;
  return gate && !maps(gate) ? `is in user mode and could not enter the kernel: the target of the page-fault gate at ${ground.place(gate)} is not mapped` : undefined;
};

function word(ground: Ground, root: number, address: bigint): bigint | undefined {
  let value = 0n;
  for (let i = 7n; i >= 0n; i--) {
    const at = ground.walk(root, address + i);
    const page = at.kind === 'mapped' ? ground.view.reader.page(at.physical - at.physical % 4096) : undefined;
    if (at.kind !== 'mapped' || !page) return undefined;
    value = value << 8n | BigInt(page[at.physical % 4096 >>> 2]! >>> at.physical % 4 * 8 & 0xff);
  }
  return value;
}

/** Offset of an interrupt gate (SDM Vol. 3A, figure 6-8). */
function gateTarget(ground: Ground, root: number, gate: bigint): bigint | undefined {
  const low = word(ground, root, gate), high = word(ground, root, gate + 8n);
  return low === undefined || high === undefined ? undefined : low & 0xffffn | (low >> 48n) << 16n | (high & 0xffff_ffffn) << 32n;
}

/** P17: between toggles all CPUs that are used find the same, unless the design has a state for each process. */
function sameFlags(ground: Ground): Violation[] {
  const cpus = ground.cpus;
  const first = cpus[0] && ground.state(cpus[0]);
  if (!first || ground.view.toggling || first.design === 'per_process') return [];
  return cpus.filter(cpu => ground.state(cpu).flag !== first.flag).map(cpu => ({
    predicate: 'P17', hazard: 'H28', cpu: cpu.index, text: `CPU ${cpu.index} finds KAISER ${ground.state(cpu).flag ? 'on' : 'off'}, CPU ${cpus[0]!.index} finds it ${first.flag ? 'on' : 'off'}`,
  }));
}

const checks: readonly (readonly [string, Check])[] = [['P1', userHalf('shadow')], ['P2', userHalf('kernel')], ['P3', cr3Fields], ['P4', loadedRoot], ['P5', kernelHalf], ['P13', canEnter]];

export function checkCpus(ground: Ground): Violation[] {
  const found = ground.cpus.flatMap(cpu => checks.flatMap(([predicate, check]) => {
    const found = check(ground, cpu);
    if (found === undefined) return [];
    const { text, ...hazard } = typeof found === 'string' ? { text: found } : found;
    return [{ predicate, ...hazard, cpu: cpu.index, text: `CPU ${cpu.index} ${text}` }];
  }));
  return [...found, ...sameFlags(ground)];
}
