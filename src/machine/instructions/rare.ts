import { Code, Mnemonic } from 'iced-x86';
import type { Core, Handler } from '../core.js';
import { GuestFault, Vector } from '../core.js';
import { writeFlags, readFlags } from '../cpu/flags.js';
import { Flag, Seg } from '../cpu/layout.js';
import type { CpuState } from '../cpu/state.js';
import type { Insn } from '../translate/insn.js';
import { Privilege } from '../memory/access.js';
import { readLinear, readOperand, segmentAddress, writeOperand, writeRegister } from './operands.js';
import { StackCursor, stackWidth } from './system/stack.js';

/** Rare forms of instructions whose usual forms are WebAssembly: these hand over to TypeScript. */
export const rareHandlers = new Map<Mnemonic, Handler>();

const RAX = 0, RDX = 2, RSP = 4, RBP = 5;

/** DIV and IDIV of 128-bit dividends (SDM Vol. 2A). A zero divisor has been dealt with. */
function divide(signed: boolean): Handler {
  return (core: Core, cpu: CpuState, insn: Insn) => {
    const cast = (value: bigint, bits: number) => signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
    const dividend = cast(cpu.gpr(RDX) << 64n | cpu.gpr(RAX), 128);
    const divisor = cast(readOperand(core, cpu, insn, 0), 64);
    const quotient = dividend / divisor;
    if (cast(quotient, 64) !== quotient) throw new GuestFault(Vector.DE);
    cpu.setGpr(RAX, BigInt.asUintN(64, quotient));
    cpu.setGpr(RDX, BigInt.asUintN(64, dividend % divisor));
  };
}
rareHandlers.set(Mnemonic.Div, divide(false));
rareHandlers.set(Mnemonic.Idiv, divide(true));

/** POP to memory: the address sees RSP after the increment, a fault leaves it as it was (SDM Vol. 2B, "POP"). */
rareHandlers.set(Mnemonic.Pop, (core, cpu, insn) => {
  const old = cpu.gpr(RSP), stack = new StackCursor(core, cpu), value = stack.pop(insn.operandSize);
  stack.commit();
  try {
    writeOperand(core, cpu, insn, 0, value);
  } catch (error) {
    cpu.setGpr(RSP, old);
    throw error;
  }
});

/** PUSHA and POPA (SDM Vol. 2B): the stack pointer is pushed as it was before, and skipped by POPA. */
for (const [push, pop, size] of [[Mnemonic.Pusha, Mnemonic.Popa, 2], [Mnemonic.Pushad, Mnemonic.Popad, 4]] as const) {
  rareHandlers.set(push, (core, cpu) => {
    const stack = new StackCursor(core, cpu);
    for (let n = 0; n < 8; n++) stack.push(size, cpu.gpr(n));
    stack.commit();
  });
  rareHandlers.set(pop, (core, cpu) => {
    const stack = new StackCursor(core, cpu);
    // Those ahead of one that faults have been loaded (measured); the instruction can be restarted all the same.
    for (let n = 7; n >= 0; n--) {
      const value = stack.pop(size);
      if (n !== RSP) writeRegister(cpu, { class: 'general', number: n, size }, value);
    }
    stack.commit();
  });
}

/** ENTER (SDM Vol. 2A): pushes the frame pointer and those of enclosing frames; the new stack pointer must be writable. */
rareHandlers.set(Mnemonic.Enter, (core, cpu, insn) => {
  const size = insn.code === Code.Enterw_imm16_imm8 ? 2 : insn.code === Code.Enterd_imm16_imm8 ? 4 : 8, width = stackWidth(cpu);
  const level = insn.immediate2 & 31, stack = new StackCursor(core, cpu);
  // Of a 16-bit stack pointer the upper half stays, and goes into a 32-bit frame pointer.
  const old = cpu.gpr(RSP), pushed = BigInt.asUintN(width, old - BigInt(size)), frame = width === 16 ? old & ~0xffffn | pushed : pushed;
  stack.push(size, cpu.gpr(RBP));
  let outer = cpu.gpr(RBP);
  for (let n = 1; n < level; n++) {
    outer = BigInt.asUintN(width, outer - BigInt(size));
    stack.push(size, readLinear(core, cpu, segmentAddress(cpu, Seg.SS, outer, size, false), size, Privilege.Stack));
  }
  if (level) stack.push(size, frame);
  const local = Number(insn.immediate & 0xffffn), end = BigInt.asUintN(width, frame - BigInt(level * size + local));
  core.access.checkWrite(cpu, segmentAddress(cpu, Seg.SS, end, size, true), size, Privilege.Stack);
  stack.skip(-local);
  stack.commit();
  writeRegister(cpu, { class: 'general', number: RBP, size }, frame);
});

/** CMPXCHG16B hands over only where its operand is not aligned to 16 bytes. */
rareHandlers.set(Mnemonic.Cmpxchg16b, () => { throw new GuestFault(Vector.GP, 0); });

for (const [mnemonic, set] of [[Mnemonic.Cld, false], [Mnemonic.Std, true]] as const) {
  rareHandlers.set(mnemonic, (_core, cpu) => writeFlags(cpu, set ? readFlags(cpu) | Flag.DF : readFlags(cpu) & ~Flag.DF));
}
