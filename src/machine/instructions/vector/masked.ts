import { Mnemonic } from 'iced-x86';
import { enterMmx } from '../../cpu/x87State.js';
import { effectiveAddress, privilegeOf, wrapLinear } from '../operands.js';
import { handleVector } from './registry.js';
import { readVector, VectorValue } from './values.js';

const data = new VectorValue(), mask = new VectorValue();
const RDI = 7;

/**
 * MASKMOVQ and MASKMOVDQU (SDM Vol. 2A): bytes whose mask has bit 7 are stored at RDI. The SDM leaves open what faults where the
 * mask is zero: all of it does, in two halves of which the upper one comes first, and x87 is in its MMX state by then (measured).
 */
for (const [mnemonic, size] of [[Mnemonic.Maskmovq, 8], [Mnemonic.Maskmovdqu, 16]] as const) {
  handleVector(mnemonic, (core, cpu, insn) => {
    const store = { ...insn, memory: { ...insn.memory!, base: RDI } };
    readVector(core, cpu, insn, 1, data);
    readVector(core, cpu, insn, 2, mask);
    if (size === 8) enterMmx(cpu);
    const privilege = privilegeOf(store.memory.segment), halves: { address: bigint; from: number }[] = [];
    for (let from = size - 8; from >= 0; from -= 8) {
      const address = effectiveAddress(cpu, store, 8, true, from);
      core.access.checkWrite(cpu, address, 8, privilege);
      halves.push({ address, from });
    }
    for (const { address, from } of halves) {
      for (let n = 0; n < 8; n++) {
        if (mask.bytes[from + n]! & 0x80) core.access.write8(cpu, wrapLinear(cpu, address + BigInt(n)), data.bytes[from + n]!, privilege);
      }
    }
  });
}
