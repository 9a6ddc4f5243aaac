import type { Check, CpuView, Ground } from './view.js';

/**
 * P13: in user mode everything that the next event needs translates in the tables which are loaded, for supervisor mode: the IDT, the GDT,
 * the TSS, the LDT if there is one, the stacks of the TSS, and the code that SYSCALL, SYSENTER and every gate lead to.
 */
export const canEnter: Check = (ground, cpu) => {
  if (cpu.cpl !== 3) return undefined;
  const missing = firstMissing(ground, cpu, Number(ground.cr3(cpu).root));
  return missing && { ...missing.hazard === undefined ? {} : { hazard: missing.hazard }, text: `is in user mode and could not enter the kernel: ${missing.text}` };
};

type Missing = { text: string; hazard?: string };

/** RSP0 and IST1 to IST7 in the TSS (SDM Vol. 3A, 7.7). */
const STACKS = [['RSP0', 4n], ...Array.from({ length: 7 }, (_, i) => [`IST${i + 1}`, BigInt(36 + 8 * i)] as const)] as const;

function firstMissing(ground: Ground, cpu: CpuView, root: number): Missing | undefined {
  const at = (address: bigint): ReturnType<Ground['translate']> => ground.translate(root, address);
  for (const [register, name, hazard] of [['idtr_base', 'the IDT'], ['gdtr_base', 'the GDT'], ['tr_base', 'the TSS'], ['ldtr_base', 'the LDT', 'H19']] as const) {
    const address = cpu.register(register);
    if (!address || (register === 'ldtr_base' && !cpu.register('ldtr'))) continue;
    if (!at(address)) return { ...hazard ? { hazard } : {}, text: `${name} at ${ground.place(address)} is not mapped` };
  }
  for (const [register, name] of [['lstar', 'SYSCALL'], ['cstar', 'SYSCALL from 32-bit code'], ['sysenter_eip', 'SYSENTER']] as const) {
    const target = cpu.register(register);
    if (target && !at(target)?.execute) return { hazard: 'H17', text: `the target of ${name} at ${ground.place(target)} is not mapped` };
  }
  const tss = cpu.register('tr_base');
  for (const [name, offset] of tss ? STACKS : []) {
    const top = ground.word(root, tss! + offset);
    if (top && !at(top - 8n)?.write) return { ...name === 'RSP0' ? { hazard: 'H18' } : {}, text: `the stack of ${name} below 0x${top.toString(16)} is not mapped` };
  }
  const idt = cpu.register('idtr_base');
  const gates = idt ? at(idt) : undefined, page = gates && ground.view.reader.page(gates.physical - gates.physical % 4096);
  return page && firstGateMissing(ground, page, root);
}

/** The gates of a page of the IDT (SDM Vol. 3A, figure 6-8). Many lead to the same page of code, which is asked about once. */
function firstGateMissing(ground: Ground, gates: Uint32Array, root: number): Missing | undefined {
  const known = new Set<number>();
  for (let vector = 0; vector < 256; vector++) {
    const type = gates[vector * 4 + 1]!;
    if (!(type & 0x8000)) continue;
    const low = (gates[vector * 4]! & 0xffff | type & 0xffff_0000) >>> 0, high = gates[vector * 4 + 2]!;
    const page = high * 0x10_0000 + (low >>> 12);
    if (known.has(page)) continue;
    known.add(page);
    const target = BigInt(high) << 32n | BigInt(low);
    if (!ground.translate(root, target)?.execute) return { text: `the target of the gate of vector ${vector} at ${ground.place(target)} is not mapped` };
  }
  return undefined;
}
