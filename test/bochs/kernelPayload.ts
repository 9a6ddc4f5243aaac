import { readFileSync } from 'node:fs';
import * as L from '../../src/machine/cpu/layout.js';
import { acpiTables } from '../../src/machine/boot/acpi.js';
import { loadKernel } from '../../src/machine/boot/loadKernel.js';
import { Machine } from '../../src/machine/machine.js';
import type { Payload } from './image.js';

/** In Bochs the usual place of the ACPI tables is ROM, so they go to the end of conventional memory. */
const ACPI = 0x90000;
/** Offset of `rsdp_paddr` in hvm_start_info. */
const START_INFO_RSDP = 32;
const PAGE = 0x1000;

/** A PVH kernel as our own loader leaves it in memory, for Bochs to begin at the same entry with the same start information. */
export function kernelPayload(file: string, commandLine: string, ramMiB: number): Payload {
  const machine = new Machine({ cpus: 1, ramSize: ramMiB << 20 }), { memory } = machine, cpu = machine.cpus[0]!;
  loadKernel(machine, readFileSync(file), { commandLine, name: file });
  const ebx = Number(cpu.gpr(3));
  memory.write(ACPI, acpiTables(1, ACPI));
  memory.writeU64(ebx + START_INFO_RSDP, BigInt(ACPI));
  const pieces: Payload['pieces'] = [];
  for (let at = 0; at < memory.ramSize; at += PAGE) {
    // The BIOS's area and the ROM are not ours; what our loader has put there is the tables that have moved.
    if (at >= 0xa0000 && at < 0x100000) continue;
    const bytes = memory.read(at, PAGE), last = pieces.at(-1);
    if (bytes.every(byte => byte === 0)) continue;
    if (last && last.address + last.bytes.length === at) last.bytes = Uint8Array.from([...last.bytes, ...bytes]);
    else pieces.push({ address: at, bytes });
  }
  return { pieces, entry: Number(cpu.rip) + Number(cpu.segBase(L.Seg.CS)), ebx };
}
