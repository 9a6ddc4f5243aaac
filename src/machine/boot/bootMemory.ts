import type { Core } from '../core.js';
import { acpiTables } from './acpi.js';
import { ImageError, type LoadSegment } from './elfLoader.js';

/** Where the boot information goes, if the kernel leaves the page free: below 640 KiB and away from where kernels put their start-up code for other CPUs. */
const BOOT_INFO = 0x9000, BOOT_INFO_SIZE = 0x1000;
/** The RSDP is also where firmware has it, for kernels that search (ACPI 6.5, 5.2.5.1). */
export const ACPI = 0xf0000;
const ACPI_END = 0x100000, LOW_END = 0xa0000, HIGH = 0x100000;
const BIOS_DATA = 0x400;

/** Types of memory, in PVH's and multiboot's maps alike. */
export const RAM = 1, RESERVED = 2;

/** A file that is loaded beside the kernel, with the text that belongs to it. */
export interface BootModule { bytes: Uint8Array; commandLine: string; /** How messages call it. */ name: string; }

/** Where a module lies in memory. */
export interface PlacedModule { start: number; end: number; commandLine: string; }

/** The physical memory map: start, end, type. */
export function memoryMap(core: Core): [start: number, end: number, type: number][] {
  return [[0, LOW_END, RAM], [ACPI, ACPI_END, RESERVED], [HIGH, core.memory.ramSize, RAM]];
}

/** Copies the segments to their places. Throws `ImageError` for what does not fit. */
export function loadSegments(core: Core, segments: readonly LoadSegment[], name: string): void {
  const { memory } = core, mib = memory.ramSize / 0x100000;
  for (const { physical, bytes, memorySize } of segments) {
    if (physical + memorySize > memory.ramSize) {
      throw new ImageError(`${name}: too large for ${mib} MiB of memory: a segment ends at physical 0x${(physical + memorySize).toString(16)}. `
        + `Give the machine at least ${Math.ceil((physical + memorySize) / 0x100000)} MiB.`);
    }
    if (overlaps({ physical, memorySize }, ACPI, ACPI_END)) {
      throw new ImageError(`${name}: a segment at physical 0x${physical.toString(16)}-0x${(physical + memorySize).toString(16)} covers 0x${ACPI.toString(16)}-`
        + `0x${ACPI_END.toString(16)}, where the machine puts its ACPI tables. Link the kernel at 1 MiB or above.`);
    }
    memory.write(physical, bytes);
    if (memorySize > bytes.length) memory.fill(physical + bytes.length, memorySize - bytes.length);
  }
}

/** Puts modules behind the kernel, each at the start of a page. Throws `ImageError` if memory does not suffice. */
export function loadModules(core: Core, segments: readonly LoadSegment[], modules: readonly BootModule[]): PlacedModule[] {
  let at = segments.reduce((end, s) => Math.max(end, s.physical + s.memorySize), HIGH);
  return modules.map(({ bytes, commandLine, name }) => {
    const start = Math.ceil(at / 0x1000) * 0x1000, end = start + bytes.length;
    if (end > core.memory.ramSize) {
      throw new ImageError(`The module ${name} does not fit: it would end at physical 0x${end.toString(16)}. Give the machine at least ${Math.ceil(end / 0x100000)} MiB.`);
    }
    core.memory.write(start, bytes);
    at = end;
    return { start, end, commandLine };
  });
}

/** What firmware leaves for kernels that look for it: ACPI tables, and the words of the BIOS data area that tell of COM1 and memory. */
export function writeFirmwareTables(core: Core): void {
  const { memory } = core;
  memory.write(ACPI, acpiTables(core.cpus.length, ACPI));
  memory.writeU16(BIOS_DATA, 0x3f8);
  memory.writeU16(BIOS_DATA + 0x13, LOW_END / 1024);
  memory.writeU16(BIOS_DATA + 0x49, 3); // 80 columns of text in colour
  memory.writeU16(BIOS_DATA + 0x4a, 80);
  memory.writeU16(BIOS_DATA + 0x63, 0x3d4);
}

/** The page for the boot information: the usual one, or the first below 640 KiB that the kernel does not cover. */
export function bootInfoPage(segments: readonly LoadSegment[], name: string): number {
  const pages = [BOOT_INFO, ...Array.from({ length: LOW_END / BOOT_INFO_SIZE - 1 }, (_, n) => (n + 1) * BOOT_INFO_SIZE)];
  const free = pages.find(page => !segments.some(segment => overlaps(segment, page, page + BOOT_INFO_SIZE)));
  if (free !== undefined) return free;
  throw new ImageError(`${name}: its segments cover all memory below 640 KiB, and the machine needs a page there for its boot information. Link the kernel at 1 MiB or above.`);
}

function overlaps(segment: { physical: number; memorySize: number }, start: number, end: number): boolean {
  return segment.physical < end && segment.physical + segment.memorySize > start;
}

/** Hands out the places of the boot information, one after the other, in one page. */
export class BootInfoArea {
  private next: number;
  private readonly end: number;
  constructor(private readonly core: Core, page: number) {
    this.next = page;
    this.end = page + BOOT_INFO_SIZE;
  }

  /** `size` bytes, 8-byte aligned and zero. `what` is for the message if there is no room. */
  take(size: number, what: string): number {
    const at = this.next, end = at + Math.ceil(size / 8) * 8;
    if (end > this.end) {
      throw new ImageError(`${what} is too long: the boot information (command lines, memory map, list of modules) has room for ${BOOT_INFO_SIZE} bytes. Shorten it.`);
    }
    this.core.memory.fill(at, end - at);
    this.next = end;
    return at;
  }

  /** A text with a zero byte behind it. */
  text(text: string, what: string): number {
    const bytes = new TextEncoder().encode(text), at = this.take(bytes.length + 1, `${what} of ${bytes.length} bytes`);
    this.core.memory.write(at, bytes);
    return at;
  }
}
