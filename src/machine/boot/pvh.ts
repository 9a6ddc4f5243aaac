import type { Core } from '../core.js';
import { ACPI, type BootInfoArea, memoryMap, type PlacedModule } from './bootMemory.js';

const MAGIC = 0x336ec578;
const START_INFO_SIZE = 56, MEMORY_MAP_ENTRY = 24, MODULE_ENTRY = 32;

/**
 * Writes hvm_start_info, version 1, with the command line, the modules and the memory map (the PVH boot specification) and
 * gives its address, which goes to EBX.
 */
export function writePvhInfo(core: Core, area: BootInfoArea, commandLine: string, modules: readonly PlacedModule[]): number {
  const { memory } = core, map = memoryMap(core);
  const info = area.take(START_INFO_SIZE, 'hvm_start_info'), mapAt = area.take(MEMORY_MAP_ENTRY * map.length, 'The memory map');
  const list = area.take(MODULE_ENTRY * modules.length, `The list of ${modules.length} modules`);
  map.forEach(([start, end, type], n) => {
    memory.writeU64(mapAt + MEMORY_MAP_ENTRY * n, BigInt(start));
    memory.writeU64(mapAt + MEMORY_MAP_ENTRY * n + 8, BigInt(end - start));
    memory.writeU32(mapAt + MEMORY_MAP_ENTRY * n + 16, type);
  });
  modules.forEach((module, n) => {
    const at = list + MODULE_ENTRY * n;
    memory.writeU64(at, BigInt(module.start));
    memory.writeU64(at + 8, BigInt(module.end - module.start));
    memory.writeU64(at + 16, BigInt(area.text(module.commandLine, 'The command line of a module')));
  });
  // magic, version, flags, nr_modules, modlist, cmdline, rsdp, memmap, entries.
  memory.writeU32(info, MAGIC);
  memory.writeU32(info + 4, 1);
  memory.writeU32(info + 12, modules.length);
  memory.writeU64(info + 16, modules.length ? BigInt(list) : 0n);
  memory.writeU64(info + 24, BigInt(area.text(commandLine, 'The command line')));
  memory.writeU64(info + 32, BigInt(ACPI));
  memory.writeU64(info + 40, BigInt(mapAt));
  memory.writeU32(info + 48, map.length);
  return info;
}
