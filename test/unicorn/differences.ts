import { DATA_BYTES, entryIp } from '../oracle/layout.js';
import type { Generated } from '../oracle/generate.js';
import type { UnicornOutcome } from './unicorn.js';

/** A difference from Unicorn 2.0.1 (QEMU 5.0's TCG) that is known. In each the machine does what the SDM says or what the processor was measured to do. */
export interface Reason { what: string; applies(c: Generated, theirs: UnicornOutcome, found: readonly string[]): boolean; }

/** The hexadecimal bytes of the instruction at which Unicorn stopped, without legacy prefixes and REX. */
function stoppedAt(c: Generated, theirs: UnicornOutcome): string {
  const bytes = c.code.subarray(Math.max(0, Number(theirs.rip) - entryIp(c)));
  return Buffer.from(bytes).toString('hex').replace(/^(26|2e|36|3e|64|65|66|67|f0|f2|f3)*(4.)?/, '');
}
/** Does the line say that Unicorn has nothing but zeros in the upper half of a register that is not so here? */
function upperHalfCleared(line: string): boolean { return /^register \d+ is 0x[0-9a-f]{9,}, Unicorn has 0x[0-9a-f]{1,8}$/.test(line); }
function hex(c: Generated): string { return Buffer.from(c.code).toString('hex'); }
const ended = (theirs: UnicornOutcome) => theirs.vector !== 3 && theirs.vector !== 14;

export const reasons: readonly Reason[] = [
  {
    what: 'TEST as F6 /1 and F7 /1 raises #UD in TCG; processors execute it (measured)',
    applies: (c, theirs) => ended(theirs) && /^f[67]([048c][89a-f]|[048c][89a-f])/.test(stoppedAt(c, theirs)),
  },
  { what: 'LAHF and SAHF with a REX prefix use SPL instead of AH in TCG (SDM Vol. 2A, LAHF: always AH)', applies: c => /4.9[ef]/.test(hex(c)) },
  {
    what: 'SHLD and SHRD with an immediate take RIP-relative addresses from one byte before the next instruction in TCG (SDM Vol. 2A, 2.2.1.6)',
    applies: c => /0fa[4c][0123][5d]/.test(hex(c)),
  },
  {
    what: 'CMPXCHG of 32 bits clears the upper half of the register that it does not write in TCG; processors do not (measured)',
    // What comes after it may go on with that register, and set flags by it.
    applies: (c, _theirs, found) => /0fb1/.test(hex(c)) && found.some(line => upperHalfCleared(line)) && found.every(line => /^(register|flags)/.test(line)),
  },
  {
    what: 'REP with 32-bit addresses and no iterations clears the upper halves of its registers (measured on Intel\'s, the SDM leaves it open); TCG leaves them',
    applies: (c, _theirs, found) => /67(f[23])?(4.)?a[4-7a-f]|f[23](4.)?67(4.)?a[4-7a-f]|67f[23](4.)?a[4-7a-f]/.test(hex(c)) && (c.gpr[1]! & 0xffffffffn) === 0n
      && found.every(line => /^register (1|6|7) is 0x[0-9a-f]{1,8}, /.test(line)),
  },
  {
    what: 'ENTER of 16 bits in 64-bit code takes RBP from the whole RSP in TCG; processors keep its upper part (measured)',
    applies: (c, _theirs, found) => /66(4.)?c8/.test(hex(c)) && found.some(line => /^register 5 /.test(line)),
  },
  {
    what: 'ENTER faults if nothing can be written at its final stack pointer (SDM Vol. 2A, ENTER); TCG does not look',
    applies: (c, _theirs, found) => found[0] === 'vector is 0xe, Unicorn has 0x3' && /^(66|4.)*c8/.test(hex(c).slice(2 * (Number(/rip is (0x[0-9a-f]+)/.exec(found.join())?.[1] ?? 0) - entryIp(c)))),
  },
  {
    what: 'a fault in the middle of a store that crosses a page, of REP, CALL, RET or POP leaves part of it done in TCG (SDM Vol. 3A, 6.5: faults are restartable)',
    applies: (_c, theirs, found) => theirs.vector === 14 && found.every(line => {
      const byte = /^byte ([0-9a-f]+)/.exec(line);
      return byte ? parseInt(byte[1]!, 16) % 0x1000 >= 0xff0 || parseInt(byte[1]!, 16) >= DATA_BYTES : /^register (1|4|6|7) /.test(line);
    }),
  },
];

export function reasonFor(c: Generated, theirs: UnicornOutcome, found: readonly string[]): Reason | undefined { return reasons.find(reason => reason.applies(c, theirs, found)); }
