import { Mnemonic } from 'iced-x86';
import * as L from '../cpu/layout.js';
import { CodeMode } from '../cpu/layout.js';
import type { CpuState } from '../cpu/state.js';
import type { GuestMemory } from '../memory/guestMemory.js';
import { PAGE_SIZE, RAM_BASE, RECORD_BASE, RECORD_END } from '../memory/layout.js';
import type { Block, BlockStore } from './blockStore.js';
import * as M from './codeMap.js';
import { MAX_INSTRUCTION } from './decode.js';
import { type Decoded, decodeOne, endsBlock } from './decoded.js';
import type { InstructionSet } from './instructionSet.js';
import { QuickRecords } from './quickRecord.js';
import { R_LENGTH, RECORD_SIZE, RecordWriter } from './record.js';
import { reachable } from './regionBlocks.js';
import type { Templates } from './templates.js';

const BLOCK_LIMIT = 64;

/** Decodes what blocks are made of, and writes the records that the interpreter reads. */
export class Recorder {
  /** Linear addresses that begin a block. */
  breakpoints: ReadonlySet<bigint> = new Set();
  /** Instructions by the number that their records give to handlers, which is that of the record; of those that nobody has asked for, their block. */
  private readonly insns: (Decoded | Block)[] = [];
  private readonly writer: RecordWriter;
  private readonly quick: QuickRecords;
  private next = RECORD_BASE;

  constructor(private readonly memory: GuestMemory, private readonly set: InstructionSet, private readonly templates: Templates, private readonly blocks: BlockStore, private readonly hooks: {
    /** Forgets all blocks, and calls `clear`: there is no room for more records. */
    flush(): void;
    /** Host address of the page behind that of a linear address, or -1 with FAULT_* set. */
    fetchSecondPage(cpu: CpuState, linear: bigint): number;
  }) {
    this.writer = new RecordWriter(memory.wasm.buffer);
    this.quick = new QuickRecords(memory.u8, memory.i32, set, templates);
  }

  /** Forgets all records. */
  clear(): void {
    this.insns.length = 0;
    this.next = RECORD_BASE;
  }

  /** Writes the records of a block whose code stands at `host`, which is at the CPU's RIP; false if its one instruction crosses into a page that cannot be fetched. */
  write(cpu: CpuState, block: Block, host: number): boolean {
    // Before anything is decoded: a flush forgets which bytes have been.
    if (this.next + BLOCK_LIMIT * RECORD_SIZE > RECORD_END) this.hooks.flush();
    return this.recordQuickly(block, host) || this.record(cpu, block, host);
  }

  /** The instruction of that number. */
  numbered(number: number): Decoded {
    const insn = this.insns[number]!;
    if ('meaning' in insn) return insn;
    const { key, linear, records, bytes } = insn, { i32 } = this.memory;
    let offset = 0;
    for (let at = records; at < RECORD_BASE + number * RECORD_SIZE; at += RECORD_SIZE) offset += i32[at + R_LENGTH >> 2]!;
    const ip = linear + BigInt(offset);
    return this.insns[number] = decodeOne(bytes!, ip, ip, key & PAGE_SIZE - 1, this.set, offset, Math.min(bytes!.length, offset + MAX_INSTRUCTION))!;
  }

  /** The first instruction of a block. */
  first(block: Block): Decoded { return this.numbered((block.records - RECORD_BASE) / RECORD_SIZE); }
  /** All instructions of a block; scripts/common-instructions.mjs asks. */
  instructionsOf({ records, count }: Block): Decoded[] { return Array.from({ length: count }, (_, n) => this.numbered((records - RECORD_BASE) / RECORD_SIZE + n)); }

  /**
   * Decodes from `host` to the end of the page at most: up to a jump, an instruction that TypeScript executes, or the
   * next breakpoint. Empty if the first instruction crosses the page.
   */
  decodeRun(ip: bigint, linear: bigint, host: number, mode: number): Decoded[] {
    const insns: Decoded[] = [], end = (host | PAGE_SIZE - 1) + 1;
    while (insns.length < BLOCK_LIMIT && host < end && !(insns.length && this.breakpoints.has(linear))) {
      const insn = this.decodeAt(ip, linear, host, mode);
      if (!insn) break;
      insns.push(insn);
      // Behind the end of a 16-bit or 32-bit segment IP starts from 0 again, elsewhere in memory.
      if (!insn.meaning.definition || endsBlock(insn) || insn.next < ip) break;
      ip = insn.next;
      linear += BigInt(insn.length);
      host += insn.length;
    }
    return insns;
  }

  /** What direct branches reach inside the page at `pageHost` from an instruction, which is at that linear address. */
  reachable(first: Decoded, linear: bigint, pageHost: number): Map<bigint, Decoded[]> {
    return reachable(first, linear, (ip, at) => ip !== first.ip && this.breakpoints.has(at) ? [] : this.decodeRun(ip, at, pageHost | Number(at & 0xfffn), first.mode));
  }

  /** Decodes the instruction at `host`, unless it is known; undefined if it goes on in the next page. */
  private decodeAt(ip: bigint, linear: bigint, host: number, mode: number): Decoded | undefined {
    const page = this.blocks.instructions(host);
    let insn = page.get(host);
    if (insn?.ip === ip && insn.mode === mode) return insn;
    insn = decodeOne(this.memory.u8, ip, linear, mode, this.set, host, Math.min((host | PAGE_SIZE - 1) + 1, host + MAX_INSTRUCTION));
    if (insn) {
      page.set(host, insn);
      // A region may be made of it that begins elsewhere. What is no instruction may become one by any of its bytes.
      const from = host & PAGE_SIZE - 1, length = insn.mnemonic === Mnemonic.INVALID ? MAX_INSTRUCTION : insn.length;
      this.memory.markCode(host - RAM_BASE >>> 12, from, Math.min(length, PAGE_SIZE - from));
    }
    return insn;
  }

  /**
   * Writes the records of a block, of which most are made from the bytes alone. False, with nothing done, for code that is not 64-bit code,
   * for an instruction that crosses the page, and where a template is missing.
   */
  private recordQuickly(block: Block, host: number): boolean {
    const mode = block.key & PAGE_SIZE - 1;
    if (!(mode & CodeMode.Long)) return false;
    const { quick, insns, breakpoints } = this, end = (host | PAGE_SIZE - 1) + 1, start = host, first = insns.length;
    quick.low = Number(block.linear & 0xffffffffn);
    quick.high = Number(block.linear >> 32n) | 0;
    let record = this.next;
    for (let count = 0; count < BLOCK_LIMIT && host < end; count++, record += RECORD_SIZE) {
      if (count && breakpoints.size && breakpoints.has(block.linear + BigInt(host - start))) break;
      const length = quick.write(record, host, end, mode, insns.length);
      if (length) {
        insns.push(block);
        host += length;
        if (quick.ends) {
          record += RECORD_SIZE;
          break;
        }
        continue;
      }
      const linear = block.linear + BigInt(host - start), insn = this.decodeAt(linear, linear, host, mode);
      if (!insn && count) break;
      if (!insn || !this.templates.has(insn)) {
        insns.length = first;
        return false;
      }
      this.writer.write(record, insn, this.templates.of(insn), insns.push(insn) - 1);
      host += insn.length;
      quick.low = Number(insn.next & 0xffffffffn);
      quick.high = Number(insn.next >> 32n) | 0;
      if (!insn.meaning.definition || endsBlock(insn) || insn.next < linear) {
        record += RECORD_SIZE;
        break;
      }
    }
    block.records = this.next;
    block.count = insns.length - first;
    block.length = host - start;
    block.bytes = this.memory.u8.slice(start, host);
    this.next = record;
    return true;
  }

  /** Decodes the instructions of a block and writes their records; false if its one instruction crosses into a page that cannot be fetched. */
  private record(cpu: CpuState, block: Block, host: number): boolean {
    const { linear } = block;
    let insns = this.decodeRun(cpu.rip, linear, host, cpu.int(L.MODE));
    if (!insns.length) {
      const here = this.memory.u8.slice(host, (host | PAGE_SIZE - 1) + 1);
      const second = this.hooks.fetchSecondPage(cpu, linear);
      if (second < 0) return false;
      const bytes = new Uint8Array(here.length + MAX_INSTRUCTION);
      bytes.set(here);
      bytes.set(this.memory.u8.subarray(second, second + MAX_INSTRUCTION), here.length);
      insns = [decodeOne(bytes, cpu.rip, linear, cpu.int(L.MODE), this.set) as Decoded];
      block.flags |= M.M_CROSSING;
      block.secondPage = second;
    }
    block.records = this.next;
    block.count = insns.length;
    block.length = insns.reduce((sum, insn) => sum + insn.length, 0);
    if (insns.some(insn => !this.templates.has(insn))) {
      // A module costs as much as dozens of functions in it, so what can be reached in this page comes along.
      const near = block.flags & M.M_CROSSING ? [] : [...this.reachable(insns[0]!, linear, host & -PAGE_SIZE).values()].flat();
      this.templates.add([...insns, ...near]);
    }
    for (const insn of insns) {
      this.writer.write(this.next, insn, this.templates.of(insn), this.insns.push(insn) - 1);
      this.next += RECORD_SIZE;
    }
    return true;
  }
}
