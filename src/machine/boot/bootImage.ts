import { type ElfKernel, ImageError, isElf, type LoadSegment, readElfKernel } from './elfLoader.js';
import { findMultibootHeader, readMultibootKernel } from './multibootHeader.js';

/** What the machine loads, by which protocol, and the physical address at which CPU 0 enters it. */
export interface BootImage { protocol: 'multiboot' | 'pvh'; segments: LoadSegment[]; entry: number; }

/**
 * Reads a kernel. A file with a multiboot header is booted by multiboot even if it has a PVH note too, as QEMU's `-kernel` does
 * (which however refuses ELF64 then).
 * @param name how messages call the file
 */
export function readBootImage(file: Uint8Array, name: string): BootImage {
  const fail = (what: string): never => { throw new ImageError(`${name}: ${what}`); };
  if (file.length === 0) fail('the file is empty. Build the kernel again.');
  const header = findMultibootHeader(file);
  if (header) return checkEntry({ protocol: 'multiboot', ...readMultibootKernel(file, name, header) }, name, 'multiboot header');
  if (!isElf(file)) fail(`${otherFormat(file)}. Give a linked ELF file with a PVH note or a multiboot header (of Linux: vmlinux, not bzImage).`);
  const elf: ElfKernel = readElfKernel(file, name);
  if (elf.pvhEntry === undefined) {
    throw new ImageError(`${name}: no entry point that this machine knows. It boots by PVH, an ELF note of the owner "Xen", type 18, with the 32-bit entry address `
      + '(Linux has it with CONFIG_PVH), and by multiboot 1, a header with the magic 0x1badb002 in the first 8 KiB of the file.');
  }
  return checkEntry({ protocol: 'pvh', segments: elf.segments, entry: elf.pvhEntry }, name, 'PVH note');
}

function checkEntry(image: BootImage, name: string, source: string): BootImage {
  const { entry } = image;
  if (image.segments.some(s => entry >= s.physical && entry < s.physical + s.memorySize)) return image;
  throw new ImageError(`${name}: its ${source} leads to the entry 0x${entry.toString(16)}, where no segment is loaded. It must be a physical address.`);
}

function otherFormat(file: Uint8Array): string {
  if (file.length >= 0x206 && String.fromCharCode(...file.subarray(0x202, 0x206)) === 'HdrS') return 'a Linux boot image (bzImage), whose kernel is compressed; this machine has no loader for it';
  if (file[0] === 0x1f && file[1] === 0x8b) return 'compressed with gzip; unpack it first';
  return 'neither an ELF file nor one with a multiboot header in its first 8 KiB';
}
