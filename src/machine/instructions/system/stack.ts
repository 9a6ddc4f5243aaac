import type { Core } from '../../core.js';
import * as L from '../../cpu/layout.js';
import { CodeMode, Seg } from '../../cpu/layout.js';
import type { CpuState } from '../../cpu/state.js';
import { Privilege } from '../../memory/access.js';
import { readLinear, segmentAddress, writeLinear } from '../operands.js';

const RSP = 4;

/** Width of the stack pointer in bits: 64 in 64-bit code, else by SS.B (SDM Vol. 1, 6.2.3). */
export function stackWidth(cpu: CpuState): 16 | 32 | 64 {
  const mode = cpu.int(L.MODE);
  return mode & CodeMode.Long ? 64 : mode & CodeMode.Stack32 ? 32 : 16;
}

/**
 * A cursor on the stack: values are popped and pushed there, and the stack pointer itself changes only by `commit`, so
 * that a fault in the middle leaves the registers as they were.
 */
export class StackCursor {
  private pointer: bigint;
  private readonly width: 16 | 32 | 64;

  constructor(private readonly core: Core, private readonly cpu: CpuState) {
    this.width = stackWidth(cpu);
    this.pointer = BigInt.asUintN(this.width, cpu.gpr(RSP));
  }

  /** Pops a value of 2, 4 or 8 bytes. */
  pop(size: number): bigint {
    const value = readLinear(this.core, this.cpu, segmentAddress(this.cpu, Seg.SS, this.pointer, size, false), size, Privilege.Stack);
    this.skip(size);
    return value;
  }

  /** Pushes the low `size` bytes of a value. @param written how many of them are written, the stack pointer moves by `size` */
  push(size: number, value: bigint, written = size): void {
    const pointer = BigInt.asUintN(this.width, this.pointer - BigInt(size));
    writeLinear(this.core, this.cpu, segmentAddress(this.cpu, Seg.SS, pointer, written, true), written, value, Privilege.Stack);
    this.pointer = pointer;
  }

  /** Releases `bytes` bytes of stack. */
  skip(bytes: number): void { this.pointer = BigInt.asUintN(this.width, this.pointer + BigInt(bytes)); }

  /** Moves the stack pointer; bits above its width stay (in 32-bit stacks the upper half is cleared). */
  commit(): void { setStackPointer(this.cpu, this.pointer, this.width); }
}

export function setStackPointer(cpu: CpuState, pointer: bigint, width: 16 | 32 | 64): void {
  cpu.setGpr(RSP, width === 16 ? cpu.gpr(RSP) & ~0xffffn | pointer & 0xffffn : BigInt.asUintN(width, pointer));
}
