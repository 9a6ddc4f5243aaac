import type { Core } from '../core.js';
import { GuestFault, Unimplemented } from '../core.js';
import * as L from '../cpu/layout.js';
import { CodeMode, Seg } from '../cpu/layout.js';
import { leaveFault } from '../cpu/pendingFault.js';
import type { CpuState } from '../cpu/state.js';
import { emittedFor } from '../emitted/index.js';
import { CPU_BASE, CPU_SIZE, PAGE_SIZE, RAM_BASE } from '../memory/layout.js';
import { MemoryKind, memoryKind } from '../memory/kind.js';
import { type Block, BlockStore } from './blockStore.js';
import * as M from './codeMap.js';
import type { Decoded } from './decoded.js';
import { Exit } from './emitter.js';
import { FunctionTable, newModule } from './functionTable.js';
import { InstructionSet } from './instructionSet.js';
import { Recorder } from './recorder.js';
import { blocksOf } from './regionBlocks.js';
import { RegionEmitter } from './regionEmitter.js';
import { DEFAULT_TUNING, type TranslatorCounts, type Tuning } from './tuning.js';
import { makeRuntime, Runtime } from './runtime.js';
import { Templates } from './templates.js';

export type { TranslatorCounts, Tuning } from './tuning.js';

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
  private readonly recorder: Recorder;
  private decodedBlocks = 0;
  private flushes = 0;
  private queue: Block[] = [];
  private debuggers: ReadonlySet<bigint> = new Set();
  private guests: ReadonlySet<bigint> = new Set();
  /** An error that stopped the machine inside WebAssembly; see `Exit.Stop`. */
  stopReason: Unimplemented | undefined;

  constructor(private readonly core: Core, private readonly hooks: {
    /** Linear address of `offset` in a segment outside 64-bit code, or -1 with FAULT_* set. */
    segment(cpu: CpuState, segment: number, offset: number, kind: number): number;
    /** Tells whether the run loop must look at the CPU after a handler. */
    needsAttention(cpu: CpuState): boolean;
  }) {
    const { memory } = core;
    const { emitted } = emittedFor(memory);
    this.runtime = makeRuntime({
      memory: memory.wasm,
      resolve: emitted.resolve,
      enterUsually: emitted.enterUsually,
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
      moves: emitted.moves, stores: emitted.stores, scans: emitted.scans, compares: emitted.compares,
      handler: (cpu: number, id: number) => this.handle(this.cpuAt(cpu), this.recorder.numbered(id)),
    });
    this.templates = new Templates(this.functions);
    this.blocks = new BlockStore(memory, this.functions);
    this.recorder = new Recorder(memory, new InstructionSet(core.features), this.templates, this.blocks, {
      flush: () => { this.flush(); }, fetchSecondPage: (cpu, linear) => this.fetchSecondPage(cpu, linear),
    });
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
    for (const a of addresses) if (!this.recorder.breakpoints.has(a)) changed.add(a >> 12n);
    for (const a of this.recorder.breakpoints) if (!addresses.has(a)) changed.add(a >> 12n);
    this.recorder.breakpoints = addresses;
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
    if (!block || block.flags || block.region || !this.recorder.first(block).meaning.definition) return;
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
      if (!block && this.recorder.decodeRun(address, linear, host, cpu.int(L.MODE)).length) block = this.decodeBlock(cpu, linear, host, key);
      if (!block) continue;
      this.blocks.install(block);
      if (!block.flags && !block.region && this.recorder.first(block).meaning.definition) this.queue.push(block);
    }
    cpu.rip = rip;
    this.compileQueue();
  }

  /** Forgets everything. */
  flush(): void {
    this.blocks.clear();
    this.queue = [];
    this.recorder.clear();
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
    const block: Block = { linear, tag: this.tagOf(cpu), key, length: 0, count: 0, records: 0, region: 0, flags: 0, secondPage: -1, queued: false };
    if (this.recorder.breakpoints.has(linear)) block.flags |= M.M_BREAKPOINT;
    if (!this.recorder.write(cpu, block, host)) return undefined;
    this.blocks.add(block);
    this.decodedBlocks++;
    return block;
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
      const first = this.recorder.first(block), parts = blocksOf(this.recorder.reachable(first, block.linear, block.key & -PAGE_SIZE));
      const entry = parts.findIndex(p => p.start === first.ip);
      module.add(RegionEmitter.emit(imports, e => (e.insn as Decoded).meaning.definition!(e), parts, entry), `r${i}`);
    });
    const exports = this.functions.instantiate(new WebAssembly.Module(module.encode()));
    blocks.forEach((block, i) => this.blocks.translated(block, this.functions.add(exports[`r${i}`]!)));
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

