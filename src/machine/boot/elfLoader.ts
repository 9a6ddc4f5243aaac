/**
 * What booting needs of an ELF file: where its bytes go in physical memory and where the PVH entry is. Symbols and debug
 * information are not the machine's business.
 */

/** An image that the machine cannot boot; the message says why and what to do. */
export class ImageError extends Error {}

export interface LoadSegment { physical: number; bytes: Uint8Array; /** Bytes in memory; those beyond `bytes` are zero. */ memorySize: number; }
export interface BootImage { segments: LoadSegment[]; /** Physical address of the 32-bit PVH entry point. */ pvhEntry: number; }

const PT_LOAD = 1, PT_NOTE = 4;
const PROGRAM_HEADER_SIZE = 56;
const EM_X86_64 = 62, EM_386 = 3;
/** XEN_ELFNOTE_PHYS32_ENTRY of the owner "Xen" (the PVH boot specification). */
const PHYS32_ENTRY = 18;

/** Reads program headers and the PVH note. @param name how messages call the file */
export function readBootImage(file: Uint8Array, name: string): BootImage {
  const fail = (what: string): never => { throw new ImageError(`${name}: ${what}`); };
  if (file.length === 0) fail('the file is empty. Build the kernel again.');
  if (file.length < 4 || file[0] !== 0x7f || file[1] !== 0x45 || file[2] !== 0x4c || file[3] !== 0x46) {
    fail('not an ELF file. Give the linked kernel (vmlinux, not bzImage).');
  }
  if (file.length < 64) fail(`the ELF header is cut off: the file has ${file.length} bytes.`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const machine = view.getUint16(18, true);
  if (file[4] !== 2 || machine !== EM_X86_64) {
    fail(`not an ELF64 file for x86-64 (it is ${file[4] === 1 ? 'ELF32' : 'ELF64'}, ${machine === EM_386 ? 'i386' : `machine ${machine}`}). Build the kernel for x86-64.`);
  }
  if (file[5] !== 1) fail('its ELF header says big-endian, which x86-64 is not. Build the kernel again.');
  const offset = Number(view.getBigUint64(32, true)), size = view.getUint16(54, true), count = view.getUint16(56, true);
  if (count === 0) fail('it has no program headers, so nothing to load. Link it as an executable.');
  if (size < PROGRAM_HEADER_SIZE) fail(`damaged: program headers of ${size} bytes; ELF64 has ${PROGRAM_HEADER_SIZE}. Build the kernel again.`);
  if (offset + size * count > file.length) fail('truncated: its program headers lie beyond the end of the file. Copy or build it again.');
  const segments: LoadSegment[] = [];
  let pvhEntry: number | undefined;
  for (let n = 0; n < count; n++) {
    const at = offset + n * size, type = view.getUint32(at, true);
    if (type !== PT_LOAD && type !== PT_NOTE) continue;
    const start = Number(view.getBigUint64(at + 8, true)), fileSize = Number(view.getBigUint64(at + 32, true));
    if (start + fileSize > file.length) fail(`truncated: segment ${n} ends at byte ${start + fileSize} of a file of ${file.length}. Copy or build it again.`);
    const bytes = file.subarray(start, start + fileSize);
    if (type === PT_NOTE) { pvhEntry ??= pvhNote(bytes); continue; }
    const memorySize = Number(view.getBigUint64(at + 40, true));
    if (memorySize < fileSize) fail(`damaged: segment ${n} has ${fileSize} bytes in the file and ${memorySize} in memory. Build the kernel again.`);
    if (memorySize > 0) segments.push({ physical: Number(view.getBigUint64(at + 24, true)), bytes, memorySize });
  }
  if (pvhEntry === undefined) {
    throw new ImageError(`${name}: no entry point that this machine knows. It boots by PVH: an ELF note of the owner "Xen", type 18, with the 32-bit entry address `
      + '(Linux has it with CONFIG_PVH).');
  }
  const entry = pvhEntry;
  if (!segments.some(s => entry >= s.physical && entry < s.physical + s.memorySize)) {
    fail(`its PVH note names the entry 0x${entry.toString(16)}, where no segment is loaded. The note must hold the physical address.`);
  }
  return { segments, pvhEntry };
}

function pvhNote(notes: Uint8Array): number | undefined {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength), align = (n: number) => n + 3 & ~3;
  for (let at = 0; at + 12 <= notes.length;) {
    const nameSize = view.getUint32(at, true), size = view.getUint32(at + 4, true), type = view.getUint32(at + 8, true);
    const name = at + 12, descriptor = name + align(nameSize);
    if (descriptor + size > notes.length) return undefined;
    const owner = String.fromCharCode(...notes.subarray(name, name + Math.max(0, nameSize - 1)));
    if (owner === 'Xen' && type === PHYS32_ENTRY && size >= 4) return view.getUint32(descriptor, true);
    at = descriptor + align(size);
  }
  return undefined;
}
