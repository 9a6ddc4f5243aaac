import { Code, Mnemonic } from 'iced-x86';
import { MemoryKind } from '../memory/kind.js';
import { Emitter, loadOp } from '../translate/emitter.js';
import { Op } from '../translate/wasm.js';
import { define } from './define.js';

/** Operand size in bytes: what the stack pointer moves by. */
function width(e: Emitter): number { return e.insn.operandSize || e.stackSize; }

define(Mnemonic.Push, e => {
  e.pushSized(0, width(e));
  const value = e.keep();
  e.guestPush(value, width(e));
  e.f.release(value);
});

define(Mnemonic.Pop, e => {
  const f = e.f, size = width(e);
  // A memory destination sees RSP after the increment, and a fault there undoes it: rare, so done in TypeScript.
  if (e.insn.operands[0]!.kind === 'memory') { e.handOver(); return; }
  e.pushStackPointer(0);
  const host = e.resolveStack(size, MemoryKind.Read);
  f.get(host).memory(loadOp(size));
  const value = e.keep();
  e.pushStackPointer(size);
  e.popStackPointer();
  f.get(value);
  e.store({ register: 0, size });
  f.release(host, value);
});

define(Mnemonic.Leave, e => {
  // iced tells no stack increment for LEAVE: its size is in the Code.
  const f = e.f, size = e.insn.code === Code.Leavew ? 2 : e.insn.code === Code.Leaved ? 4 : 8;
  e.pushPart(5, e.stackSize);
  const frame = e.keep();
  f.get(frame);
  const host = e.resolveStack(size, MemoryKind.Read);
  f.get(host).memory(loadOp(size));
  f.get(frame).i64(BigInt(size)).op(Op.i64_add);
  e.truncate(e.stackSize);
  e.popStackPointer();
  e.popPart(5, size);
  f.release(host, frame);
});
