import { ACCESS, Access, type Operation } from './operations.js';

/** A difference from QEMU 7.2's TCG that is known. In each the machine does what the SDM says or what the processor was measured to do. */
export interface Reason { what: string; applies(operation: Operation, ours: readonly bigint[], theirs: readonly bigint[]): boolean; }

/** Places of the numbers in a line: vector, error code, CR2, result, RIP, flags, accessed and dirty bits of pages, access bytes of descriptors. */
const VECTOR = 0, ERROR = 1, RESULT = 3, RIP = 4;
const SS = 12n, GP = 13n, NONE = 0x80n;

/** Do the lines differ at these places only? */
function onlyAt(ours: readonly bigint[], theirs: readonly bigint[], ...places: number[]): boolean { return ours.every((value, n) => value === theirs[n] || places.includes(n)); }

export const reasons: readonly Reason[] = [
  {
    what: 'a CALL to an address that is not canonical raises #GP at the CALL (SDM Vol. 2A, CALL); TCG raises it at the target',
    applies: (o, ours, theirs) => o.a === Access.execute && ours[VECTOR] === GP && onlyAt(ours, theirs, RIP),
  },
  {
    what: 'a PUSH to an address that is not canonical raises #SS (SDM Vol. 3A, 6.15, interrupt 12); TCG raises #GP',
    applies: (o, ours, theirs) => o.a === Access.push && ours[VECTOR] === SS && theirs[VECTOR] === GP && onlyAt(ours, theirs, VECTOR),
  },
  {
    what: 'LAR and LSL refuse 16-bit TSSs in 64-bit mode, and system descriptors whose upper half is none (SDM Vol. 2A, LAR and LSL; Vol. 3A, 3.5; Bochs agrees); TCG accepts both',
    applies: (o, ours, theirs) => (o.a === Access.lar || o.a === Access.lsl) && ours[RESULT] === 0n && onlyAt(ours, theirs, RESULT),
  },
  {
    what: 'SS takes a null selector in 64-bit mode at CPL 0 only with RPL 0 (SDM Vol. 2B, MOV); TCG takes others too',
    applies: (o, ours, theirs) => o.a === Access.loadSs && o.value > 0n && o.value < 4n && ours[VECTOR] === GP && ours[ERROR] === 0n && theirs[VECTOR] === NONE && onlyAt(ours, theirs, VECTOR, RESULT, RIP),
  },
];

export function reasonFor(operation: Operation | undefined, ours: string, theirs: string | undefined): Reason | undefined {
  if (operation?.kind !== ACCESS || theirs === undefined) return undefined;
  const numbers = (line: string) => line.replace(/^[0-9a-f]+: /, '').trim().split(' ').map(word => /^[0-9a-f]{16}$/.test(word) ? BigInt(`0x${word}`) : -1n);
  const a = numbers(ours), b = numbers(theirs);
  return a.length === b.length ? reasons.find(reason => reason.applies(operation, a, b)) : undefined;
}
