import { Code, Mnemonic } from 'iced-x86';
import { codeName } from '../translate/icedLibrary.js';
import { MemoryKind } from '../memory/kind.js';
import { Emitter, loadOp } from '../translate/emitter.js';
import { pushCondition } from '../translate/flags.js';
import { Op, Type } from '../translate/wasm.js';
import { forConditions, JCC } from './conditions.js';
import { define } from './define.js';

/** Size in bytes of the return address of a near call: always 8 in 64-bit code, else the operand size (prefix 66). */
function returnSize(e: Emitter): number {
  const { code } = e.insn;
  return e.long ? 8 : code === Code.Retnd || code === Code.Retnd_imm16 ? 4 : 2;
}

define(Mnemonic.Jmp, e => {
  if (e.insn.operands[0]!.kind === 'branch') {
    e.checkDirectTarget();
    e.jumpDirect();
  } else {
    e.push(0);
    const target = e.keep();
    e.checkTarget(target);
    e.f.get(target);
    e.jump();
    e.f.release(target);
  }
});

forConditions(JCC, (mnemonic, condition) => define(mnemonic, e => {
  pushCondition(e, condition);
  e.checkedBranch();
}));

define(Mnemonic.Call, e => {
  const f = e.f, direct = e.insn.operands[0]!.kind === 'branch', size = e.insn.operandSize;
  let target = -1;
  if (!direct) {
    e.push(0);
    target = e.keep();
  }
  e.pushNext();
  const next = e.keep();
  e.guestPush(next, size, () => direct ? e.checkDirectTarget() : e.checkTarget(target));
  f.release(next);
  if (direct) { e.jumpDirect(); return; }
  f.get(target);
  e.jump();
  f.release(target);
});

define(Mnemonic.Ret, e => {
  const f = e.f, size = returnSize(e);
  e.pushStackPointer(0);
  const host = e.resolveStack(size, MemoryKind.Read);
  f.get(host).memory(loadOp(size));
  const target = e.keep();
  e.checkTarget(target);
  e.pushStackPointer(size);
  if (e.insn.operands.length) { e.pushImmediate(); f.op(Op.i64_add); e.truncate(e.stackSize); }
  e.popStackPointer();
  f.get(target);
  e.jump();
  f.release(host, target);
});

/** LOOP, LOOPE, LOOPNE count (R)CX by address size; JCXZ only looks at it. */
for (const [mnemonic, condition] of [[Mnemonic.Loop, undefined], [Mnemonic.Loope, 4], [Mnemonic.Loopne, 5]] as const) {
  define(mnemonic, e => {
    const f = e.f, size = counterSize(e);
    e.pushPart(1, size);
    f.i64(1n).op(Op.i64_sub);
    e.truncate(size);
    const count = e.keep(), taken = f.local(Type.I32);
    f.get(count).op(Op.i64_eqz, Op.i32_eqz);
    if (condition !== undefined) { pushCondition(e, condition); f.op(Op.i32_eqz, Op.i32_eqz, Op.i32_and); }
    f.set(taken);
    if (!e.long) {
      f.get(taken).if();
      e.checkDirectTarget();
      f.end();
    }
    f.get(count);
    e.popPart(1, size);
    f.get(taken);
    f.release(count, taken);
    e.branch();
  });
}
for (const [mnemonic, size] of [[Mnemonic.Jcxz, 2], [Mnemonic.Jecxz, 4], [Mnemonic.Jrcxz, 8]] as const) {
  define(mnemonic, e => {
    e.pushPart(1, size);
    e.f.op(Op.i64_eqz);
    e.checkedBranch();
  });
}

/** Size of LOOP's counter: the last part of the Code's name (LOOP_REL8_64_ECX), which follows the address size. */
function counterSize(e: Emitter): number {
  const name = codeName(e.insn.code);
  return name.endsWith('_RCX') ? 8 : name.endsWith('_ECX') ? 4 : 2;
}
