import { readFlags, writeFlags } from '../../../src/machine/cpu/flags.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { Machine, type MachineOptions } from '../../../src/machine/machine.js';
import type { ScheduleSpec } from '../../../src/machine/schedule.js';
import { Generator } from '../../oracle/generate.js';
import { CODE, DATA, DATA_PAGES, fillData } from '../../oracle/layout.js';
import { Random } from '../../oracle/random.js';

/** Counters of the program, one page; its IDT, TSS and handlers; one stack page for each CPU. */
const CONTROL = 0x50010000, SYSTEM = 0x50020000, STACKS = 0x50030000;
const COUNT = CONTROL, FAULTS = CONTROL + 8;
const P = 1n, RW = 2n, NX = 1n << 63n;
const ROOT = 0x1000, PDPT = 0x2000, PD = 0x3000, CODE_TABLE = 0x4000, DATA_TABLE = 0x5000;
const CODE_AT = 0x10000, DATA_AT = 0x40000, CONTROL_AT = 0x50000, SYSTEM_AT = 0x60000, STACKS_AT = 0x70000;
const CODE_PAGES = 8;
const HANDLER = SYSTEM + 0x800, HANDLER_WITHOUT_ERROR = HANDLER + 4, TSS = SYSTEM + 0x400;

/** Where block n of a program starts; some lie so near to a page's end that instructions cross it. */
export interface Program { bytes: Uint8Array; entry: number; blocks: number[]; texts: string[]; }

const imm32 = (value: number) => [value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff, value >> 24 & 0xff];

/**
 * A program of random blocks that branch to each other on random conditions for some time: memory accesses of which some
 * fault, flags that go over block ends, and, if wanted, writes to its own code.
 */
export function randomProgram(seed: number, options: { selfModifying: boolean; blocks?: number }): Program {
  const random = new Random(seed), generator = new Generator(seed), count = options.blocks ?? 12;
  const bytes = new Uint8Array(CODE_PAGES * 0x1000).fill(0xf4), blocks: number[] = [], texts: string[] = [];
  // Blocks in the pages' slots of 512 bytes, the last of a page sometimes across its end.
  for (let n = 0; n < count; n++) {
    const page = n % 3, place = Math.floor(n / 3);
    blocks.push(CODE + page * 0x1000 + (place === 3 ? 0x1000 - random.between(4, 60) : place * 0x300));
  }
  blocks.forEach((start, n) => {
    const code: number[] = [0xb0, random.below(256)]; // mov al, imm8: what self-modification patches
    for (const [op, rex] of [[0xbb, 0], [0xbe, 0], [0xbd, 0x41], [0xbe, 0x41], [0xbc, 0]] as const) {
      if (random.chance(0.5)) code.push(...(rex ? [rex] : []), op, ...imm32(DATA + 0x1000 + random.between(-256, 256)));
    }
    const sequence = generator.sequenceAt(start + code.length, random.between(1, 7));
    code.push(...sequence.code);
    const jump = (opcode: number[], target: number) => code.push(...opcode, ...imm32(target - (start + code.length + opcode.length + 4)));
    // A condition on whatever flags the sequence has left, unless the SDM leaves them undefined: then it does not matter either.
    if (random.chance(0.6)) jump([0x0f, 0x80 | random.below(16)], random.pick(blocks));
    if (options.selfModifying && random.chance(0.5)) {
      const target = random.chance(0.4) ? start + code.length + 8 : random.pick(blocks);
      code.push(0xc6, 0x04, 0x25, ...imm32(target + 1), random.below(256));
      if (target === start + code.length) code.push(0xb4, 0); // mov ah, imm8, whose operand has just been written
    }
    if (random.chance(0.3)) code.push(0xff, 0x04, 0x25, ...imm32(CONTROL + 16 + 8 * random.below(4))); // inc dword
    code.push(0x83, 0x2c, 0x25, ...imm32(COUNT), 1); // sub dword [COUNT], 1
    jump([0x0f, 0x84], CODE + (CODE_PAGES - 1) * 0x1000);
    code.push(0xf6, 0x04, 0x25, ...imm32(COUNT), 1 << random.below(4)); // test byte [COUNT], bit
    jump([0x0f, 0x84 + random.below(2)], random.pick(blocks));
    if (random.chance(0.15)) {
      const at = random.pick(blocks);
      code.push(0xb8, ...imm32(at), 0xff, 0xe0); // mov eax, imm32; jmp rax
    } else jump([0xe9], random.pick(blocks));
    texts.push(`${n}: ${start.toString(16)} ${sequence.text}`);
    bytes.set(code, start - CODE);
  });
  // At the end: a loop that does nothing.
  bytes.set([0x90, 0xeb, 0xfd], (CODE_PAGES - 1) * 0x1000);
  return { bytes, entry: blocks[0]!, blocks, texts };
}

/** A machine at CPL 0 in 64-bit mode that runs a program; every exception goes to a handler that goes on at some block. */
export function machineFor(program: Program, options: { cpus?: number; schedule?: ScheduleSpec; seed?: number; count?: number; machine?: Partial<MachineOptions> } = {}): Machine {
  const machine = new Machine({ cpus: options.cpus ?? 1, ramSize: 2 << 20, schedule: options.schedule, ...options.machine }), { memory } = machine;
  memory.writeU64(ROOT, BigInt(PDPT) | P | RW);
  memory.writeU64(PDPT + 8, BigInt(PD) | P | RW);
  memory.writeU64(PD + (CODE >>> 21 & 0x1ff) * 8, BigInt(CODE_TABLE) | P | RW);
  memory.writeU64(PD + (DATA >>> 21 & 0x1ff) * 8, BigInt(DATA_TABLE) | P | RW);
  const map = (linear: number, physical: number, pages: number, bits: bigint) => {
    for (let n = 0; n < pages; n++) memory.writeU64((linear < DATA ? CODE_TABLE : DATA_TABLE) + ((linear >>> 12) + n & 0x1ff) * 8, BigInt(physical + n * 0x1000) | bits);
  };
  map(CODE, CODE_AT, CODE_PAGES, P | RW);
  map(DATA, DATA_AT, DATA_PAGES - 1, P | RW | NX);
  map(DATA + (DATA_PAGES - 1) * 0x1000, DATA_AT + (DATA_PAGES - 1) * 0x1000, 1, P | NX);
  map(CONTROL, CONTROL_AT, 1, P | RW | NX);
  map(SYSTEM, SYSTEM_AT, 1, P | RW);
  map(STACKS, STACKS_AT, 8, P | RW | NX);
  memory.write(CODE_AT, program.bytes);
  memory.write(DATA_AT, fillData(options.seed ?? 1));
  memory.writeU32(CONTROL_AT, options.count ?? 400);

  for (let vector = 0; vector < 32; vector++) {
    const handler = [8, 10, 11, 12, 13, 14, 17].includes(vector) ? HANDLER : HANDLER_WITHOUT_ERROR;
    memory.writeU64(SYSTEM_AT + vector * 16, BigInt(handler & 0xffff) | 0x08n << 16n | 1n << 32n | 0x8en << 40n | BigInt(handler >>> 16) << 48n);
  }
  // Counts the exception, goes on at the block that the count names, with pointers that point somewhere.
  const next = [
    0x48, 0x83, 0xc4, 0x08, // add rsp, 8 (the error code)
    0x83, 0x04, 0x25, ...imm32(FAULTS), 1, // add dword [FAULTS], 1
    0x8b, 0x04, 0x25, ...imm32(FAULTS), // mov eax, [FAULTS]
    0x83, 0xe0, 0x07, // and eax, 7
    0x8b, 0x04, 0x85, ...imm32(HANDLER + 0x100), // mov eax, [blocks + eax*4]
    0x48, 0x89, 0x04, 0x24, // mov [rsp], rax
    0xbb, ...imm32(DATA + 0xf80), 0xbe, ...imm32(DATA + 0x1080), // mov ebx/esi
    0xc7, 0x44, 0x24, 0x18, ...imm32(DATA + 0x1000), // mov dword [rsp+24] (RSP)
    0x48, 0xcf, // iretq
  ];
  memory.write(SYSTEM_AT + HANDLER - SYSTEM, Uint8Array.from(next));
  for (let n = 0; n < 8; n++) memory.writeU32(SYSTEM_AT + HANDLER - SYSTEM + 0x100 + 4 * n, program.blocks[n % program.blocks.length]!);
  // A GDT that IRET can load CS and SS from.
  memory.writeU64(SYSTEM_AT + 0x300 + 8, 0x00af9b000000ffffn);
  memory.writeU64(SYSTEM_AT + 0x300 + 16, 0x00cf93000000ffffn);

  for (const cpu of machine.cpus) {
    const tss = TSS + 0x70 * cpu.index;
    memory.writeU64(SYSTEM_AT + tss - SYSTEM + 0x24, BigInt(STACKS + (cpu.index + 1) * 0x1000));
    cpu.set(L.CR0, 0x80010033n);
    cpu.set(L.CR4, 0x40620n);
    cpu.set(L.EFER, 0xd00n);
    cpu.setSegment(Seg.CS, 0x08, 0xa09b, 0xffffffff, 0n);
    for (const seg of [Seg.SS, Seg.DS, Seg.ES, Seg.FS]) cpu.setSegment(seg, 0x10, 0xc093, 0xffffffff, 0n);
    cpu.setSegment(Seg.GS, 0x10, 0xc093, 0xffffffff, BigInt(DATA + 0x800));
    cpu.setSegment(Seg.TR, 0x18, 0x8b, 0x67, BigInt(tss));
    cpu.set(L.IDTR_BASE, BigInt(SYSTEM));
    cpu.set(L.IDTR_LIMIT, 0x1ffn);
    cpu.set(L.GDTR_BASE, BigInt(SYSTEM + 0x300));
    cpu.set(L.GDTR_LIMIT, 0x17n);
    machine.mmu.loadCr3(cpu, BigInt(ROOT));
    updateMode(machine, cpu);
    const random = new Random((options.seed ?? 1) + cpu.index);
    for (let n = 0; n < 16; n++) cpu.setGpr(n, random.value());
    writeFlags(cpu, 2);
    cpu.rip = BigInt(program.blocks[cpu.index % program.blocks.length]!);
    cpu.runState = L.RunState.Running;
  }
  return machine;
}

/** A number that everything goes into that the program can see, RAM beyond its data apart. */
export function digest(machine: Machine): string {
  let hash = 0x811c9dc5;
  const add = (word: number) => { hash = Math.imul(hash ^ word, 0x01000193) ^ hash >>> 15; };
  for (const cpu of machine.cpus) {
    for (let n = 0; n < 34; n++) add(cpu.i32[n]!);
    add(readFlags(cpu));
    add(cpu.steps);
  }
  for (const [at, length] of [[DATA_AT, 0x2000], [CONTROL_AT, 0x40], [CODE_AT, 0x3000]] as const) {
    for (const word of new Int32Array(machine.memory.read(at, length).buffer)) add(word);
  }
  return (hash >>> 0).toString(16);
}

export { CODE, CODE_AT, CODE_PAGES, CONTROL_AT, DATA_AT };
