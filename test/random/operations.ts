import { Random } from '../oracle/random.js';

/** One operation of a random system program, as `system.c` reads it. */
export interface Operation { kind: number; a: number; b: number; value: bigint; }

const BYTES = 16;
/** The kind of an operation that is an access. */
export const ACCESS = 8;
/** Numbers of the accesses in system.S. */
export const Access = { read: 0, write: 1, update: 2, execute: 3, both: 4, push: 5, lar: 6, lsl: 7, verr: 8, verw: 9, loadDs: 10, loadGs: 11, loadSs: 12, interrupt: 13, flags: 14 };
/** Without locked updates: TCG reports their faults as reads and sets dirty flags all the same (SDM Vol. 3A, 4.7 and 4.8; measured by the native oracle). */
const MEMORY = [Access.read, Access.read, Access.write, Access.write, Access.execute, Access.both];
const SELECTOR = [Access.lar, Access.lsl, Access.verr, Access.verw, Access.loadDs, Access.loadGs, Access.loadSs];
const PAGES = 0x40000000;

export function randomOperations(seed: number, count: number): Operation[] {
  const random = new Random(Math.imul(seed, 0x27d4eb2d) ^ 0x5157), list: Operation[] = [];
  let noExecute = true;
  while (list.length < count) {
    const a = random.below(8), b = random.below(4);
    switch (random.below(20)) {
      case 0: case 1: case 2: list.push({ kind: 0, a, b, value: entry(random, noExecute) }); break;
      case 3: if (random.chance(0.4)) list.push({ kind: 1, a, b, value: entry(random, noExecute) | (random.chance(0.7) ? 7n : 0n) }); break;
      case 4: list.push({ kind: 2, a, b, value: random.chance(0.5) ? 0x10000n : 0n }); break;
      case 5: list.push({ kind: 3, a, b, value: BigInt(random.below(4)) << 20n }); break;
      case 6: list.push({ kind: 4, a, b, value: random.chance(0.5) ? 0x40000n : 0n }); break;
      case 7: list.push({ kind: random.chance(0.9) ? 5 : 6, a, b, value: descriptor(random) }); break;
      case 8: list.push({ kind: 6, a, b, value: descriptor(random) }); break;
      default: list.push(access(random));
    }
    // NXE is switched only while no entry could have bit 63, where it would be reserved.
    if (random.chance(0.004)) {
      for (let page = 0; page < 8; page++) list.push({ kind: 0, a: page, b, value: entry(random, false) });
      list.push({ kind: 1, a, b, value: 7n });
      noExecute = !noExecute;
      list.push({ kind: 7, a, b, value: noExecute ? 0x800n : 0n });
    }
  }
  return list;
}

/** P, R/W, U/S, PWT, PCD, A, D, G, ignored bits and XD; what is reserved stays clear. */
function entry(random: Random, noExecute: boolean): bigint {
  let bits = random.chance(0.85) ? 1n : 0n;
  for (const bit of [1, 2, 5, 6]) if (random.chance(0.6)) bits |= 1n << BigInt(bit);
  for (const bit of [3, 4, 8, 9, 11, 52, 58]) if (random.chance(0.2)) bits |= 1n << BigInt(bit);
  return noExecute && random.chance(0.25) ? bits | 1n << 63n : bits;
}

/** Any access rights, few bases and limits. */
function descriptor(random: Random): bigint {
  const limit = random.pick([0n, 0xffffn, 0xfn << 48n | 0xffffn]), base = random.pick([0n, 0x1000_0000n]);
  return limit | base | BigInt(random.below(256) | (random.chance(0.8) ? 0x80 : 0)) << 40n | BigInt(random.below(16)) << 52n;
}

function access(random: Random): Operation {
  const user = random.below(2);
  if (random.chance(0.7)) {
    const page = BigInt(PAGES + 0x1000 * random.below(8)), offset = BigInt(random.pick([0, 8, 0x7f8, 0xff8, 0xffc, 0xfff, 0x100 * random.below(16)]));
    // PUSH takes the stack away from the handler in kernel mode.
    return { kind: ACCESS, a: user && random.chance(0.15) ? Access.push : random.pick(MEMORY), b: user, value: random.chance(0.03) ? 0x8000_0000_0000n + offset : page + offset };
  }
  // Not in user mode: TCG gives the vector times 16 in the error code, the manual says times 8 (SDM Vol. 3A, 6.13).
  if (random.chance(0.1)) return { kind: ACCESS, a: Access.interrupt, b: 0, value: 0n };
  if (random.chance(0.15)) return { kind: ACCESS, a: Access.flags, b: user, value: BigInt(random.u32() & 0x246cd5) };
  return { kind: ACCESS, a: random.pick(SELECTOR), b: user, value: BigInt(random.chance(0.8) ? 0x40 + 8 * random.below(8) + random.below(4) : random.below(0x90)) };
}

/** The boot module that `system.c` reads. */
export function encode(list: readonly Operation[]): Uint8Array {
  const bytes = new Uint8Array(BYTES * list.length), view = new DataView(bytes.buffer);
  list.forEach((operation, n) => {
    bytes.set([operation.kind, operation.a, operation.b], BYTES * n);
    view.setBigUint64(BYTES * n + 8, operation.value, true);
  });
  return bytes;
}

export function show(operation: Operation): string {
  const names = ['page', 'directory', 'WP', 'SMEP/SMAP', 'AC', 'CR3', 'descriptor', 'NXE'];
  const what = operation.kind < ACCESS ? names[operation.kind]! : `${operation.b & 1 ? 'user' : 'kernel'} ${Object.entries(Access).find(([, n]) => n === operation.a)?.[0] ?? operation.a}`;
  return `${what}(${operation.a}, ${operation.b}, 0x${operation.value.toString(16)})`;
}
