import type { Debuggee } from './debuggee.js';
import { unwind } from '../symbols/index.js';
import type { Frame } from '../symbols/index.js';

/**
 * The frames of a CPU's stack, the innermost first. Only 64-bit code is unwound: what runs before long mode has one frame.
 * Reads through both halves, since entry code may run on the shadow.
 */
export function unwindStack(debuggee: Debuggee, cpu: number, limit = 64): Frame[] {
  const { rip, rsp, rbp, mode } = debuggee.target.cpu(cpu);
  // Before paging is on, code runs at its physical address; symbols know the linked one.
  const start = debuggee.linked(rip);
  const top: Frame = { pc: rip, lookup: start, sp: rsp, fp: rbp, how: 'registers' };
  if (mode !== 'long') return [top];
  const walk = (from: { rip: bigint; rsp: bigint; rbp: bigint }): Frame[] =>
    unwind(from, (address, size) => debuggee.readEitherHalf(cpu, address, size), debuggee.symbols, { limit });
  const returnTo = systemCallReturn(debuggee, cpu);
  if (returnTo !== undefined) {
    const [user, ...callers] = walk({ rip: returnTo, rsp, rbp });
    return [top, { ...user!, how: 'interrupt frame', cpl: 3 }, ...callers];
  }
  return [top, ...walk({ rip: start, rsp, rbp }).slice(1)];
}

/**
 * Where a system call came from while its entry code has nothing on a stack yet: SYSCALL leaves the return address in
 * RCX and pushes nothing (SDM Vol. 2B, SYSCALL). RSP is still the user's, or a scratch register.
 */
function systemCallReturn(debuggee: Debuggee, cpu: number): bigint | undefined {
  const { rip, rsp, cpl } = debuggee.target.cpu(cpu);
  if (cpl !== 0 || rsp >> 47n !== 0n || !debuggee.target.cpu(cpu).pagingOn) return undefined;
  const entry = debuggee.kaiser.entryPoints().find(point => point.kind === 'entry' && point.path === 'syscall64');
  const here = debuggee.symbols.table.functionAt(rip)?.symbol;
  const returnTo = debuggee.target.readRegister(cpu, 'rcx')!;
  const isUserCode = returnTo >> 47n === 0n && debuggee.readEitherHalf(cpu, returnTo, 1) !== undefined;
  return entry && here?.address === entry.address && isUserCode ? returnTo : undefined;
}
