import { describe, expect, it } from 'vitest';
import { compile, machineWith, run } from './code.js';
import { digest } from './program.js';
import { NEVER_TRANSLATE } from './tuning.js';

const byName: Record<string, { code: number[]; starts: number[] }> = {
  // test bl,1; jz M; L: inc eax; M: inc ecx; cmp ecx,100; jne L; jmp to the start
  'a loop with two entries': { code: [0xf6, 0xc3, 0x01, 0x74, 0x02, 0xff, 0xc0, 0xff, 0xc1, 0x83, 0xf9, 0x64, 0x75, 0xf7, 0xff, 0xc3, 0x31, 0xc9, 0xeb, 0xec], starts: [0, 5, 7, 14] },
  // L: inc ecx; test cl,3; jnz I; inc eax; jmp L; I: inc edx; test dl,1; jnz I; jmp L
  'loops within a loop': { code: [0xff, 0xc1, 0xf6, 0xc1, 0x03, 0x75, 0x04, 0xff, 0xc0, 0xeb, 0xf5, 0xff, 0xc2, 0xf6, 0xc2, 0x01, 0x75, 0xf9, 0xeb, 0xec], starts: [0, 7, 11] },
  // L: add eax,3; jc A; inc ebx; jmp B; A: dec ebx; B: adc ecx,0; inc edx; jmp L: what B takes over as carry has another origin each way
  'flags that meet': { code: [0x05, 0x33, 0x33, 0x33, 0x73, 0x72, 0x04, 0xff, 0xc3, 0xeb, 0x02, 0xff, 0xcb, 0x83, 0xd1, 0x00, 0xff, 0xc2, 0xeb, 0xec], starts: [0, 7, 11, 13] },
  // L: inc eax; dec ecx; adc edx,1; jns L; jmp L: INC keeps the carry of what came before, round the loop
  'a carry that goes round a loop': { code: [0xff, 0xc0, 0xff, 0xc9, 0x83, 0xd2, 0x01, 0x79, 0xf7, 0xeb, 0xf5], starts: [0, 2, 9] },
  // call F; call F; jmp to the start; F: inc eax; test al,1; jz R; ret; R: inc ecx; ret
  'a function that is called twice': { code: [0xe8, 0x07, 0, 0, 0, 0xe8, 0x02, 0, 0, 0, 0xeb, 0xf4, 0xff, 0xc0, 0xa8, 0x01, 0x74, 0x01, 0xc3, 0xff, 0xc1, 0xc3], starts: [0, 5, 10, 12, 19] },
};

describe.each(Object.keys(byName))('%s', name => {
  const { code, starts } = byName[name]!;
  it.each([1, 3, 1000])('is the same in a region as in the interpreter, in turns of %d', turn => {
    for (let b = 0; b < 2; b++) {
      const [interpreted, ...translated] = [[], starts, [starts[1]!]].map(compiled => {
        const machine = machineWith({ 0: code });
        machine.cpus[0]!.setGpr(3, BigInt(b));
        machine.cpus[0]!.setGpr(4, 0x50030800n);
        machine.translator.tuning = NEVER_TRANSLATE;
        if (compiled.length) compile(machine, ...compiled);
        return machine;
      });
      for (let n = 0; n < 40; n++) {
        run(interpreted!, turn);
        for (const machine of translated) {
          run(machine, turn);
          expect(digest(machine)).toBe(digest(interpreted!));
        }
      }
    }
  });
});
