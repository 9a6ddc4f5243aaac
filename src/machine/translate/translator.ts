import type { Core } from '../core.js';
import { GuestFault, Unimplemented } from '../core.js';
import * as L from '../cpu/layout.js';
import { CodeMode, Seg } from '../cpu/layout.js';
import { leaveFault } from '../cpu/pendingFault.js';
import type { CpuState } from '../cpu/state.js';
import { emittedFor } from '../emitted/index.js';
import { CPU_BASE, CPU_SIZE, PAGE_SIZE, RAM_BASE, RECORD_BASE, RECORD_END } from '../memory/layout.js';
import { MemoryKind, memoryKind } from '../memory/kind.js';
import { type Block, BlockStore } from './blockStore.js';
import * as M from './codeMap.js';
import { MAX_INSTRUCTION } from './decode.js';
import { type Decoded, decodeOne, endsBlock } from './decoded.js';
import { Exit } from './emitter.js';
import { FunctionTable, newModule } from './functionTable.js';
import { InstructionSet } from './instructionSet.js';
import { QuickRecords } from './quickRecord.js';
import { R_LENGTH, RECORD_SIZE, RecordWriter } from './record.js';
import { blocksOf, reachable } from './regionBlocks.js';
import { RegionEmitter } from './regionEmitter.js';
import { DEFAULT_TUNING, type TranslatorCounts, type Tuning } from './tuning.js';
import { makeRuntime, Runtime } from './runtime.js';
import { Templates } from './templates.js';

export type { TranslatorCounts, Tuning } from './tuning.js';

const BLOCK_LIMIT = 64;
/** Live region modules are kept well below what V8 can map (each takes two mappings). */
const MAX_MODULES = 4000;

/**
 * Turns guest code into what runs: decodes blocks into records for the interpreter and compiles hot ones into regions.
 * None of this is part of the machine's state: dropping all of it changes nothing but speed.
 */
export class Translator {
  readonly runtime: Runtime;
  tuning: Tuning = DEFAULT_TUNING;
  private readonly functions: FunctionTable;
  private readonly templates: Templates;
  private readonly blocks: BlockStore;
  /** Instructions by the number that their records give to handlers, which is that of the record; of those that nobody has asked for, their block. */
  private readonly insns: (Decoded | Block)[] = [];
  private readonly records: RecordWriter;
  private readonly quick: QuickRecords;
  private nextRecord = RECORD_BASE;
  private decodedBlocks = 0;
  private flushes = 0;
  private queue: Block[] = [];
  private breakpoints: ReadonlySet<bigint> = new Set();
  private debuggers: ReadonlySet<bigint> = new Set();
  private guests: ReadonlySet<bigint> = new Set();
  private readonly instructionSet: InstructionSet;
  /** An error that stopped the machine inside WebAssembly; see `Exit.Stop`. */
  stopReason: Unimplemented | undefined;

  constructor(private readonly core: Core, private readonly hooks: {
    /** Linear address of `offset` in a segment outside 64-bit code, or -1 with FAULT_* set. */
    segment(cpu: CpuState, segment: number, offset: number, kind: number): number;
    /** Tells whether the run loop must look at the CPU after a handler. */
    needsAttention(cpu: CpuState): boolean;
  }) {
    const { memory } = core;
    this.instructionSet = new InstructionSet(core.features);
    this.records = new RecordWriter(memory.wasm.buffer);
    const { emitted } = emittedFor(memory);
    this.runtime = makeRuntime({
      memory: memory.wasm,
      resolve: emitted.resolve,
      deliverFault: emitted.deliverFault,
      flushPending: cpu => this.flushPending(cpu),
      watched: (cpu, low, high, kind) => core.watch.accessed(this.cpuAt(cpu), low, high, kind),
    });
    this.functions = new FunctionTable(this.runtime.table, {
      memory: memory.wasm,
      resolve: emitted.resolve,
      segment: (cpu: number, segment: number, offset: number, kind: number) => this.hooks.segment(this.cpuAt(cpu), segment, offset, kind),
      flags: emitted.flags,
      watched: this.runtime.watched,
      dropPage: emitted.dropPage,
      interruptReturn: emitted.interruptReturn,
      handler: (cpu: number, id: number) => this.handle(this.cpuAt(cpu), this.numbered(id)),
    });
    this.templates = new Templates(this.functions);
    this.quick = new QuickRecords(memory.u8, memory.i32, this.instructionSet, this.templates);
    this.blocks = new BlockStore(memory, this.functions);
    memory.onCodeWrite = page => this.blocks.dropPage(page);
  }

  get counts(): TranslatorCounts {
    return { blocks: this.decodedBlocks, templates: this.templates.count, regions: this.blocks.regions, modules: this.functions.modules, flushes: this.flushes };
  }

  /** Linear addresses at which the dispatcher must stop. Only blocks on pages where this changes are dropped. */
  setBreakpoints(addresses: ReadonlySet<bigint>): void {
    this.debuggers = new Set(addresses);
    this.changeBreakpoints();
  }

  /** The same for the debug registers of the guest. */
  setGuestBreakpoints(addresses: ReadonlySet<bigint>): void {
    if (!addresses.size && !this.guests.size) return;
    this.guests = new Set(addresses);
    this.changeBreakpoints();
  }

  /** Is there a breakpoint of the debugger? */
  hasBreakpoint(address: bigint): boolean { return this.debuggers.has(address); }

  private changeBreakpoints(): void {
    const addresses = new Set([...this.debuggers, ...this.guests]);
    const changed = new Set<bigint>();
    for (const a of addresses) if (!this.breakpoints.has(a)) changed.add(a >> 12n);
    for (const a of this.breakpoints) if (!addresses.has(a)) changed.add(a >> 12n);
    this.breakpoints = addresses;
    if (!changed.size) return;
    for (const block of this.blocks) if (changed.has(block.linear >> 12n)) this.blocks.drop(block);
  }

  /** Provides the block at the CPU's RIP after `Exit.Miss`: `Exit.Next` to go on, `Fault` if it cannot be fetched. */
  provide(cpu: CpuState): Exit {
    const linear = cpu.linearRip;
    const host = this.core.mmu.resolve(cpu.base, Number(linear & 0xffffffffn) | 0, Number(linear >> 32n) | 0, memoryKind(1, MemoryKind.Execute));
    if (host < 0) return Exit.Fault;
    const key = host & -PAGE_SIZE | cpu.int(L.MODE);
    let block = this.blocks.find(this.tagOf(cpu), key);
    if (!block) {
      block = this.decodeBlock(cpu, linear, host, key);
      if (!block) return Exit.Fault;
    }
    this.blocks.install(block);
    return Exit.Next;
  }

  /** Runs the page-crossing instruction at RIP, once its second page has been fetched like its first. */
  runCrossing(cpu: CpuState): Exit {
    const linear = cpu.linearRip, block = this.blocks.installed(this.tagOf(cpu));
    if (!block) return Exit.Next;
    const second = this.fetchSecondPage(cpu, linear);
    if (second < 0) return Exit.Fault;
    if (second !== block.secondPage) {
      // The page behind changed: decode again with what is there now.
      this.blocks.drop(block);
      cpu.set(L.RESUME, linear);
      return Exit.Next;
    }
    return this.runtime.execute(cpu.base, block.records, 1);
  }

  /** Considers the block at RIP for translation after `Exit.Hot`. */
  heat(cpu: CpuState): void {
    const block = this.blocks.installed(this.tagOf(cpu));
    if (!block || block.flags || block.region || !this.first(block).meaning.definition) return;
    const hits = this.core.memory.view.getInt32(M.entryAddress(Number(block.linear & 0xffffffffn)) + M.M_HITS, true);
    if (hits >= this.tuning.queueAt && !block.queued) {
      block.queued = true;
      this.queue.push(block);
    }
    if (this.queue.length >= this.tuning.batch || hits >= this.tuning.compileAt && this.queue.length) this.compileQueue();
  }

  /**
   * Decodes and translates the blocks at these instruction pointers of the CPU's present mode and address space at once,
   * without any effect on the machine: for tests and measurements, which want translated code without warming up. Blocks
   * that cross a page are left to the interpreter.
   */
  compileNow(cpu: CpuState, addresses: readonly bigint[]): void {
    const rip = cpu.rip;
    for (const address of addresses) {
      cpu.rip = address;
      const linear = cpu.linearRip, physical = this.core.mmu.probe(cpu, Number(linear & 0xffffffffn) | 0, Number(linear >> 32n) | 0);
      if (!this.core.memory.isRam(physical, 1)) throw new Error(`no code at 0x${address.toString(16)}`);
      const host = RAM_BASE + physical, key = host & -PAGE_SIZE | cpu.int(L.MODE);
      let block = this.blocks.find(this.tagOf(cpu), key);
      if (!block && this.decodeRun(address, linear, host, cpu.int(L.MODE)).length) block = this.decodeBlock(cpu, linear, host, key);
      if (!block) continue;
      this.blocks.install(block);
      if (!block.flags && !block.region && this.first(block).meaning.definition) this.queue.push(block);
    }
    cpu.rip = rip;
    this.compileQueue();
  }

  /** Forgets everything. */
  flush(): void {
    this.blocks.clear();
    this.insns.length = 0;
    this.queue = [];
    this.nextRecord = RECORD_BASE;
    this.flushes++;
  }

  /** The code map's name for the CPU's next instruction. */
  private tagOf(cpu: CpuState): bigint { return cpu.int(L.MODE) & CodeMode.Long ? cpu.rip : M.codeTag(cpu.segBase(Seg.CS), cpu.rip); }

  private fetchSecondPage(cpu: CpuState, linear: bigint): number {
    const next = (linear | 0xfffn) + 1n;
    const host = this.core.mmu.resolve(cpu.base, Number(next & 0xffffffffn) | 0, Number(BigInt.asIntN(64, next) >> 32n) | 0, memoryKind(1, MemoryKind.Execute));
    return host < 0 ? -1 : host;
  }

  private decodeBlock(cpu: CpuState, linear: bigint, host: number, key: number): Block | undefined {
    const block: Block = { linear, tag: this.tagOf(cpu), key, count: 0, records: 0, region: 0, flags: 0, secondPage: -1, queued: false };
    if (this.breakpoints.has(linear)) block.flags |= M.M_BREAKPOINT;
    if (!this.recordQuickly(block, host) && !this.record(cpu, block, host)) return undefined;
    this.blocks.add(block);
    this.decodedBlocks++;
    return block;
  }

  /**
   * Writes the records of a block, of which most are made from the bytes alone. False, with nothing done, for code that is not 64-bit code,
   * for an instruction that crosses the page, and where a template is missing.
   */
  private recordQuickly(block: Block, host: number): boolean {
    const mode = block.key & PAGE_SIZE - 1;
    if (!(mode & CodeMode.Long)) return false;
    if (this.nextRecord + BLOCK_LIMIT * RECORD_SIZE > RECORD_END) this.flush();
    const { quick, insns, breakpoints } = this, end = (host | PAGE_SIZE - 1) + 1, start = host, first = insns.length;
    quick.low = Number(block.linear & 0xffffffffn);
    quick.high = Number(block.linear >> 32n) | 0;
    let record = this.nextRecord;
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
      this.records.write(record, insn, this.templates.of(insn), insns.push(insn) - 1);
      host += insn.length;
      quick.low = Number(insn.next & 0xffffffffn);
      quick.high = Number(insn.next >> 32n) | 0;
      if (!insn.meaning.definition || endsBlock(insn) || insn.next < linear) {
        record += RECORD_SIZE;
        break;
      }
    }
    block.records = this.nextRecord;
    block.count = insns.length - first;
    block.bytes = this.core.memory.u8.slice(start, host);
    this.nextRecord = record;
    return true;
  }

  /** Decodes the instructions of a block and writes their records; false if its one instruction crosses into a page that cannot be fetched. */
  private record(cpu: CpuState, block: Block, host: number): boolean {
    const { linear } = block;
    let insns = this.decodeRun(cpu.rip, linear, host, cpu.int(L.MODE));
    if (!insns.length) {
      const here = this.core.memory.u8.slice(host, (host | PAGE_SIZE - 1) + 1);
      const second = this.fetchSecondPage(cpu, linear);
      if (second < 0) return false;
      const bytes = new Uint8Array(here.length + MAX_INSTRUCTION);
      bytes.set(here);
      bytes.set(this.core.memory.u8.subarray(second, second + MAX_INSTRUCTION), here.length);
      insns = [decodeOne(bytes, cpu.rip, linear, cpu.int(L.MODE), this.instructionSet) as Decoded];
      block.flags |= M.M_CROSSING;
      block.secondPage = second;
    }
    if (this.nextRecord + insns.length * RECORD_SIZE > RECORD_END) this.flush();
    block.records = this.nextRecord;
    block.count = insns.length;
    if (insns.some(insn => !this.templates.has(insn))) {
      // A module costs as much as dozens of functions in it, so what can be reached in this page comes along.
      const near = block.flags & M.M_CROSSING ? [] : [...this.reachable(insns[0]!, linear, host & -PAGE_SIZE).values()].flat();
      this.templates.add([...insns, ...near]);
    }
    for (const insn of insns) {
      this.records.write(this.nextRecord, insn, this.templates.of(insn), this.insns.push(insn) - 1);
      this.nextRecord += RECORD_SIZE;
    }
    return true;
  }

  /** The instruction of that number. */
  private numbered(number: number): Decoded {
    const insn = this.insns[number]!;
    if ('meaning' in insn) return insn;
    const { key, linear, records, bytes } = insn, { i32 } = this.core.memory;
    let offset = 0;
    for (let at = records; at < RECORD_BASE + number * RECORD_SIZE; at += RECORD_SIZE) offset += i32[at + R_LENGTH >> 2]!;
    const ip = linear + BigInt(offset);
    return this.insns[number] = decodeOne(bytes!, ip, ip, key & PAGE_SIZE - 1, this.instructionSet, offset, Math.min(bytes!.length, offset + MAX_INSTRUCTION))!;
  }

  /** The first instruction of a block. */
  private first(block: Block): Decoded { return this.numbered((block.records - RECORD_BASE) / RECORD_SIZE); }
  /** All instructions of a block; scripts/common-instructions.mjs asks. */
  instructionsOf({ records, count }: Block): Decoded[] { return Array.from({ length: count }, (_, n) => this.numbered((records - RECORD_BASE) / RECORD_SIZE + n)); }

  /**
   * Decodes from `host` to the end of the page at most: up to a jump, an instruction that TypeScript executes, or the
   * next breakpoint. Empty if the first instruction crosses the page.
   */
  private decodeRun(ip: bigint, linear: bigint, host: number, mode: number): Decoded[] {
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

  /** Decodes the instruction at `host`, unless it is known; undefined if it goes on in the next page. */
  private decodeAt(ip: bigint, linear: bigint, host: number, mode: number): Decoded | undefined {
    const page = this.blocks.instructions(host);
    let insn = page.get(host);
    if (insn?.ip === ip && insn.mode === mode) return insn;
    insn = decodeOne(this.core.memory.u8, ip, linear, mode, this.instructionSet, host, Math.min((host | PAGE_SIZE - 1) + 1, host + MAX_INSTRUCTION));
    if (insn) page.set(host, insn);
    return insn;
  }

  private compileQueue(): void {
    const blocks = this.queue.filter(b => !b.region && this.blocks.has(b));
    this.queue = [];
    if (!blocks.length) return;
    if (this.functions.modules > MAX_MODULES) {
      this.flush();
      this.functions.modules = 0;
      return;
    }
    const { module, imports } = newModule();
    blocks.forEach((block, i) => {
      const first = this.first(block), parts = blocksOf(this.reachable(first, block.linear, block.key & -PAGE_SIZE));
      const entry = parts.findIndex(p => p.start === first.ip);
      module.add(RegionEmitter.emit(imports, e => (e.insn as Decoded).meaning.definition!(e), parts, entry), `r${i}`);
    });
    const exports = this.functions.instantiate(new WebAssembly.Module(module.encode()));
    blocks.forEach((block, i) => this.blocks.translated(block, this.functions.add(exports[`r${i}`]!)));
  }

  /** What direct branches reach inside the page at `pageHost` from an instruction, which is at that linear address. */
  private reachable(first: Decoded, linear: bigint, pageHost: number): Map<bigint, Decoded[]> {
    return reachable(first, linear, (ip, at) => ip !== first.ip && this.breakpoints.has(at) ? [] : this.decodeRun(ip, at, pageHost | Number(at & 0xfffn), first.mode));
  }

  private cpuAt(base: number): CpuState { return this.core.cpus[(base - CPU_BASE) / CPU_SIZE]!; }

  /** Executes an instruction in TypeScript. */
  private handle(cpu: CpuState, insn: Decoded): Exit {
    cpu.rip = insn.ip;
    try {
      const { handler, cycles } = insn.meaning;
      if (handler(this.core, cpu, insn) !== 'jumped') cpu.rip = insn.next;
      if (cycles) cpu.charge(cycles);
    } catch (error) {
      return this.failed(cpu, error);
    }
    return this.hooks.needsAttention(cpu) ? Exit.Event : Exit.Jumped;
  }

  private flushPending(cpu: number): Exit {
    const state = this.cpuAt(cpu);
    try {
      this.core.mmu.flushPending(cpu);
    } catch (error) {
      return this.failed(state, error);
    }
    return this.core.watch.noted || this.hooks.needsAttention(state) ? Exit.Event : Exit.Refetch;
  }

  private failed(cpu: CpuState, error: unknown): Exit {
    if (error instanceof GuestFault) {
      leaveFault(cpu, error);
      return Exit.Fault;
    }
    if (error instanceof Unimplemented) {
      this.stopReason = error;
      return Exit.Stop;
    }
    throw error;
  }
}

