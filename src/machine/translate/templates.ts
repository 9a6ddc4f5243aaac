import { commonTemplates } from './prebuilt.js';
import type { Decoded } from './decoded.js';
import type { FunctionTable } from './functionTable.js';
import { definedKey, templateKey, templateModule } from './templateModule.js';

/** The interpreter's templates: one function for all instructions of a form. */
export class Templates {
  /** Index in the function table by `templateKey`. */
  private readonly index = new Map<number, number>();

  constructor(private readonly functions: FunctionTable) {
    if (!common) {
      const { keys, bytes } = commonTemplates();
      common = { keys, module: new WebAssembly.Module(bytes) };
    }
    this.enter(common.keys, common.module);
  }

  get count(): number { return this.index.size; }
  has(insn: Decoded): boolean { return this.index.has(templateKey(insn)); }
  /** Index in the function table of the instruction's template, which must have been added. */
  of(insn: Decoded): number { return this.index.get(templateKey(insn))!; }

  /** The same by what `definedKey` asks for; undefined if there is none yet. */
  find(code: number, segment: number, mode: number): number | undefined { return this.index.get(definedKey(code, segment, mode)); }

  /** Compiles the templates that these instructions lack, in one module. */
  add(insns: readonly Decoded[]): void {
    const missing = new Map<number, Decoded>();
    for (const insn of insns) {
      const key = templateKey(insn);
      if (!this.index.has(key) && !missing.has(key)) missing.set(key, insn);
    }
    if (missing.size) this.enter([...missing.keys()], new WebAssembly.Module(templateModule(missing.values())));
  }

  private enter(keys: readonly number[], module: WebAssembly.Module): void {
    const exports = this.functions.instantiate(module);
    keys.forEach((key, n) => {
      this.index.set(key, this.functions.add(exports[`t${n}`]!));
    });
  }
}

/** The common templates, compiled once for all machines. */
let common: { keys: readonly number[]; module: WebAssembly.Module } | undefined;
