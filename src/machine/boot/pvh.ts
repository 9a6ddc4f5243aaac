import type { Core } from '../core.js';
import * as L from '../cpu/layout.js';
import { RunState, Seg } from '../cpu/layout.js';
import { updateMode } from '../cpu/modes.js';
import { acpiTables } from './acpi.js';
import { ImageError, readBootImage } from './elfLoader.js';

/** Where the boot information goes: below 640 KiB and away from where kernels put their start-up code for other CPUs. */
const START_INFO = 0x9000, MEMORY_MAP = 0x9100, COMMAND_LINE = 0x9200, COMMAND_LINE_END = 0xa000;
/** The RSDP is also where firmware has it, for kernels that search (ACPI 6.5, 5.2.5.1). */
const ACPI = 0xf0000, ACPI_END = 0x100000;
const MAGIC = 0x336ec578;
const RAM = 1, RESERVED = 2;

/**
 * Loads an ELF64 kernel and sets CPU 0 to its PVH entry: 32-bit protected mode, flat segments, paging off, EBX = address
 * of hvm_start_info (version 1, with the memory map). The other CPUs wait for a SIPI.
 * Throws `ImageError` with a message for the user.
 * @param name how messages call the file
 */
export function loadPvh(core: Core, file: Uint8Array, options: { commandLine: string; name: string }): void {
  const { segments, pvhEntry } = readBootImage(file, options.name);
  const { memory } = core, mib = memory.ramSize / 0x100000;
  for (const { physical, bytes, memorySize } of segments) {
    if (physical + memorySize > memory.ramSize) {
      throw new ImageError(`${options.name}: too large for ${mib} MiB of memory: a segment ends at physical 0x${(physical + memorySize).toString(16)}. `
        + `Give the machine at least ${Math.ceil((physical + memorySize) / 0x100000)} MiB.`);
    }
    const taken = [[START_INFO, COMMAND_LINE_END], [ACPI, ACPI_END]].find(([start, end]) => physical < end! && physical + memorySize > start!);
    if (taken) {
      throw new ImageError(`${options.name}: a segment at physical 0x${physical.toString(16)}-0x${(physical + memorySize).toString(16)} covers 0x${taken[0]!.toString(16)}-`
        + `0x${taken[1]!.toString(16)}, where the machine puts its boot information. Link the kernel at 1 MiB or above.`);
    }
    memory.write(physical, bytes);
    if (memorySize > bytes.length) memory.fill(physical + bytes.length, memorySize - bytes.length);
  }
  const line = new TextEncoder().encode(options.commandLine);
  if (line.length >= COMMAND_LINE_END - COMMAND_LINE) throw new ImageError(`The command line has ${line.length} bytes; at most ${COMMAND_LINE_END - COMMAND_LINE - 1} are possible.`);
  memory.write(COMMAND_LINE, line);
  memory.writeU8(COMMAND_LINE + line.length, 0);
  memory.write(ACPI, acpiTables(core.cpus.length, ACPI));
  const map: [start: number, end: number, type: number][] = [[0, 0xa0000, RAM], [0xf0000, 0x100000, RESERVED], [0x100000, memory.ramSize, RAM]];
  map.forEach(([start, end, type], n) => {
    memory.writeU64(MEMORY_MAP + 24 * n, BigInt(start));
    memory.writeU64(MEMORY_MAP + 24 * n + 8, BigInt(end - start));
    memory.writeU32(MEMORY_MAP + 24 * n + 16, type);
    memory.writeU32(MEMORY_MAP + 24 * n + 20, 0);
  });
  // struct hvm_start_info, version 1: magic, version, flags, nr_modules, modlist, cmdline, rsdp, memmap, entries.
  memory.writeU32(START_INFO, MAGIC);
  memory.writeU32(START_INFO + 4, 1);
  memory.writeU32(START_INFO + 8, 0);
  memory.writeU32(START_INFO + 12, 0);
  memory.writeU64(START_INFO + 16, 0n);
  memory.writeU64(START_INFO + 24, BigInt(COMMAND_LINE));
  memory.writeU64(START_INFO + 32, BigInt(ACPI));
  memory.writeU64(START_INFO + 40, BigInt(MEMORY_MAP));
  memory.writeU32(START_INFO + 48, map.length);
  memory.writeU32(START_INFO + 52, 0);
  enter(core, pvhEntry);
}

function enter(core: Core, entry: number): void {
  const cpu = core.cpus[0]!;
  cpu.set(L.CR0, 0x11n);
  cpu.set(L.CR4, 0n);
  cpu.setSegment(Seg.CS, 8, 0xc09b, 0xffffffff, 0n);
  for (const seg of [Seg.DS, Seg.ES, Seg.SS, Seg.FS, Seg.GS]) cpu.setSegment(seg, 0x10, 0xc093, 0xffffffff, 0n);
  cpu.setSegment(Seg.TR, 0, 0x8b, 0x67, 0n);
  cpu.setGpr(3, BigInt(START_INFO));
  cpu.rip = BigInt(entry);
  cpu.runState = RunState.Running;
  updateMode(core, cpu);
}
