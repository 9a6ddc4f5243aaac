import type { GuestReader, PoisonHistory } from '../kaiser/index.js';
import type { Symbols } from '../symbols/index.js';
import type { Target } from '../target/target.js';

/** Pages of a pair. */
const HALF = 0x1000;

/** Keeps the history of the poison (src/kaiser/poisonHistory.ts), by probes on the functions of the guest that write it. */
export function watchPoison({ target, symbols, guest }: { target: Target; symbols: Symbols; guest: GuestReader }, history: PoisonHistory): void {
  const probe = (name: string, listener: (cpu: number, position: number) => void): void => {
    const address = symbols.table.addressOf(name);
    if (address !== undefined) target.addProbe(address, cpu => listener(cpu, target.position));
  };
  const argument = (cpu: number, register: string): bigint => target.readRegister(cpu, register) ?? 0n;
  const walk = symbols.table.byName('kaiser_poison_all');
  probe('kaiser_poison_all', (cpu, position) => {
    history.walked({ position, cpu, poison: (argument(cpu, 'rdi') & 1n) !== 0n, roots: new Set(guest.mms().map(mm => mm.kernelRoot)) });
  });
  probe('kaiser_poison_mm', (cpu, position) => {
    const back = target.readMemory(cpu, argument(cpu, 'rsp'), 8);
    const caller = back && new DataView(back.buffer, back.byteOffset).getBigUint64(0, true);
    // A step of the walk is no step alone.
    if (caller !== undefined && walk && caller > walk.address && caller <= walk.address + BigInt(walk.size)) return;
    const root = guest.rootOfMm(argument(cpu, 'rdi'));
    if (root !== undefined) history.steppedAlone(root, { position, cpu, poison: (argument(cpu, 'rsi') & 1n) !== 0n });
  });
  probe('set_pgd', (cpu, position) => {
    const entry = guest.physical(argument(cpu, 'rdi'));
    if (entry !== undefined) history.stored(entry - entry % HALF, { position, cpu });
  });
}
