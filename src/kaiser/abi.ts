import type { PagingFeatures, PhysicalReader } from '../paging/index.js';
import { defaultFeatures, walk } from '../paging/index.js';
import { PT_LOAD, type Symbols } from '../symbols/index.js';
import { type Site, SITE_BYTES, SITE_ENTRY_SIZE, siteAnswer, siteForm, siteKind } from './sites.js';

/** `kaiserscope_abi` of the guest kernel: all fields are u64, in this order (guest/kaiser/abi.c). */
const fieldNames = ['magic', 'nrCpusAddress', 'percpuBaseAddress', 'offsetCurrent', 'offsetPid', 'offsetComm', 'offsetMm', 'offsetPgd', 'tasksHead', 'offsetNext',
  'offsetState', 'enabledAddress', 'flagAddress', 'designAddress', 'physmapBase', 'cpuEntryAreaBase', 'cpuEntryAreaStride', 'initPgdPhysicalAddress', 'sitesStart', 'sitesEnd',
  'offsetCpuWord', 'offsetLoadedMm'] as const;

type Field = (typeof fieldNames)[number];

export type KaiserAbi = Readonly<Record<Field, bigint>>;

/** "KSCOPE", and the version of the layout in the low 16 bits. */
const MAGIC = 0x4b53_434f_5045_0002n;

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

/**
 * Reads the guest's own structures from physical memory, whatever the CPUs are doing: kernel-image addresses lie where
 * the image was loaded, direct-map addresses at a fixed distance; all else goes through the kernel's first page table.
 */
export class GuestReader {
  /** A list longer than this is a list gone wrong. */
  private static readonly MAX_TASKS = 4096;

  constructor(readonly abi: KaiserAbi, private readonly symbols: Symbols, private readonly reader: PhysicalReader,
    private readonly features: PagingFeatures = defaultFeatures) {}

  /** What the kernel says about its KAISER, and what its code on this CPU does. Fields are undefined where memory cannot be read. */
  state(cpu = 0): KaiserState {
    const name = this.u64(this.abi.designAddress);
    const sites = this.sites();
    const exit = sites.find(site => site.kind === 'to user')?.form;
    return {
      design: name === undefined || name === 0n ? undefined : this.text(name, 32),
      enabled: this.u32(this.abi.enabledAddress),
      flag: exit === undefined ? this.u32(this.abi.flagAddress) : siteAnswer(exit, this.u32(this.abi.flagAddress), this.cpuWord(cpu)),
      asks: exit === undefined || exit === 'flag' ? 'flag' : exit === 'cpu word' ? 'cpu word' : 'code',
      halfPatched: (['to kernel', 'to user'] as const).some(kind => new Set(sites.filter(site => site.kind === kind).map(site => site.form)).size > 1),
      entryByCr3: sites.some(site => site.form === 'by CR3'),
      onlineCpus: Math.min(this.u32(this.abi.nrCpusAddress) ?? 0, 8),
    };
  }

  /** The places in entry code that ask whether KAISER is on, as they are now; empty for a kernel without a table of them. */
  sites(): Site[] {
    const { sitesStart, sitesEnd } = this.abi;
    const count = Number((sitesEnd - sitesStart) / BigInt(SITE_ENTRY_SIZE));
    const table = count > 0 && count <= MAX_SITES ? this.bytes(sitesStart, count * SITE_ENTRY_SIZE) : undefined;
    if (!table) return [];
    const view = new DataView(table.buffer, table.byteOffset);
    const sites: Site[] = [];
    for (let at = 0; at < table.length; at += SITE_ENTRY_SIZE) {
      const address = view.getBigUint64(at, true), kind = siteKind(view.getUint32(at + 16, true));
      const bytes = kind && this.bytes(address, SITE_BYTES);
      if (bytes) sites.push({ address, kind, form: siteForm(kind, bytes) });
    }
    return sites;
  }

  /** The word of one CPU that designs with a state for each CPU test. */
  cpuWord(cpu: number): number | undefined {
    const address = this.cpuWordAddress(cpu);
    return address === undefined ? undefined : this.u32(address);
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

  /** The physical address of a kernel address, or undefined. */
  physical(address: bigint): number | undefined {
    const linear = BigInt.asUintN(64, address);
    const inRam = (candidate: bigint): number | undefined => (candidate >= 0n && candidate < BigInt(this.reader.size) ? Number(candidate) : undefined);
    for (const segment of this.symbols.image.programHeaders) {
      const offset = linear - segment.virtualAddress;
      // User programs are linked low and lie elsewhere once exec has copied them.
      if (segment.type === PT_LOAD && segment.virtualAddress >> 63n !== 0n && offset >= 0n && offset < BigInt(segment.memorySize)) return inRam(segment.physicalAddress + offset);
    }
    const direct = linear - this.abi.physmapBase;
    if (this.abi.physmapBase !== 0n && direct >= 0n && direct < BigInt(this.reader.size)) return Number(direct);
    const root = this.u64Physical(this.abi.initPgdPhysicalAddress);
    if (root === undefined || root === 0n) return undefined;
    const { result } = walk(this.reader, Number(root), linear, this.features);
    return result.kind === 'mapped' ? inRam(BigInt(result.physical)) : undefined;
  }

  private task(address: bigint): GuestTask | undefined {
    const pid = this.u32(address + this.abi.offsetPid);
    const comm = this.text(address + this.abi.offsetComm, 16);
    const state = this.u32(address + this.abi.offsetState);
    const mm = this.u64(address + this.abi.offsetMm);
    if (pid === undefined || comm === undefined || state === undefined || mm === undefined) return undefined;
    const pgd = mm === 0n ? undefined : this.u64(mm + this.abi.offsetPgd);
    const root = pgd === undefined || pgd === 0n ? undefined : this.physical(pgd);
    return { address, pid, comm, state, kernelRoot: root === undefined ? undefined : BigInt(root) };
  }

  /** Bytes at a kernel address; undefined where a page of them cannot be read. */
  bytes(address: bigint, size: number): Uint8Array | undefined {
    const result = new Uint8Array(size);
    for (let done = 0; done < size;) {
      const at = this.physical(address + BigInt(done));
      const page = at === undefined ? undefined : this.reader.page(at - (at % 4096));
      if (at === undefined || !page) return undefined;
      const offset = at % 4096;
      const count = Math.min(4096 - offset, size - done);
      result.set(new Uint8Array(page.buffer, page.byteOffset + offset, count), done);
      done += count;
    }
    return result;
  }

  private u64(address: bigint): bigint | undefined {
    const bytes = this.bytes(address, 8);
    return bytes && new DataView(bytes.buffer).getBigUint64(0, true);
  }

  private u32(address: bigint): number | undefined {
    const bytes = this.bytes(address, 4);
    return bytes && new DataView(bytes.buffer).getUint32(0, true);
  }

  /** A NUL-terminated text of printable characters; undefined for anything else. */
  private text(address: bigint, limit: number): string | undefined {
    // Byte by byte, since the text may end right before a page that cannot be read.
    let text = '';
    for (let i = 0; i < limit; i++) {
      const byte = this.bytes(address + BigInt(i), 1)?.[0];
      if (byte === undefined || (byte !== 0 && (byte < 0x20 || byte > 0x7e))) return undefined;
      if (byte === 0) return text;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** A word of the kernel image, without the way through page tables that would lead back here. */
  private u64Physical(address: bigint): bigint | undefined {
    for (const segment of this.symbols.image.programHeaders) {
      const offset = address - segment.virtualAddress;
      if (segment.type !== PT_LOAD || offset < 0n || offset >= BigInt(segment.memorySize)) continue;
      const at = Number(segment.physicalAddress + offset);
      const page = this.reader.page(at - (at % 4096));
      return page && new DataView(page.buffer, page.byteOffset).getBigUint64(at % 4096, true);
    }
    return undefined;
  }
}
