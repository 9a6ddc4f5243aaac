import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const SOURCES = path.join(import.meta.dirname, 'guest');
const SECTOR = 512;
/** The disk's geometry, which Bochs wants to be told: it must agree with the image's size. */
export const HEADS = 16, SECTORS_PER_TRACK = 63;

/** A piece of memory at the entry, and the registers that the loader sets. */
export interface Payload {
  pieces: { address: number; bytes: Uint8Array }[];
  entry: number;
  ebx: number;
}

/** Where the test guest begins; its parameters are at +8. */
const GUEST_BASE = 0x100000, PARAMETERS = 8;

/** `gcc` or, where that is absent, `clang`; only options that both know are used. */
function compile(args: readonly string[]): void {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const compiler = ['gcc', 'clang'].find(name => folders.some(folder => existsSync(path.join(folder, name)))) ?? 'gcc';
  execFileSync(compiler, args, { stdio: 'inherit' });
}

/** Compiles the test guest into `directory` and gives its flat image, which is loaded at 1 MiB. */
export function buildGuest(directory: string): Uint8Array {
  const elf = path.join(directory, 'guest.elf'), flat = path.join(directory, 'guest.bin');
  const sources = readdirSync(SOURCES).filter(name => /\.[cS]$/.test(name) && name !== 'loader.S').map(name => path.join(SOURCES, name));
  compile(['-m64', '-O1', '-std=gnu11', '-Wall', '-Wextra', '-Wno-missing-field-initializers', '-Wno-array-bounds', '-Werror', '-ffreestanding', '-fno-pic',
    '-mcmodel=small', '-mgeneral-regs-only', '-mno-red-zone', '-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fcf-protection=none',
    '-static', '-nostdlib', `-Wl,-T,${path.join(SOURCES, 'guest.ld')}`, '-Wl,--build-id=none', '-Wl,--no-warn-rwx-segments', '-o', elf, ...sources]);
  execFileSync('objcopy', ['-O', 'binary', elf, flat]);
  return readFileSync(flat);
}

/** The guest of protected mode: compiles the sources of guest32 into `directory` and gives what is to be loaded. */
export function guest32Payload(directory: string): Payload {
  const sources = path.join(import.meta.dirname, 'guest32'), elf = path.join(directory, 'guest32.elf'), flat = path.join(directory, 'guest32.bin');
  compile(['-m32', '-O1', '-std=gnu11', '-Wall', '-Wextra', '-Wno-array-bounds', '-Werror', '-ffreestanding', '-fno-pic', '-mgeneral-regs-only', '-fno-stack-protector',
    '-fno-asynchronous-unwind-tables', '-fcf-protection=none', '-static', '-nostdlib', `-Wl,-T,${path.join(sources, 'guest.ld')}`, '-Wl,--build-id=none',
    '-Wl,--no-warn-rwx-segments', '-o', elf, path.join(sources, 'entry.S'), path.join(sources, 'paging.c')]);
  execFileSync('objcopy', ['-O', 'binary', elf, flat]);
  return { pieces: [{ address: GUEST_BASE, bytes: readFileSync(flat) }], entry: GUEST_BASE, ebx: 0 };
}

/** The guest with its parameters: the groups that run (a bit each, in the order of `main.c`) and the seed of the random ones. */
export function guestPayload(flat: Uint8Array, groups: number, seed: bigint): Payload {
  const bytes = flat.slice(), view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setBigUint64(PARAMETERS, BigInt(groups), true);
  view.setBigUint64(PARAMETERS + 8, seed, true);
  return { pieces: [{ address: GUEST_BASE, bytes }], entry: GUEST_BASE, ebx: 0 };
}

/** A bootable disk: the loader, a sector that lists the pieces, the pieces. */
export function buildDisk(directory: string, payload: Payload): Uint8Array {
  const object = path.join(directory, 'loader.o'), flat = path.join(directory, 'loader.bin');
  compile(['-m32', '-c', '-o', object, path.join(SOURCES, 'loader.S')]);
  execFileSync('ld', ['-m', 'elf_i386', '-Ttext', '0x7c00', '-e', 'start', '--oformat', 'binary', '-o', flat, object]);
  const loader = readFileSync(flat);
  if (loader.length !== SECTOR) throw new Error(`the boot sector has ${loader.length} bytes instead of ${SECTOR}`);
  const list = new DataView(new ArrayBuffer(SECTOR)), sectors = (bytes: Uint8Array) => Math.ceil(bytes.length / SECTOR);
  list.setUint32(0, payload.entry, true);
  list.setUint32(4, payload.ebx, true);
  if (payload.pieces.length > 60) throw new Error(`${payload.pieces.length} pieces do not fit into the list of 60`);
  payload.pieces.forEach(({ address, bytes }, n) => {
    list.setUint32(8 + 8 * n, address, true);
    list.setUint32(12 + 8 * n, sectors(bytes), true);
  });
  const track = HEADS * SECTORS_PER_TRACK * SECTOR;
  const used = 2 * SECTOR + payload.pieces.reduce((sum, { bytes }) => sum + sectors(bytes) * SECTOR, 0);
  const disk = new Uint8Array(Math.max(1, Math.ceil(used / track)) * track);
  disk.set(loader);
  disk.set(new Uint8Array(list.buffer), SECTOR);
  let at = 2 * SECTOR;
  for (const { bytes } of payload.pieces) {
    disk.set(bytes, at);
    at += sectors(bytes) * SECTOR;
  }
  return disk;
}
