import { Code, Mnemonic } from 'iced-x86';
import { type Core, GuestFault, type Handler, Unimplemented, Vector } from '../../core.js';
import { Seg } from '../../cpu/layout.js';
import { isProtected, Rights, updateMode } from '../../cpu/modes.js';
import {
  checkCodeSegment, checkStackSegment, commitCodeSegment, commitStackSegment, type Descriptor, dropInnerSegments, is64BitSegment,
  loadRealSegment, setNullStack,
} from '../../cpu/segments.js';
import type { CpuState } from '../../cpu/state.js';
import type { Insn } from '../../translate/insn.js';
import { readMemory } from '../operands.js';
import { throughGate } from './callGate.js';
import { targetPointer } from './farTarget.js';
import { handle } from './registry.js';
import { setStackPointer, StackCursor } from './stack.js';
import { mnemonicName } from '../../translate/icedLibrary.js';

/** Operand size in bytes of far transfers. */
const sizes = new Map<Code, 2 | 4 | 8>([
  [Code.Jmp_ptr1616, 2], [Code.Jmp_ptr1632, 4], [Code.Jmp_m1616, 2], [Code.Jmp_m1632, 4], [Code.Jmp_m1664, 8],
  [Code.Call_ptr1616, 2], [Code.Call_ptr1632, 4], [Code.Call_m1616, 2], [Code.Call_m1632, 4], [Code.Call_m1664, 8],
  [Code.Retfw, 2], [Code.Retfd, 4], [Code.Retfq, 8], [Code.Retfw_imm16, 2], [Code.Retfd_imm16, 4], [Code.Retfq_imm16, 8],
]);

function farSize(insn: Insn): 2 | 4 | 8 {
  const size = sizes.get(insn.code);
  if (!size) throw new Unimplemented(`${mnemonicName(insn.mnemonic).toLowerCase()} at 0x${insn.ip.toString(16)} in a form that the machine has as a near transfer only`);
  return size;
}

interface FarPointer { selector: number; offset: bigint; }

/** The pointer in the instruction, or in memory: offset first, then selector. */
function farPointer(core: Core, cpu: CpuState, insn: Insn, size: number): FarPointer {
  if (insn.operands[0]!.kind === 'far') return { selector: insn.farSelector, offset: insn.target };
  return { offset: readMemory(core, cpu, insn, size), selector: Number(readMemory(core, cpu, insn, 2, size)) };
}

/** Far JMP and CALL (SDM Vol. 2A, JMP and CALL): without change of privilege, or through a call gate. */
function transfer(call: boolean): Handler {
  return (core, cpu, insn) => {
    const size = farSize(insn), { selector, offset } = farPointer(core, cpu, insn, size);
    let target = offset;
    const stack = new StackCursor(core, cpu);
    const push = () => {
      if (!call) return;
      stack.push(size, BigInt(cpu.segSelector(Seg.CS)));
      stack.push(size, insn.next);
    };
    if (!isProtected(cpu)) {
      if (offset > BigInt(cpu.segLimit(Seg.CS))) throw new GuestFault(Vector.GP, 0);
      push();
      loadRealSegment(cpu, Seg.CS, selector);
    } else {
      if (throughGate(core, cpu, insn, selector, call)) return 'jumped';
      const code = checkCodeSegment(core, cpu, selector, 'jump');
      target = targetPointer(cpu, code, offset);
      push();
      commitCodeSegment(core, cpu, code, cpu.cpl);
    }
    if (call) stack.commit();
    cpu.rip = target;
    updateMode(core, cpu);
    return 'jumped';
  };
}

/** Far RET (SDM Vol. 2B): to the same level or an outer one, releasing `immediate` bytes of arguments on each stack. */
const farReturn: Handler = (core, cpu, insn) => {
  const size = farSize(insn), release = insn.operands.length > 0 ? Number(insn.immediate & 0xffffn) : 0;
  const stack = new StackCursor(core, cpu);
  const target = stack.pop(size), selector = Number(stack.pop(size) & 0xffffn);
  stack.skip(release);
  if (!isProtected(cpu)) {
    if (target > BigInt(cpu.segLimit(Seg.CS))) throw new GuestFault(Vector.GP, 0);
    stack.commit();
    loadRealSegment(cpu, Seg.CS, selector);
    cpu.rip = target;
    updateMode(core, cpu);
    return 'jumped';
  }
  const code = checkCodeSegment(core, cpu, selector, 'return');
  if ((selector & 3) === cpu.cpl) {
    const pointer = targetPointer(cpu, code, target);
    commitCodeSegment(core, cpu, code, cpu.cpl);
    stack.commit();
    cpu.rip = pointer;
  } else {
    returnOuter(core, cpu, code, target, stack, size, release);
  }
  updateMode(core, cpu);
  return 'jumped';
};

function returnOuter(core: Core, cpu: CpuState, code: Descriptor, target: bigint, stack: StackCursor, size: number, release: number): void {
  const cpl = code.selector & 3, to64 = is64BitSegment(cpu, code.rights);
  const pointer = stack.pop(size), selector = Number(stack.pop(size) & 0xffffn);
  const data = checkStackSegment(core, cpu, selector, cpl, to64);
  const newPointer = targetPointer(cpu, code, target);
  commitCodeSegment(core, cpu, code, cpl);
  if (data) commitStackSegment(core, cpu, data);
  else setNullStack(cpu, cpl);
  // A 64-bit RET too loads no more of the stack pointer than its segment has.
  const width = to64 ? 64 : cpu.segRights(Seg.SS) & Rights.Big ? 32 : 16;
  setStackPointer(cpu, pointer + BigInt(release), width);
  dropInnerSegments(cpu, cpl);
  cpu.rip = newPointer;
}

handle(Mnemonic.Jmp, transfer(false));
handle(Mnemonic.Call, transfer(true));
handle(Mnemonic.Retf, farReturn);
