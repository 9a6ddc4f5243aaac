import { describe, expect, it } from 'vitest';
import type { TlbAppetite } from '../../../src/machine/memory/forgetting.js';
import { DATA } from '../../oracle/layout.js';
import { CODE, compile, le32, machineWith, run } from './code.js';
import { digest } from './program.js';
import { NEVER_TRANSLATE } from './tuning.js';

/** Where the table that maps DATA stands (`machineFor`), and where these tests map it. */
const TABLE_AT = 0x5000, TABLE = DATA + 0x100000, PAGES = DATA + 0x110000;
/** The page directory, and where one more table may be entered. */
const DIRECTORY_AT = 0x3000, OTHER = DATA + 0x400000;
const entry = (linear: number) => (linear >>> 12 & 0x1ff) * 8;

/** A loop of `body`, in a machine that maps the page table of DATA and two pages at PAGES; ecx counts down. */
function looping(body: readonly number[], way: string, tlb: TlbAppetite = 'retain') {
  const code = [...body, 0xff, 0xc9, 0x0f, 0x85, ...le32(-(body.length + 8))];
  const machine = machineWith({ 0: [...code, 0xeb, 0xfe] }, { machine: { tlb } }), cpu = machine.cpus[0]!, { memory } = machine;
  for (const [linear, physical] of [[TABLE, TABLE_AT], [PAGES, 0x80000], [PAGES + 0x1000, 0x81000]] as const) memory.writeU64(TABLE_AT + entry(linear), BigInt(physical) | 0x23n);
  for (const page of [0x80000, 0x81000, 0x82000]) memory.write(page, new Uint8Array(4096).fill(page >> 12));
  cpu.setGpr(1, 50n);
  cpu.setGpr(3, BigInt(PAGES));
  cpu.setGpr(4, BigInt(PAGES + 0x800));
  if (way === 'interpreted') machine.translator.tuning = NEVER_TRANSLATE;
  else compile(machine, 0);
  return machine;
}

/** The same loop interpreted and translated leaves the same, wherever it is stopped. */
function expectSame(body: readonly number[], prepare: (machine: ReturnType<typeof looping>) => void = () => {}, tlb?: TlbAppetite): ReturnType<typeof looping> {
  const [interpreted, translated] = ['interpreted', 'translated'].map(way => {
    const machine = looping(body, way, tlb);
    prepare(machine);
    return machine;
  });
  for (let n = 0; n < 12; n++) {
    run(interpreted!, 17);
    run(translated!, 17);
    expect(digest(translated!)).toBe(digest(interpreted!));
  }
  expect(translated!.stateHash()).toBe(interpreted!.stateHash());
  return translated!;
}

describe('a loop that has seen a page', () => {
  it('sees the page that a write finds after the tables have changed, in reads too', () => {
    // mov eax,[rbx]; mov [rdx],rsi: the entry of that page leads elsewhere; mov [rbx],edi; mov ebp,[rbx]; add r8d,ebp
    const machine = expectSame([0x8b, 0x03, 0x48, 0x89, 0x32, 0x89, 0x3b, 0x8b, 0x2b, 0x41, 0x01, 0xe8], ({ cpus: [cpu] }) => {
      cpu!.setGpr(2, BigInt(TABLE + entry(PAGES)));
      cpu!.setGpr(6, 0x82000n | 0x23n);
      cpu!.setGpr(7, 0x1234n);
    });
    expect(machine.memory.readU32(0x82000)).toBe(0x1234);
    expect(machine.cpus[0]!.gpr(5)).toBe(0x1234n);
  });

  it('leaves it at its end, forwards and backwards, and reads across it', () => {
    // mov eax,[rbx+4092]; add rbx,3; add r8,rax; mov [rbx+8],r8d; movzx edx,byte [rbx-1]; mov rsi,[rbx+4080]
    expectSame([0x8b, 0x83, ...le32(4092), 0x48, 0x83, 0xc3, 0x03, 0x49, 0x01, 0xc0, 0x44, 0x89, 0x43, 0x08, 0x0f, 0xb6, 0x53, 0xff, 0x48, 0x8b, 0xb3, ...le32(4080)], ({ cpus: [cpu] }) => cpu!.setGpr(3, BigInt(PAGES + 7)));
    expectSame([0x48, 0x8b, 0x03, 0x48, 0x83, 0xeb, 0x08, 0x48, 0x01, 0x03], ({ cpus: [cpu] }) => cpu!.setGpr(3, BigInt(PAGES + 0x1040)));
  });

  it('faults where the next page is not mapped, and where the address is not canonical', () => {
    expectSame([0x8b, 0x03, 0x48, 0x81, 0xc3, ...le32(0x200)], ({ cpus: [cpu] }) => cpu!.setGpr(3, BigInt(PAGES + 0x1000)));
    expectSame([0x8b, 0x03, 0x48, 0xc1, 0xc3, 0x0c]);
  });

  it('uses the stack as well', () => {
    // push rbx; push rcx; pop rdx; call the next instruction; pop rsi; add r8,rdx; pop rax; add rsp,-24
    expectSame([0x53, 0x51, 0x5a, 0xe8, 0, 0, 0, 0, 0x5e, 0x49, 0x01, 0xd0, 0x58, 0x48, 0x83, 0xc4, 0xe8], ({ cpus: [cpu] }) => cpu!.setGpr(4, BigInt(PAGES + 0x1200)));
  });

  it('lets a store to a page that walks have come to use as a table be seen, where TLBs forget', () => {
    // mov [rbx],rsi: an entry; mov eax,[rdx]: the page that it leads to; add r8,rax; xor rsi,rdi: another one the next time
    const machine = expectSame([0x48, 0x89, 0x33, 0x8b, 0x02, 0x49, 0x01, 0xc0, 0x48, 0x31, 0xfe], ({ cpus: [cpu], memory }) => {
      memory.writeU64(DIRECTORY_AT + (OTHER >>> 21 & 0x1ff) * 8, 0x80000n | 0x23n);
      cpu!.setGpr(2, BigInt(OTHER));
      cpu!.setGpr(6, 0x81000n | 0x23n);
      cpu!.setGpr(7, 0x81000n ^ 0x82000n);
    }, 'forget');
    run(machine, 300);
    expect(machine.cpus[0]!.gpr(8)).toBe(25n * (0x81818181n + 0x82828282n));
  });

  it('does not write a page that has code', () => {
    // mov [rbx],al: NOPs into the code behind the loop, which is decoded then; then the loop's own page.
    const machine = expectSame([0x88, 0x03, 0xff, 0xc3], ({ cpus: [cpu] }) => { cpu!.setGpr(3, BigInt(CODE + 0x100)); cpu!.setGpr(0, 0x90n); });
    expect(machine.memory.read(0x10100, 4)).toEqual(Uint8Array.of(0x90, 0x90, 0x90, 0x90));
  });
});
