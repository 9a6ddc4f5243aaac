import { expect, it } from 'vitest';
import { Vector } from '../../../src/machine/core.js';
import { RECORD_END } from '../../../src/machine/memory/layout.js';
import { Emulated } from '../../oracle/emulated.js';
import { type Case, CODE, entryOf } from '../../oracle/layout.js';
import { batchImage } from '../../oracle/native.js';

/** Where the code pages stand in RAM (`Emulated`). */
const CODE_AT = 0x100000, INT3 = 3;

it.each(['as it is', 'full'])('bytes that are no instruction become one when any of them changes; the room for records being %s', room => {
  // 0f 04 is none, 0f c8 is bswap eax.
  const one: Case = { code: Uint8Array.of(0x0f, 0x04), slot: 0, bits: 32, flags: 0, gpr: new Array<bigint>(16).fill(0n), seed: 1, patches: [] }, emulated = new Emulated();
  emulated.loadCode(batchImage([one]));
  if (room === 'full') (emulated.machine.translator as unknown as { recorder: { next: number } }).recorder.next = RECORD_END;
  expect(emulated.interpret(one).vector).toBe(Vector.UD);
  emulated.machine.memory.writeU8(CODE_AT + entryOf(one) - CODE + 1, 0xc8);
  expect(emulated.interpret(one).vector).toBe(INT3);
});
