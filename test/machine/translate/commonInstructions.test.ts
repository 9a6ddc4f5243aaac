import { describe, expect, it } from 'vitest';
import { Machine } from '../../../src/machine/machine.js';
import { CodeMode } from '../../../src/machine/cpu/layout.js';
import { commonInstructions } from '../../../src/machine/translate/commonInstructions.js';
import { decode } from '../../../src/machine/translate/decode.js';
import { runScript } from '../../kernel/run.js';

describe('the common instructions', () => {
  it('are whole instructions, one behind the other', () => {
    for (const [mode, hex] of commonInstructions) {
      const bytes = Uint8Array.from(hex.match(/../g)!, byte => parseInt(byte, 16));
      let count = 0;
      for (let at = 0; at < bytes.length; count++) {
        const insn = decode(bytes.subarray(at, at + 15), 0n, 0n, mode);
        if (typeof insn === 'string') throw new Error(`byte ${at}: ${insn}`);
        at += insn.length;
      }
      expect(count).toBeGreaterThan(mode === CodeMode.Long ? 150 : 0);
    }
  });

  it('are there in every machine from one module, and suffice for the built-in kernel', () => {
    const machine = new Machine({ cpus: 1, ramSize: 1 << 20 });
    expect(machine.translator.counts).toMatchObject({ templates: expect.any(Number) as number, modules: 1 });
    const { translator } = runScript('', ['poweroff']).machine;
    // The others are regions, several in each.
    expect(translator.counts.templates - machine.translator.counts.templates).toBeLessThan(5);
    expect(translator.counts.modules).toBeLessThan(12);
  });
});
