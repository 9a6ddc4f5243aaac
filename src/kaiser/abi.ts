import type { PagingFeatures, PhysicalReader } from '../paging/index.js';
import { defaultFeatures } from '../paging/index.js';
import type { Symbols } from '../symbols/index.js';
import { GuestMemory } from './guestMemory.js';
import { type Site, SITE_BYTES, SITE_ENTRY_SIZE, siteAnswer, siteForm, siteKind } from './sites.js';

/** `kaiserscope_abi` of the guest kernel: all fields are u64, in this order (guest/kaiser/abi.c). */
const fieldNames = ['magic', 'nrCpusAddress', 'percpuBaseAddress', 'offsetCurrent', 'offsetPid', 'offsetComm', 'offsetMm', 'offsetPgd', 'tasksHead', 'offsetNext',
  'offsetState', 'enabledAddress', 'flagAddress', 'designAddress', 'physmapBase', 'cpuEntryAreaBase', 'cpuEntryAreaStride', 'initPgdPhysicalAddress', 'sitesStart', 'sitesEnd',
  'offsetCpuWord', 'offsetLoadedMm', 'offsetOffline', 'mmListHead', 'initMmAddress', 'offsetMmNext', 'offsetMmContext', 'offsetMmGeneration', 'offsetFlushMask', 'offsetAsids', 'asidCount',
  'tlbUnansweredAddress', 'callUnansweredAddress', 'stopUnansweredAddress'] as const;

type Field = (typeof fieldNames)[number];

export type KaiserAbi = Readonly<Record<Field, bigint>>;

/** "KSCOPE", and the version of the layout in the low 16 bits. */
const MAGIC = 0x4b53_434f_5045_0003n;

/** More entries than any build of the guest has: a table of that size is none. */
const MAX_SITES = 64;

export interface GuestTask {
  /** Address of the task structure. */
  address: bigint;
  pid: number;
  comm: string;
  state: number;
  /** Physical address of the kernel half of its page tables; undefined for a kernel thread without an address space. */
  kernelRoot: bigint | undefined;
}

/** An address space of the guest. */
export interface GuestMm {
  /** Never used twice; a CPU's asids name whose translations they hold by it. */
  context: bigint;
  /** Counts the flushes that its changes have needed. */
  generation: bigint;
  /** Physical address of the kernel half of its tables. */
  kernelRoot: number;
}

/** What one CPU has noted about its TLB (guest/mm/tlb.c). */
export interface GuestTlbState {
  /** Bit n: the user PCID of kernel PCID n is flushed before its next use. */
  flushMask: bigint;
  /** Entry n is about PCID n + 1: whose translations it holds (0: nobody's), flushed up to which of that one's generations. */
  asids: readonly { context: bigint; generation: bigint }[];
}

/** Bit n of each: CPU n has not yet answered what another one waits for. */
export interface Unanswered { shootdown: number; call: number; stop: number }

export interface KaiserState {
  /** The toggle design's name, for example `stop_machine`; undefined before the kernel has chosen one. */
  design: string | undefined;
  /** The policy variable: 1 is on. */
  enabled: number | undefined;
  /** What the exits of a CPU find when they ask whether to switch: by the flag, by the CPU's own word, or by how the code is patched. */
  flag: number | undefined;
  /** How they ask. */
  asks: 'flag' | 'cpu word' | 'code' | undefined;
  /** Entries believe CR3 alone. */
  entryByCr3: boolean;
  /** Of the sites of one kind some switch and some do not, or one is an INT3: entry code is being patched. */
  halfPatched: boolean;
  /** Entries look at the CPU's word before SWAPGS: at what user mode has GS point at. */
  looksBeforeSwapgs: boolean;
  onlineCpus: number;
}

/** The ABI block of an image, or the reason why there is none, in words. */
export function readAbi(symbols: Symbols): KaiserAbi | string {
  const symbol = symbols.table.byName('kaiserscope_abi');
  if (!symbol) return `${symbols.image.name} has no symbol kaiserscope_abi: it is not the built-in kernel, so its tasks and its KAISER state are not known`;
  const bytes = symbols.bytesAt(symbol.address, fieldNames.length * 8);
  if (!bytes) return `kaiserscope_abi of ${symbols.image.name} has no bytes in the file`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = fieldNames.map((name, i) => [name, view.getBigUint64(i * 8, true)] as const);
  const abi = Object.fromEntries(entries) as Record<Field, bigint>;
  if (abi.magic !== MAGIC) {
    return `kaiserscope_abi of ${symbols.image.name} has the version 0x${abi.magic.toString(16)}, this debugger knows 0x${MAGIC.toString(16)}: build the kernel anew (make -C guest)`;
  }
  return abi;
}

/** Reads the guest's own structures from physical memory, whatever the CPUs are doing. */
export class GuestReader extends GuestMemory {
  /** A list longer than this is a list gone wrong. */
  private static readonly MAX_TASKS = 4096;

  private siteTable: readonly { address: bigint; kind: Site['kind'] }[] | undefined;
  private designName: { pointer: bigint; name: string | undefined } | undefined;

  constructor(readonly abi: KaiserAbi, symbols: Symbols, reader: PhysicalReader, features: PagingFeatures = defaultFeatures) {
    super({ physmapBase: abi.physmapBase, initRootAddress: abi.initPgdPhysicalAddress }, symbols, reader, features);
  }

  /** What the kernel says about its KAISER, and what its code on this CPU does. Fields are undefined where memory cannot be read. */
  state(cpu = 0): KaiserState {
    const sites = this.sites();
    const exit = sites.find(site => site.kind === 'to user')?.form;
    return {
      design: this.design(),
      enabled: this.enabled(),
      flag: exit === undefined ? this.u32(this.abi.flagAddress) : siteAnswer(exit, this.u32(this.abi.flagAddress), this.cpuWord(cpu)),
      asks: exit === undefined || exit === 'flag' ? 'flag' : exit === 'cpu word' ? 'cpu word' : 'code',
      // A test in the wrong place is one of the word all the same.
      halfPatched: (['to kernel', 'to user'] as const).some(kind => new Set(sites.filter(site => site.kind === kind).map(({ form }) => form === 'user GS' ? 'cpu word' : form)).size > 1),
      looksBeforeSwapgs: sites.some(site => site.form === 'user GS'),
      entryByCr3: sites.some(site => site.form === 'by CR3'),
      onlineCpus: Math.min(this.u32(this.abi.nrCpusAddress) ?? 0, 8),
    };
  }

  /** The name of the design, a text that never changes once it is chosen. */
  private design(): string | undefined {
    const pointer = this.u64(this.abi.designAddress);
    if (pointer === undefined || pointer === 0n) return undefined;
    if (this.designName?.pointer !== pointer) this.designName = { pointer, name: this.text(pointer, 32) };
    return this.designName.name;
  }

  /** The policy variable alone: for those who ask often. */
  enabled(): number | undefined { return this.u32(this.abi.enabledAddress); }

  /** The places in entry code that ask whether KAISER is on, as they are now; empty for a kernel without a table of them. */
  sites(): Site[] {
    const sites: Site[] = [];
    for (const { address, kind } of this.siteAddresses()) {
      const bytes = this.bytes(address, SITE_BYTES);
      if (bytes) sites.push({ address, kind, form: siteForm(kind, bytes) });
    }
    return sites;
  }

  /** Where they are: a table of the image, which nothing changes. */
  private siteAddresses(): readonly { address: bigint; kind: Site['kind'] }[] {
    if (this.siteTable) return this.siteTable;
    const { sitesStart, sitesEnd } = this.abi;
    const count = Number((sitesEnd - sitesStart) / BigInt(SITE_ENTRY_SIZE));
    const table = count > 0 && count <= MAX_SITES ? this.symbols.bytesAt(sitesStart, count * SITE_ENTRY_SIZE) : undefined;
    const found: { address: bigint; kind: Site['kind'] }[] = [];
    const view = table && new DataView(table.buffer, table.byteOffset, table.byteLength);
    for (let at = 0; view && at < view.byteLength; at += SITE_ENTRY_SIZE) {
      const kind = siteKind(view.getUint32(at + 16, true));
      if (kind) found.push({ address: view.getBigUint64(at, true), kind });
    }
    return this.siteTable = found;
  }

  /** The word of one CPU that designs with a state for each CPU test. */
  cpuWord(cpu: number): number | undefined {
    const address = this.cpuWordAddress(cpu);
    return address === undefined ? undefined : this.u32(address);
  }

  /** Where a CPU's own data is, which is its GS base in the kernel; undefined before it has any. */
  percpuBase(cpu: number): bigint | undefined {
    return this.u64(this.abi.percpuBaseAddress + BigInt(cpu * 8)) || undefined;
  }

  /** The CPU has been taken out of use, or is about to be. */
  isOffline(cpu: number): boolean {
    const base = this.percpuBase(cpu);
    return base !== undefined && ((this.u32(base + this.abi.offsetOffline) ?? 0) & 0xff) !== 0;
  }

  /** What a CPU has noted about its TLB; undefined before it has noted anything, and on kernels that do not say. */
  tlbState(cpu: number): GuestTlbState | undefined {
    const base = this.percpuBase(cpu), count = Number(this.abi.asidCount);
    const flushMask = base === undefined ? undefined : this.u64(base + this.abi.offsetFlushMask);
    if (base === undefined || flushMask === undefined || count < 1 || count > 64) return undefined;
    const asids = Array.from({ length: count }, (_, i) => {
      const at = base + this.abi.offsetAsids + BigInt(16 * i);
      return { context: this.u64(at) ?? 0n, generation: this.u64(at + 8n) ?? 0n };
    });
    return { flushMask, asids };
  }

  /** Every address space, the kernel's own first. A damaged list ends where it breaks. */
  mms(): GuestMm[] {
    const found: GuestMm[] = [];
    const seen = new Set<bigint>();
    for (let address = this.abi.initMmAddress; address !== 0n && !seen.has(address) && found.length < GuestReader.MAX_TASKS;) {
      seen.add(address);
      const pgd = this.u64(address + this.abi.offsetPgd), context = this.u64(address + this.abi.offsetMmContext), generation = this.u64(address + this.abi.offsetMmGeneration);
      const kernelRoot = pgd === undefined || pgd === 0n ? undefined : this.physical(pgd);
      if (context === undefined || generation === undefined) break;
      // Those without a context are not for processes and have no shadow half (guest/smp/bringup.c).
      if (kernelRoot !== undefined && context !== 0n) found.push({ context, generation, kernelRoot });
      address = (address === this.abi.initMmAddress ? this.u64(this.abi.mmListHead) : this.u64(address + this.abi.offsetMmNext)) ?? 0n;
    }
    return found;
  }

  /** Kernel halves of the tables of all tasks and of all address spaces on the list, in no order that means anything. */
  roots(): number[] {
    const found = new Set<number>();
    const seen = new Set<bigint>();
    for (let task = this.u64(this.abi.tasksHead) ?? 0n; task !== 0n && !seen.has(task) && seen.size < GuestReader.MAX_TASKS; task = this.u64(task + this.abi.offsetNext) ?? 0n) {
      seen.add(task);
      const root = this.rootOfTask(task);
      if (root !== undefined) found.add(root);
    }
    for (const mm of this.mms().slice(1)) found.add(mm.kernelRoot);
    return [...found];
  }

  /** Who owes an answer to whom. */
  unanswered(): Unanswered {
    const mask = (address: bigint): number => (address === 0n ? 0 : this.u32(address) ?? 0);
    return { shootdown: mask(this.abi.tlbUnansweredAddress), call: mask(this.abi.callUnansweredAddress), stop: mask(this.abi.stopUnansweredAddress) };
  }

  /** Where that word is. */
  cpuWordAddress(cpu: number): bigint | undefined {
    const base = this.u64(this.abi.percpuBaseAddress + BigInt(cpu * 8));
    return base === undefined || base === 0n ? undefined : base + this.abi.offsetCpuWord;
  }

  /**
   * Physical address of the kernel half that a CPU should have in CR3; undefined before the CPU has left the tables of the boot, and
   * on kernels that do not say.
   */
  loadedRoot(cpu: number): bigint | undefined {
    const base = this.u64(this.abi.percpuBaseAddress + BigInt(cpu * 8));
    const mm = base === undefined || base === 0n ? undefined : this.u64(base + this.abi.offsetLoadedMm);
    const pgd = mm === undefined || mm === 0n ? undefined : this.u64(mm + this.abi.offsetPgd);
    const root = pgd === undefined || pgd === 0n ? undefined : this.physical(pgd);
    return root === undefined ? undefined : BigInt(root);
  }

  /** The task that a CPU runs, or undefined before it has one. */
  currentTask(cpu: number): GuestTask | undefined {
    if (cpu < 0 || cpu >= 8) return undefined;
    const base = this.u64(this.abi.percpuBaseAddress + BigInt(cpu * 8));
    const current = base === undefined || base === 0n ? undefined : this.u64(base + this.abi.offsetCurrent);
    return current === undefined || current === 0n ? undefined : this.task(current);
  }

  /** Every task on the kernel's list, in its order. Empty before there are any; a damaged list ends where it breaks. */
  tasks(): GuestTask[] {
    const tasks: GuestTask[] = [];
    const seen = new Set<bigint>();
    let address = this.u64(this.abi.tasksHead);
    while (address !== undefined && address !== 0n && !seen.has(address) && tasks.length < GuestReader.MAX_TASKS) {
      seen.add(address);
      const task = this.task(address);
      if (!task) break;
      tasks.push(task);
      address = this.u64(address + this.abi.offsetNext);
    }
    return tasks;
  }

  /** Physical address of the kernel half of the first page tables (init's), or undefined before they exist. */
  initRoot(): bigint | undefined {
    return this.u64(this.abi.initPgdPhysicalAddress) || undefined;
  }

  private task(address: bigint): GuestTask | undefined {
    const pid = this.u32(address + this.abi.offsetPid);
    const comm = this.text(address + this.abi.offsetComm, 16);
    const state = this.u32(address + this.abi.offsetState);
    const mm = this.u64(address + this.abi.offsetMm);
    if (pid === undefined || comm === undefined || state === undefined || mm === undefined) return undefined;
    const root = this.rootOfTask(address);
    return { address, pid, comm, state, kernelRoot: root === undefined ? undefined : BigInt(root) };
  }

  private rootOfTask(task: bigint): number | undefined {
    const mm = this.u64(task + this.abi.offsetMm);
    return mm === undefined ? undefined : this.rootOfMm(mm);
  }

  /** Physical address of the kernel half of an address space, by the address of its structure. */
  rootOfMm(mm: bigint): number | undefined {
    const pgd = mm === 0n ? undefined : this.u64(mm + this.abi.offsetPgd);
    return pgd === undefined || pgd === 0n ? undefined : this.physical(pgd);
  }
}
