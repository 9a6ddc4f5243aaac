/** Why a file is no kernel that we can use. `message` names the input, the reason and what to do. */
export class ElfError extends Error {
  constructor(
    readonly kind: 'empty' | 'not-elf' | 'class' | 'endianness' | 'machine' | 'type' | 'truncated' | 'damaged',
    message: string,
  ) {
    super(message);
    this.name = 'ElfError';
  }
}

const EM_X86_64 = 62;
const machineNames = new Map<number, string>([
  [2, 'SPARC'], [3, 'i386'], [4, 'm68k'], [8, 'MIPS'], [20, 'PowerPC'], [21, 'PowerPC64'], [22, 'S/390'], [40, 'Arm'],
  [43, 'SPARC V9'], [50, 'Itanium'], [62, 'x86-64'], [183, 'AArch64'], [243, 'RISC-V'], [247, 'BPF'], [258, 'LoongArch'],
]);

/** What to give instead, for the end of a message. */
export const wanted = 'an x86-64 ELF64 kernel (for Linux: the uncompressed vmlinux)';

/** Refuses, by the first bytes alone, what is no little-endian x86-64 ELF64 file. */
export function checkIdentity(bytes: Uint8Array, name: string): void {
  if (bytes.length === 0) throw new ElfError('empty', `${name} is empty (0 bytes). Give ${wanted}.`);
  const isElf = bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  if (!isElf) throw new ElfError('not-elf', `${name} is not an ELF file: ${describeOtherFormat(bytes)}. Give ${wanted}.`);
  if (bytes.length < 20) {
    throw new ElfError('truncated', `${name} is truncated: an ELF64 header has 64 bytes, the file has ${bytes.length}. Copy or build the file again.`);
  }
  const big = bytes[5] === 2;
  const machine = big ? (bytes[18]! << 8) | bytes[19]! : bytes[18]! | (bytes[19]! << 8);
  const machineName = machineNames.get(machine) ?? `machine number ${machine}`;
  if (bytes[4] === 1) {
    throw new ElfError('class', `${name} is a 32-bit ELF file (ELFCLASS32, ${machineName}). Symbols are read of 64-bit kernels only: `
      + 'build it with -m64 as ELF64.');
  }
  if (bytes[4] !== 2) throw new ElfError('damaged', `${name} has an unknown ELF class ${bytes[4]} (1 is 32-bit, 2 is 64-bit). Give ${wanted}.`);
  if (big) throw new ElfError('endianness', `${name} is a big-endian ELF file (${machineName}). Give ${wanted}.`);
  if (machine !== EM_X86_64) throw new ElfError('machine', `${name} is built for ${machineName}, not for x86-64. Give ${wanted}.`);
  if (bytes.length < 64) {
    throw new ElfError('truncated', `${name} is truncated: an ELF64 header has 64 bytes, the file has ${bytes.length}. Copy or build the file again.`);
  }
}

/** What the first bytes look like, for the formats that people hand over by mistake. */
function describeOtherFormat(bytes: Uint8Array): string {
  const starts = (...magic: number[]): boolean => magic.every((byte, i) => bytes[i] === byte);
  const text = (offset: number, length: number): string => String.fromCharCode(...bytes.subarray(offset, offset + length));
  if (text(0x202, 4) === 'HdrS') return 'it is a Linux bzImage, whose kernel is compressed';
  if (starts(0x1f, 0x8b)) return 'it is compressed with gzip';
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a)) return 'it is compressed with xz';
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return 'it is compressed with zstd';
  if (starts(0x4d, 0x5a)) return 'it is a PE/EFI executable';
  if (text(0, 7) === '!<arch>') return 'it is an ar archive';
  if (starts(0x23, 0x21)) return 'it is a script';
  if (starts(0xcf, 0xfa, 0xed, 0xfe)) return 'it is a Mach-O file';
  const first = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `it starts with the bytes ${first}, ELF with 7f 45 4c 46`;
}
