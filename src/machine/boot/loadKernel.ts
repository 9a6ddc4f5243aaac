import type { Core } from '../core.js';
import { readBootImage } from './bootImage.js';
import { BootInfoArea, bootInfoPage, type BootModule, loadModules, loadSegments, writeFirmwareTables } from './bootMemory.js';
import { enterFlat } from './entryState.js';
import { BOOTLOADER_MAGIC, writeMultibootInfo } from './multiboot.js';
import { writePvhInfo } from './pvh.js';

export { ImageError } from './elfLoader.js';
export type { BootModule } from './bootMemory.js';

export interface BootOptions {
  commandLine: string;
  /** How messages call the kernel's file. */
  name: string;
  modules?: readonly BootModule[] | undefined;
}

/**
 * Loads a kernel by PVH or multiboot 1 and sets CPU 0 to its entry: 32-bit protected mode, flat segments, paging off, EBX =
 * address of hvm_start_info or of the multiboot information (EAX then 0x2badb002). The other CPUs wait for a SIPI.
 * A multiboot command line begins with the kernel's name, as QEMU's and GRUB's do.
 * Throws `ImageError` with a message for the user.
 */
export function loadKernel(core: Core, file: Uint8Array, options: BootOptions): void {
  const image = readBootImage(file, options.name), { segments, entry } = image;
  writeFirmwareTables(core);
  loadSegments(core, segments, options.name);
  const modules = loadModules(core, segments, options.modules ?? []), area = new BootInfoArea(core, bootInfoPage(segments, options.name));
  if (image.protocol === 'pvh') {
    enterFlat(core, entry, { eax: 0, ebx: writePvhInfo(core, area, options.commandLine, modules) });
    return;
  }
  const line = options.commandLine ? `${options.name} ${options.commandLine}` : options.name;
  enterFlat(core, entry, { eax: BOOTLOADER_MAGIC, ebx: writeMultibootInfo(core, area, line, modules) });
}
