import type { Core } from '../core.js';
import { type BootInfoArea, memoryMap, type PlacedModule } from './bootMemory.js';

/** In EAX when a multiboot kernel is entered (Multiboot Specification 0.6.96, section 3.2). */
export const BOOTLOADER_MAGIC = 0x2badb002;
/** What of the information structure is filled in (section 3.3): memory, boot device, command line, modules, memory map, loader's name. */
const FLAGS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9;
/** The first hard disk, no partition; the machine has none, QEMU says the same. */
const BOOT_DEVICE = 0x8000ffff;
const INFO_SIZE = 120, MAP_ENTRY = 24, MODULE_ENTRY = 16, KIB = 1024;

/** Writes the multiboot information structure and what it points to; gives its address, which goes to EBX. */
export function writeMultibootInfo(core: Core, area: BootInfoArea, commandLine: string, modules: readonly PlacedModule[]): number {
  const { memory } = core, map = memoryMap(core);
  const info = area.take(INFO_SIZE, 'The multiboot information'), mapAt = area.take(MAP_ENTRY * map.length, 'The memory map');
  const list = area.take(MODULE_ENTRY * modules.length, `The list of ${modules.length} modules`);
  map.forEach(([start, end, type], n) => {
    const at = mapAt + MAP_ENTRY * n;
    memory.writeU32(at, MAP_ENTRY - 4); // the size field does not count itself
    memory.writeU64(at + 4, BigInt(start));
    memory.writeU64(at + 12, BigInt(end - start));
    memory.writeU32(at + 20, type);
  });
  modules.forEach((module, n) => {
    const at = list + MODULE_ENTRY * n;
    memory.writeU32(at, module.start);
    memory.writeU32(at + 4, module.end);
    memory.writeU32(at + 8, area.text(module.commandLine, 'The command line of a module'));
  });
  memory.writeU32(info, FLAGS);
  memory.writeU32(info + 4, map[0]![1] / KIB);
  memory.writeU32(info + 8, (memory.ramSize - 0x100000) / KIB);
  memory.writeU32(info + 12, BOOT_DEVICE);
  memory.writeU32(info + 16, area.text(commandLine, 'The command line'));
  memory.writeU32(info + 20, modules.length);
  memory.writeU32(info + 24, list);
  memory.writeU32(info + 44, MAP_ENTRY * map.length);
  memory.writeU32(info + 48, mapAt);
  memory.writeU32(info + 64, area.text('kaiserscope', "The loader's name"));
  return info;
}
