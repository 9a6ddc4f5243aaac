import type { GuestMemory } from '../memory/guestMemory.js';
import { CODE_MAP_BASE, CODE_MAP_ENTRIES, CODE_MAP_ENTRY_SIZE, PAGE_SIZE, RAM_BASE } from '../memory/layout.js';
import * as M from './codeMap.js';
import { MAX_INSTRUCTION } from './decode.js';
import type { Decoded } from './decoded.js';
import type { FunctionTable } from './functionTable.js';

/** A decoded straight run of instructions within one page (or one instruction across two). */
export interface Block {
  /** Linear address of the first instruction. */
  linear: bigint;
  /** By which the dispatcher finds it, see `codeTag`. */
  tag: bigint;
  /** Host address of the page | MODE, as the code map has it. */
  key: number;
  /** Bytes of code, if it lies in one page. */
  length: number;
  /** Number of its instructions, and their records. */
  count: number;
  records: number;
  /** The bytes from which records were made without decoding them; those in memory may have changed. */
  bytes?: Uint8Array;
  /** Index of the region that starts here, 0 if it is not translated. */
  region: number;
  /** M_BREAKPOINT, M_CROSSING. */
  flags: number;
  /** For M_CROSSING: host address of the second page. */
  secondPage: number;
  queued: boolean;
}

/** All decoded blocks: by the dispatcher's tag, and by the physical pages that their bytes are in. */
export class BlockStore {
  /** Blocks that have a translation. */
  regions = 0;
  private readonly byTag = new Map<bigint, Block[]>();
  private readonly byPage = new Map<number, Set<Block>>();
  private readonly decoded = new Map<number, Map<number, Decoded>>();

  constructor(private readonly memory: GuestMemory, private readonly functions: FunctionTable) {}

  /** The block with that tag and key, whether the code map has it or not. */
  find(tag: bigint, key: number): Block | undefined { return this.byTag.get(tag)?.find(b => b.key === key); }
  has(block: Block): boolean { return this.byTag.get(block.tag)?.includes(block) ?? false; }
  *[Symbol.iterator](): IterableIterator<Block> { for (const list of [...this.byTag.values()]) yield* [...list]; }

  /**
   * Instructions that have been decoded from the page at `host`, by host address; what counts is only that with the right `ip` and
   * `mode`. They are forgotten with the page's blocks, so who decodes adds a block.
   */
  instructions(host: number): Map<number, Decoded> {
    const number = host - RAM_BASE >>> 12;
    let page = this.decoded.get(number);
    if (!page) this.decoded.set(number, page = new Map());
    return page;
  }

  add(block: Block): void {
    const list = this.byTag.get(block.tag);
    if (list) list.push(block);
    else this.byTag.set(block.tag, [block]);
    const [first, second] = this.pagesOf(block), offset = Number(block.linear & 0xfffn);
    this.addTo(first!, block, offset, second === undefined ? block.length : PAGE_SIZE - offset);
    if (second !== undefined) this.addTo(second, block, 0, MAX_INSTRUCTION);
  }

  private addTo(page: number, block: Block, from: number, length: number): void {
    const set = this.byPage.get(page);
    if (set) set.add(block);
    else this.byPage.set(page, new Set([block]));
    this.memory.markCode(page, from, length);
  }

  /** The block that the code map has for that tag. */
  installed(tag: bigint): Block | undefined {
    const key = this.memory.view.getInt32(M.entryAddress(Number(tag & 0xffffffffn)) + M.M_KEY, true);
    return this.byTag.get(tag)?.find(b => b.key === key);
  }

  /** Enters the block into the code map. */
  install(block: Block): void {
    const view = this.memory.view, at = M.entryAddress(Number(block.linear & 0xffffffffn));
    view.setBigUint64(at + M.M_TAG, block.tag, true);
    view.setInt32(at + M.M_KEY, block.key, true);
    view.setInt32(at + M.M_RECORDS, block.records, true);
    view.setInt32(at + M.M_COUNT, block.count, true);
    view.setInt32(at + M.M_FUNCTION, block.region, true);
    view.setInt32(at + M.M_HITS, 0, true);
    view.setInt32(at + M.M_FLAGS, block.flags, true);
  }

  /** Forgets a block and its translation. */
  drop(block: Block): void {
    const list = this.byTag.get(block.tag);
    if (list) {
      const rest = list.filter(b => b !== block);
      if (rest.length) this.byTag.set(block.tag, rest);
      else this.byTag.delete(block.tag);
    }
    const view = this.memory.view, at = M.entryAddress(Number(block.linear & 0xffffffffn));
    if (view.getBigUint64(at + M.M_TAG, true) === block.tag && view.getInt32(at + M.M_KEY, true) === block.key) {
      view.setBigInt64(at + M.M_TAG, -1n, true);
      view.setInt32(at + M.M_KEY, -1, true);
    }
    for (const page of this.pagesOf(block)) this.byPage.get(page)?.delete(block);
    this.freeRegion(block);
    block.queued = true;
  }

  private freeRegion(block: Block): void {
    if (!block.region) return;
    this.functions.remove(block.region);
    block.region = 0;
    this.regions--;
  }

  private pagesOf(block: Block): number[] {
    const first = (block.key & -PAGE_SIZE) - RAM_BASE >>> 12;
    return block.secondPage >= 0 ? [first, block.secondPage - RAM_BASE >>> 12] : [first];
  }

  /** Gives a block its translation, at that index of the function table. */
  translated(block: Block, region: number): void {
    block.region = region;
    this.regions++;
    if (this.installed(block.tag) === block) this.install(block);
  }

  /** Forgets everything that was decoded from a physical page. */
  dropPage(page: number): void {
    for (const block of [...this.byPage.get(page) ?? []]) this.drop(block);
    this.byPage.delete(page);
    this.decoded.delete(page);
    this.memory.clearCode(page);
  }

  /** Forgets everything. */
  clear(): void {
    this.memory.i32.fill(-1, CODE_MAP_BASE >> 2, CODE_MAP_BASE + CODE_MAP_ENTRIES * CODE_MAP_ENTRY_SIZE >> 2);
    this.memory.clearAllCode();
    for (const block of this) this.freeRegion(block);
    this.byTag.clear();
    this.byPage.clear();
    this.decoded.clear();
  }
}
