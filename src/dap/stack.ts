import type { Debuggee } from './debuggee.js';
import { unwind } from '../symbols/index.js';
import type { Frame } from '../symbols/index.js';

/**
 * The frames of a CPU's stack, the innermost first. Only 64-bit code is unwound: what runs before long mode has one frame.
 * Reads through both halves,
 * since entry code may run on the shadow.
 */
export function unwindStack(debuggee: Debuggee, cpu: number, limit = 64): Frame[] {
  const { rip, rsp, rbp, mode } = debuggee.target.cpu(cpu);
  // Before paging is on, code runs at its physical address; symbols know the linked one.
  const start = debuggee.linked(rip);
  if (mode !== 'long') return [{ pc: rip, lookup: start, sp: rsp, fp: rbp, how: 'registers' }];
  const frames = unwind({ rip: start, rsp, rbp }, (address, size) => debuggee.readEitherHalf(cpu, address, size), debuggee.symbols, { limit });
  frames[0] = { ...frames[0]!, pc: rip };
  return frames;
}
