import { Mnemonic } from 'iced-x86';
import { mnemonicName } from './icedLibrary.js';
import * as L from '../cpu/layout.js';
import { accessGroup, busiestGroups } from './accessGroups.js';
import { type Decoded, ENDS_BLOCK, endsBlock } from './decoded.js';
import { type Emitter, Exit, type Imports, NO_PAGE, type SeenPage } from './emitter.js';
import type { Insn } from './insn.js';
import type { RegionControl } from './regionControl.js';
import { analyseRegion, type RegionGraph } from './regionGraph.js';
import { common, type KnownFlags, RegionValues } from './regionValues.js';
import { FunctionBody, Label, Op, Type } from './wasm.js';

/** A return is compared with so many places behind calls in its region. */
const MAX_RETURNS = 4;

const REGION_SIGNATURE = { params: [Type.I32], results: [Type.I32] };

/** A straight run of instructions: what the region is made of. */
export interface RegionBlock {
  /** Instruction pointer of the first instruction. */
  start: bigint;
  insns: readonly Insn[];
  /** The block goes on at the end of `insns` with an instruction that only the interpreter does. */
  interpretNext: boolean;
}

/**
 * Makes one WebAssembly function (cpu) -> Exit of several blocks that branch to each other. Each block first takes its
 * instructions from the budget, so the machine's position is exact at every exit.
 */
export class RegionEmitter extends RegionValues {
  private readonly next: number;
  private readonly code: number;
  private readonly labels = new Map<bigint, number>();
  /** Blocks behind calls, to which a return may lead. */
  private readonly returns: number[] = [];
  private exitLabel!: Label;
  private returnedLabel!: Label;
  private topLabel!: Label;
  private block!: RegionBlock;
  private position = 0;
  private blockNumber = 0;
  /** Set while a conditional part is emitted that ends the instruction. */
  private ended = false;
  private readonly graph: RegionGraph;
  /** Pages seen last in loops, by group of accesses and by what is done. They stay true until the region is left: see `Mmu.resolve`. */
  private readonly seen = new Map<string, SeenPage>();
  private readonly seenGroups: ReadonlySet<string>;
  /** Labels of the loops and of the forward branches' targets that are open. */
  private readonly loops = new Map<number, Label>();
  private readonly targets = new Map<number, Label>();
  /** What is known of the flags on all branches to a block so far: those that lead forward, and those that lead back. */
  private readonly forwardFlags = new Map<number, KnownFlags | undefined>();
  private readonly backFlags = new Map<number, KnownFlags | undefined>();
  /** Position of the instruction that runs under the interrupt shadow of the one before, in the block; -1 if there is none. */
  private shadowed = -1;
  private tentative = false;

  constructor(f: FunctionBody, imports: Imports, private readonly define: (e: Emitter) => void, private readonly blocks: readonly RegionBlock[],
    private readonly entry: number, private readonly assumed: ReadonlyMap<number, KnownFlags | undefined> = new Map()) {
    super(f, imports);
    this.next = f.local(Type.I32);
    this.code = f.local(Type.I32);
    blocks.forEach((b, i) => this.labels.set(b.start, i));
    for (const { insns } of blocks) {
      const last = insns[insns.length - 1], number = last?.mnemonic === Mnemonic.Call ? this.labels.get(last.next) : undefined;
      if (number !== undefined && this.returns.length < MAX_RETURNS) this.returns.push(number);
    }
    this.graph = analyseRegion(blocks.map(b => this.successors(b)), entry);
    this.seenGroups = busiestGroups(blocks, this.graph.depth);
  }

  /**
   * The body of the function for a region that is entered at block `entry`. If flags of an unknown kind are needed in a loop, it is
   * emitted again with what the first time has found out about the branches back.
   */
  static emit(imports: Imports, define: (e: Emitter) => void, blocks: readonly RegionBlock[], entry: number): FunctionBody {
    const once = (assumed?: ReadonlyMap<number, KnownFlags | undefined>) => {
      const emitter = new RegionEmitter(new FunctionBody(REGION_SIGNATURE), imports, define, blocks, entry, assumed);
      emitter.emit();
      return emitter;
    };
    const first = once();
    return first.unknownFlagsUsed && [...first.backFlags.values()].some(known => known) ? once(first.backFlags).f : first.f;
  }

  /** Emits the whole function; the region is entered at block `entry`. */
  emit(): void {
    const f = this.f;
    this.returnedLabel = f.block();
    this.exitLabel = f.block();
    if (this.graph.reducible) this.emitTree(this.entry);
    else this.emitDispatched();
    f.end();
    this.storeState();
    f.get(this.code).op(Op.return).end();
    this.storeState(true);
    f.get(this.code);
    f.atStart(() => {
      this.loadState();
      for (const { page } of this.seen.values()) f.i64(NO_PAGE).set(page);
      if (!this.graph.reducible) f.i32(this.entry).set(this.next);
    });
  }

  /** The blocks that a block branches to, as often as it does. */
  private successors({ insns, interpretNext }: RegionBlock): number[] {
    const last = insns[insns.length - 1];
    if (!last || interpretNext) return [];
    const at = (...ips: bigint[]) => ips.map(ip => this.labels.get(ip)).filter(n => n !== undefined);
    if (last.operands[0]?.kind === 'branch') return last.mnemonic === Mnemonic.Jmp || last.mnemonic === Mnemonic.Call ? at(last.target) : at(last.target, last.next);
    if (last.mnemonic === Mnemonic.Ret) return this.returns;
    return last.mnemonic === Mnemonic.Jmp || last.mnemonic === Mnemonic.Call ? [] : at(last.next);
  }

  /**
   * Emits a block and all that it dominates: blocks that several forward branches lead to behind it, the others where their one
   * branch stands; a block that is branched back to begins a loop.
   */
  private emitTree(number: number): void {
    const isLoop = this.graph.isLoop[number]!;
    if (isLoop) {
      this.loops.set(number, this.f.loop());
      this.knownFlags = common(this.knownFlags, this.assumed.get(number));
    }
    this.emitWithin(number, this.graph.merges[number]!.length);
    if (!isLoop) return;
    this.loops.delete(number);
    this.f.end();
  }

  /** Emits a block inside WebAssembly blocks for the first `count` of its merges, each followed by what it is for. */
  private emitWithin(number: number, count: number): void {
    if (!count) { this.emitBlock(number); return; }
    const merge = this.graph.merges[number]![count - 1]!;
    this.targets.set(merge, this.f.block());
    this.emitWithin(number, count - 1);
    this.targets.delete(merge);
    this.f.end();
    this.knownFlags = this.forwardFlags.get(merge);
    this.emitTree(merge);
  }

  /** Emits a block, and what it dominates, in the middle of the one that branches to it. */
  private emitHere(number: number): void {
    const { block, blockNumber, position, insn, knownFlags, shadowed } = this;
    this.emitTree(number);
    Object.assign(this, { block, blockNumber, position, insn, knownFlags, shadowed, ended: false });
  }

  /** Emits the blocks of a region that does not nest: a loop around a table of them. */
  private emitDispatched(): void {
    const f = this.f;
    this.topLabel = f.loop();
    const labels = this.blocks.map(() => f.block()).reverse();
    f.get(this.next).brTable(labels, labels[0]!);
    this.blocks.forEach((_, i) => {
      f.end();
      this.knownFlags = undefined;
      this.emitBlock(i);
    });
    f.end();
  }

  private emitBlock(number: number): void {
    const f = this.f, block = this.blocks[number]!, count = block.insns.length;
    this.block = block;
    this.blockNumber = number;
    this.ended = false;
    this.shadowed = -1;
    if (count) {
      f.get(this.budget).i32(count).op(Op.i32_sub).tee(this.budget).i32(0).op(Op.i32_lt_s).unlikely().if();
      f.get(this.budget).i32(count).op(Op.i32_add).set(this.budget);
      this.leave(block.start, Exit.Interpret);
      f.end();
    }
    for (this.position = 0; this.position < count; this.position++) {
      this.insn = block.insns[this.position]!;
      this.define(this);
      if (!this.ended) this.completed();
    }
    if (this.ended) return;
    const end = count ? block.insns[count - 1]!.next : block.start;
    if (block.interpretNext) this.leave(end, Exit.Interpret);
    else this.goto(end);
  }

  /** Stores RIP and leaves the region. */
  private leave(rip: bigint, code: Exit): void {
    const f = this.f;
    f.get(this.cpu).i64(rip).memory(Op.i64_store, L.RIP).i32(code).set(this.code).br(this.exitLabel);
  }

  /** Goes on at `rip`: in the region if it has a block there. */
  private goto(rip: bigint): void {
    const number = this.labels.get(rip);
    if (number === undefined) this.leave(rip, Exit.Next);
    else if (this.graph.reducible || number !== this.blockNumber + 1) this.branchTo(number);
  }

  /** Goes on at a block of the region, which may be emitted here. */
  private branchTo(number: number): void {
    if (!this.graph.reducible) {
      this.f.i32(number).set(this.next).br(this.topLabel);
      return;
    }
    const back = this.graph.place[number]! <= this.graph.place[this.blockNumber]!, label = (back ? this.loops : this.targets).get(number);
    if (label === undefined) { this.emitHere(number); return; }
    const flags = back ? this.backFlags : this.forwardFlags;
    flags.set(number, flags.has(number) ? common(flags.get(number), this.knownFlags) : this.knownFlags);
    this.f.br(label);
  }

  protected lastPage(write: boolean, stack: boolean): SeenPage | undefined {
    if (!this.graph.depth[this.blockNumber]) return undefined;
    const group = accessGroup(this.insn, stack);
    if (!this.seenGroups.has(group)) return undefined;
    const name = `${group} ${write ? 'write' : 'read'}`;
    let seen = this.seen.get(name);
    if (!seen) this.seen.set(name, seen = { page: this.f.newLocal(Type.I64), addend: this.f.newLocal(Type.I32) });
    return seen;
  }

  /** Gives back what the block took from the budget for this instruction and those behind it, and points RIP at it. */
  private unwind(): void {
    const f = this.f;
    f.get(this.budget).i32(this.block.insns.length - this.position).op(Op.i32_add).set(this.budget);
    f.get(this.cpu).i64(this.insn.ip).memory(Op.i64_store, L.RIP);
  }
  protected exitFailed(): void {
    if (this.tentative) {
      this.f.op(Op.drop);
      this.handOver();
      return;
    }
    // -1 is a fault, -2 asks for the interpreter: the exit codes 1 and 2. Under an interrupt shadow 4 takes the place of 2.
    if (this.position === this.shadowed) this.f.set(this.code).get(this.code).get(this.code).op(Op.i32_mul).set(this.code);
    else this.f.i32(-1).op(Op.i32_mul).set(this.code);
    this.unwind();
    this.f.br(this.exitLabel);
  }
  protected exitWatched(): void {
    this.f.if();
    this.handOver();
    this.f.end();
  }
  exitFault(): void {
    this.f.i32(Exit.Fault).set(this.code);
    this.unwind();
    this.f.br(this.exitLabel);
  }
  /** The instruction is about to complete: an interrupt shadow that the one before has cast ends, and what it costs is charged. */
  private completed(): void {
    if (this.position === this.shadowed) this.f.get(this.cpu).i32(0).memory(Op.i32_store, L.SHADOW);
    this.charge((this.insn as Decoded).meaning.cycles);
  }
  jump(): void {
    this.completed();
    const rip = this.keep();
    if (this.insn.mnemonic === Mnemonic.Ret) {
      // Most calls of a region's own functions return into it.
      for (const number of this.returns) {
        this.f.get(rip).i64(this.blocks[number]!.start).op(Op.i64_eq).if();
        this.branchTo(number);
        this.f.end();
      }
    }
    this.f.get(this.cpu).get(rip).memory(Op.i64_store, L.RIP).i32(Exit.Next).set(this.code).br(this.exitLabel);
    this.f.release(rip);
    this.ended = true;
  }
  jumpDirect(): void {
    this.completed();
    this.goto(this.insn.target);
    this.ended = true;
  }
  branch(): void {
    this.completed();
    this.f.if();
    const number = this.labels.get(this.insn.target);
    if (number === undefined) this.leave(this.insn.target, Exit.Next);
    else this.branchTo(number);
    this.f.end();
    this.goto(this.insn.next);
    this.ended = true;
  }
  handOver(): void {
    // The interpreter would go on behind the instruction; its interrupt shadow must end there.
    this.f.i32(this.position === this.shadowed ? Exit.Event : Exit.Interpret).set(this.code);
    this.unwind();
    this.f.br(this.exitLabel);
  }

  /** Leaves the region with the instruction completed, in the middle of its block. */
  private leaveBehind(code: Exit): void {
    this.charge((this.insn as Decoded).meaning.cycles);
    this.region.pushBudgetBehind();
    this.f.set(this.budget);
    this.leave(this.insn.next, code);
  }

  /** Leaves the region behind an instruction that ends its block. */
  private end(label: Label): void {
    this.completed();
    this.f.if(Type.I32);
    this.f.i32(Exit.Event).else().i32(Exit.Next).end().set(this.code).br(label);
    this.ended = true;
  }

  readonly region: RegionControl = {
    event: () => this.leaveBehind(Exit.Event),
    refetch: () => this.leaveBehind(Exit.Next),
    end: () => this.end(this.exitLabel),
    endReturned: () => this.end(this.returnedLabel),
    pushBudgetBehind: () => {
      const behind = this.block.insns.length - this.position - 1;
      this.f.get(this.budget);
      if (behind) this.f.i32(behind).op(Op.i32_add);
    },
    pushBudget: () => { this.f.get(this.budget); },
    spend: () => {
      const f = this.f, steps = f.local(Type.I32);
      f.set(steps).get(this.budget).get(steps).op(Op.i32_sub).set(this.budget);
      f.release(steps);
    },
    translationChanged: () => {
      if (this.seenGroups.size) throw new Error(`${mnemonicName(this.insn.mnemonic)} changes the translation, and accessGroups.ts does not know it`);
      this.loadFastTable();
    },
    tentative: emit => {
      this.tentative = true;
      emit();
      this.tentative = false;
    },
    shadow: () => {
      const next = this.block.insns[this.position + 1];
      if (!next || !mayFollowShadow(next)) return false;
      this.shadowed = this.position + 1;
      return true;
    },
  };
}

/** True for instructions that leave a region only by failing, by being handed over, or by a branch. */
function mayFollowShadow(insn: Insn): boolean { return (!endsBlock(insn) || ENDS_BLOCK.has(insn.mnemonic)) && !LEAVES_BEHIND.has(insn.mnemonic); }
/** Instructions whose definitions leave a region by `event` or `refetch`. */
const LEAVES_BEHIND = new Set<Mnemonic>([Mnemonic.Sti, Mnemonic.Popfq, Mnemonic.Invlpg]);
