import { CodeMode, Seg } from '../cpu/layout.js';
import type { Decoded } from './decoded.js';
import { Exit } from './emitter.js';
import { newModule } from './functionTable.js';
import { TemplateEmitter } from './templateEmitter.js';
import { Type } from './wasm.js';

/** The bytes of a module with the templates of these instructions, one of each key: its exports are `t0`, `t1`, ... in that order. */
export function templateModule(insns: Iterable<Decoded>): Uint8Array<ArrayBuffer> {
  const { module, imports } = newModule();
  let number = 0;
  for (const insn of insns) {
    const { body } = module.function({ params: [Type.I32, Type.I32], results: [Type.I32] }, `t${number++}`);
    const emitter = new TemplateEmitter(body, imports);
    emitter.insn = insn;
    if (insn.meaning.definition && !insn.meaning.definition.regionOnly) {
      insn.meaning.definition(emitter);
      emitter.charge(insn.meaning.cycles);
    } else emitter.handOver();
    body.i32(Exit.Next);
  }
  return module.encode();
}

/** The key of everything that TypeScript executes. */
const HANDLER = -1;

/**
 * Instructions of one key share a template: all that a definition asks of an instruction before run time is in it. iced's Code says
 * what the operands are, apart from the one that is a register or memory.
 */
export function templateKey(insn: Decoded): number {
  const { code, mode, memory, meaning: { definition } } = insn;
  return !definition || definition.regionOnly ? HANDLER : definedKey(code, memory ? memory.segment : -1, mode);
}

/** The key of instructions with a definition; `segment` is -1 if they have no operand in memory. */
export function definedKey(code: number, segment: number, mode: number): number {
  return code << 7 | (segment >= 0 ? segment === Seg.SS ? 3 : 1 : 0) << 5
    | (mode & CodeMode.Long ? 4 : (mode & CodeMode.Code32 ? 1 : 0) | (mode & CodeMode.Stack32 ? 2 : 0)) << 2 | (mode & CodeMode.Watched ? 1 : 0) | (mode & CodeMode.AlignmentCheck ? 2 : 0);
}
