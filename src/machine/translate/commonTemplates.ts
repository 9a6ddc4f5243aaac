import { commonInstructions } from './commonInstructions.js';
import { MAX_INSTRUCTION } from './decode.js';
import { type Decoded, decodeOne } from './decoded.js';
import { templateKey, templateModule } from './templateModule.js';

/** A module of templates, and their keys in the order of its exports. */
export interface TemplateBytes { keys: readonly number[]; bytes: Uint8Array<ArrayBuffer>; }

/** The templates of the forms that kernels and compilers use, in one module: a module costs as much as dozens of functions in it. */
export function commonTemplates(): TemplateBytes {
  const insns = new Map<number, Decoded>();
  for (const [mode, hex] of commonInstructions) {
    for (let at = 0; 2 * at < hex.length;) {
      const insn = decodeOne(bytesOf(hex, at), 0n, 0n, mode)!;
      insns.set(templateKey(insn), insn);
      at += insn.length;
    }
  }
  return { keys: [...insns.keys()], bytes: templateModule(insns.values()) };
}

/** Up to 15 bytes from position `at` of a text of hexadecimal digits. */
function bytesOf(hex: string, at: number): Uint8Array {
  return Uint8Array.from(hex.slice(2 * at, 2 * (at + MAX_INSTRUCTION)).match(/../g) ?? [], byte => parseInt(byte, 16));
}
