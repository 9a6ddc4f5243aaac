import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as L from '../../../src/machine/cpu/layout.js';
import { Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { Machine } from '../../../src/machine/machine.js';
import { nativePossible } from '../../oracle/native.js';

const BASE = 0x40000000, PROGRAM = 0x40100000, RESULTS = 0x40180000, STACK = 0x40300000, RESULT_BYTES = 24576;
/** Where the program is when it has computed. */
const DONE = PROGRAM + 16;
const ROOT = 0x1000, PDPT = 0x2000;

const source = fileURLToPath(new URL('program.c', import.meta.url));
let folder = '';

/** Compiles the program with these flags; gives the ELF file's path and the bytes from PROGRAM on. */
function compile(name: string, flags: readonly string[]): { elf: string; image: Uint8Array } {
  const elf = path.join(folder, name), script = path.join(folder, 'link.ld'), flat = `${elf}.bin`;
  writeFileSync(script, `ENTRY(_start) SECTIONS { . = ${PROGRAM}; .text : { *(.start) *(.text*) *(.rodata*) } . = ALIGN(4096); .data : { *(.data*) *(.bss*) *(COMMON) } .results ${RESULTS} : { *(.results) } /DISCARD/ : { *(.eh_frame*) *(.note*) *(.comment) } }`);
  execFileSync('gcc', ['-O2', '-ffreestanding', '-fno-builtin-memcpy', '-fno-tree-loop-distribute-patterns', '-fno-pic', '-no-pie', '-static', '-nostdlib', '-fno-stack-protector',
    '-fcf-protection=none', '-fno-math-errno', ...flags, '-Wl,--build-id=none', '-T', script, '-o', elf, source], { stdio: 'pipe' });
  execFileSync('objcopy', ['-O', 'binary', elf, flat]);
  return { elf, image: new Uint8Array(readFileSync(flat)) };
}

/** Runs it on a machine of one CPU in long mode, in 64-bit code or 32-bit code, until it has computed. */
function runOnMachine(image: Uint8Array, bits: 32 | 64): Uint8Array {
  const machine = new Machine({ cpus: 1, ramSize: 8 << 20 }), cpu = machine.cpus[0]!;
  machine.memory.writeU64(ROOT, BigInt(PDPT) | 0x63n);
  machine.memory.writeU64(PDPT + 8, 0xe3n);
  machine.memory.write(PROGRAM - BASE, image);
  machine.memory.write(DONE - BASE, Uint8Array.of(0xeb, 0xfe));
  cpu.set(L.CR0, 0x80010033n);
  cpu.set(L.CR4, 0x620n);
  cpu.set(L.EFER, 0xd01n);
  cpu.setSegment(Seg.CS, 0x10, bits === 64 ? 0xa09b : 0xc09b, 0xffffffff, 0n);
  for (const seg of [Seg.SS, Seg.DS, Seg.ES, Seg.FS, Seg.GS]) cpu.setSegment(seg, 0x18, 0xc093, 0xffffffff, 0n);
  cpu.setInt(L.X87_CONTROL, 0x37f);
  cpu.setInt(L.X87_TAGS, 0xffff);
  machine.mmu.loadCr3(cpu, BigInt(ROOT));
  updateMode(machine, cpu);
  cpu.setGpr(4, BigInt(STACK));
  cpu.rip = BigInt(PROGRAM);
  while (cpu.rip !== BigInt(DONE)) {
    expect(machine.run(machine.position + 100_000), 'why it stopped').toBeUndefined();
    expect(machine.position).toBeLessThan(5_000_000);
  }
  return machine.memory.read(RESULTS - BASE, RESULT_BYTES);
}

describe.skipIf(!nativePossible())('a C program with float, double and long double', () => {
  beforeAll(() => { folder = mkdtempSync(path.join(tmpdir(), 'kaiserscope-float-')); });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['for x86-64', 64, ['-m64']],
    ['for x86-64 with SSE3, vectorised', 64, ['-m64', '-O3', '-msse3', '-ffast-math']],
    ['for the x87 alone', 32, ['-m32', '-mfpmath=387', '-mno-sse']],
    ['for 32-bit code with SSE2', 32, ['-m32', '-msse2', '-mfpmath=sse']],
  ] as const)('%s gives the same bits as on the processor', (name, bits, flags) => {
    const { elf, image } = compile(name.replace(/\W/g, '-'), flags);
    const expected = new Uint8Array(execFileSync(elf, { maxBuffer: 1 << 20 }));
    const actual = runOnMachine(image, bits);
    expect(expected.findIndex((byte, n) => byte !== actual[n])).toBe(-1);
    // It has computed something.
    expect(expected.filter(byte => byte !== 0).length).toBeGreaterThan(7000);
  });
});
