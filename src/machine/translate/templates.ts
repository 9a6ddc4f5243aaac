import { CodeMode, Seg } from '../cpu/layout.js';
import { commonInstructions } from './commonInstructions.js';
import { MAX_INSTRUCTION } from './decode.js';
import { type Decoded, decodeOne } from './decoded.js';
import { Exit } from './emitter.js';
import type { FunctionTable } from './functionTable.js';
import { TemplateEmitter } from './templateEmitter.js';
import { Type } from './wasm.js';

/** The interpreter's templates: one function for all instructions of a form. */
export class Templates {
  /** Index in the function table by `templateKey`. */
  private readonly index = new Map<number, number>();

  constructor(private readonly functions: FunctionTable) { this.addCommon(); }

  get count(): number { return this.index.size; }
  has(insn: Decoded): boolean { return this.index.has(templateKey(insn)); }
  /** Index in the function table of the instruction's template, which must have been added. */
  of(insn: Decoded): number { return this.index.get(templateKey(insn))!; }

  /** Compiles the templates that these instructions lack, in one module. */
  add(insns: readonly Decoded[]): void {
    const missing = new Map<number, Decoded>();
    for (const insn of insns) {
      const key = templateKey(insn);
      if (!this.index.has(key) && !missing.has(key)) missing.set(key, insn);
    }
    if (missing.size) this.enter([...missing.keys()], this.functions.instantiate(this.compile(missing)));
  }

  /**
   * The templates of the forms that kernels and compilers use, in one module that is compiled once for all machines: a
   * module costs as much as dozens of functions in it.
   */
  private addCommon(): void {
    if (!commonTemplates) {
      const insns = new Map<number, Decoded>();
      for (const [mode, hex] of commonInstructions) {
        for (let at = 0; 2 * at < hex.length;) {
          const insn = decodeOne(bytesOf(hex, at), 0n, 0n, mode)!;
          insns.set(templateKey(insn), insn);
          at += insn.length;
        }
      }
      commonTemplates = { keys: [...insns.keys()], module: this.compile(insns) };
    }
    this.enter(commonTemplates.keys, this.functions.instantiate(commonTemplates.module));
  }

  private compile(insns: ReadonlyMap<number, Decoded>): WebAssembly.Module {
    const { module, imports } = this.functions.newModule();
    let number = 0;
    for (const insn of insns.values()) {
      const { body } = module.function({ params: [Type.I32, Type.I32], results: [Type.I32] }, `t${number++}`);
      const emitter = new TemplateEmitter(body, imports);
      emitter.insn = insn;
      if (insn.meaning.definition && !insn.meaning.definition.regionOnly) {
        insn.meaning.definition(emitter);
        emitter.charge(insn.meaning.cycles);
      } else emitter.handOver();
      body.i32(Exit.Next);
    }
    return new WebAssembly.Module(module.encode());
  }

  private enter(keys: readonly number[], exports: WebAssembly.Exports): void {
    keys.forEach((key, n) => {
      this.index.set(key, this.functions.add(exports[`t${n}`]!));
    });
  }
}

/** The common templates, once a machine has been made. */
let commonTemplates: { keys: number[]; module: WebAssembly.Module } | undefined;

/** Up to 15 bytes from position `at` of a text of hexadecimal digits. */
function bytesOf(hex: string, at: number): Uint8Array {
  return Uint8Array.from(hex.slice(2 * at, 2 * (at + MAX_INSTRUCTION)).match(/../g) ?? [], byte => parseInt(byte, 16));
}

/** The key of everything that TypeScript executes. */
const HANDLER = -1;

/**
 * Instructions of one key share a template: all that a definition asks of an instruction before run time is in it. iced's Code says
 * what the operands are, apart from the one that is a register or memory.
 */
export function templateKey(insn: Decoded): number {
  const { code, mode, memory, meaning: { definition } } = insn;
  if (!definition || definition.regionOnly) return HANDLER;
  return code << 7 | (memory ? memory.segment === Seg.SS ? 3 : 1 : 0) << 5
    | (mode & CodeMode.Long ? 4 : (mode & CodeMode.Code32 ? 1 : 0) | (mode & CodeMode.Stack32 ? 2 : 0)) << 2 | (mode & CodeMode.Watched ? 1 : 0) | (mode & CodeMode.AlignmentCheck ? 2 : 0);
}
