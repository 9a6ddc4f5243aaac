import { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, type Handler, Unimplemented, Vector } from '../../core.js';
import { setResumeFlag } from '../../cpu/debug.js';
import { readFlags, writeFlags } from '../../cpu/flags.js';
import * as L from '../../cpu/layout.js';
import { CodeMode, Flag, Seg } from '../../cpu/layout.js';
import { isLongMode, isProtected, updateMode } from '../../cpu/modes.js';
import {
  checkCodeSegment, checkStackSegment, commitCodeSegment, commitStackSegment, dropInnerSegments, is64BitSegment, loadRealSegment, setNullStack,
} from '../../cpu/segments.js';
import type { CpuState } from '../../cpu/state.js';
import { targetPointer } from './farTarget.js';
import { handle } from './registry.js';
import { setStackPointer, StackCursor } from './stack.js';

/**
 * The flags after IRET or POPF loaded `value` at privilege level `cpl`: IOPL changes at CPL 0 only, IF where CPL <= IOPL
 * (SDM Vol. 2, IRET and POPF). POPF clears RF, IRET loads it (`more`) but for 16-bit operands.
 * @param more flags that change beside those: IRET of protected mode loads VIF and VIP at CPL 0
 */
export function loadedFlags(cpu: CpuState, value: number, size: number, cpl: number, more = 0): number {
  const old = readFlags(cpu);
  let mask = more | Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.TF | Flag.DF | Flag.OF | Flag.NT;
  if (size >= 4) mask |= Flag.AC | Flag.ID;
  if (cpl === 0) mask |= Flag.IOPL;
  if (cpl <= (old >> 12 & 3)) mask |= Flag.IF;
  return old & ~mask & ~Flag.RF | value & mask;
}

function iret(size: 2 | 4 | 8): Handler {
  return (core, cpu) => {
    try {
      if (isProtected(cpu)) iretProtected(core, cpu, size);
      else iretReal(core, cpu, size);
    } catch (error) {
      // IRET unblocks NMIs even if it faults (SDM Vol. 3A, 6.7.1): the delivery of the fault does it then.
      if (error instanceof GuestFault) cpu.setInt(L.NMI_UNBLOCK, 1);
      throw error;
    }
    cpu.setInt(L.NMI_BLOCKED, 0);
    if (cpu.int(L.FLAGS) & Flag.RF) setResumeFlag(cpu);
    return 'jumped';
  };
}

/** IRET of protected and long mode (SDM Vol. 2A, IRET): to the same level or an outer one, 64-bit or compatibility code. */
function iretProtected(core: Core, cpu: CpuState, size: number): void {
  const long = isLongMode(cpu), from64 = (cpu.int(L.MODE) & CodeMode.Long) !== 0;
  if (cpu.int(L.FLAGS) & Flag.NT) {
    if (long) throw new GuestFault(Vector.GP, 0);
    throw new Unimplemented(`CPU ${cpu.index}, eip 0x${cpu.rip.toString(16)}: IRET with NT set returns to another task, and this machine has no task switches.`);
  }
  const stack = new StackCursor(core, cpu);
  const target = stack.pop(size), selector = Number(stack.pop(size) & 0xffffn), flags = Number(stack.pop(size) & 0xffffffffn);
  if (!long && size === 4 && flags & Flag.VM && cpu.cpl === 0) {
    throw new Unimplemented(`CPU ${cpu.index}, eip 0x${cpu.rip.toString(16)}: IRET to virtual-8086 mode, which this machine does not have.`);
  }
  const outer = (selector & 3) > cpu.cpl, cpl = cpu.cpl;
  const popsStack = outer || from64;
  const pointer = popsStack ? stack.pop(size) : 0n, stackSelector = popsStack ? Number(stack.pop(size) & 0xffffn) : 0;

  const code = checkCodeSegment(core, cpu, selector, 'return'), newCpl = selector & 3;
  const to64 = is64BitSegment(cpu, code.rights);
  const data = popsStack ? checkStackSegment(core, cpu, stackSelector, newCpl, to64) : undefined;
  const newPointer = targetPointer(cpu, code, target);
  const newFlags = loadedFlags(cpu, flags, size, cpl, size < 4 ? 0 : cpl === 0 ? Flag.RF | Flag.VIF | Flag.VIP : Flag.RF);

  commitCodeSegment(core, cpu, code, newCpl);
  if (popsStack) {
    if (data) commitStackSegment(core, cpu, data);
    else setNullStack(cpu, newCpl);
    // IRETQ too loads no more of the stack pointer than its segment has: 16-bit stacks keep the upper bits.
    setStackPointer(cpu, pointer, to64 ? 64 : cpu.segRights(Seg.SS) & 1 << 14 ? 32 : 16);
  } else {
    stack.commit();
  }
  cpu.rip = newPointer;
  writeFlags(cpu, newFlags);
  if (outer) dropInnerSegments(cpu, newCpl);
  updateMode(core, cpu);
}

function iretReal(core: Core, cpu: CpuState, size: number): void {
  const stack = new StackCursor(core, cpu);
  const target = stack.pop(size), selector = Number(stack.pop(size) & 0xffffn), flags = Number(stack.pop(size) & 0xffffffffn);
  if (target > BigInt(cpu.segLimit(Seg.CS))) throw new GuestFault(Vector.GP, 0);
  const newFlags = loadedFlags(cpu, flags, size, 0, size < 4 ? 0 : Flag.RF);
  stack.commit();
  loadRealSegment(cpu, Seg.CS, selector);
  cpu.rip = target;
  writeFlags(cpu, newFlags);
  updateMode(core, cpu);
}

handle(Mnemonic.Iret, iret(2));
handle(Mnemonic.Iretd, iret(4));
handle(Mnemonic.Iretq, iret(8));
