/**
 * The custom requests of docs/protocol.md as the extension uses them. Addresses and register values are hexadecimal
 * strings (`0x…`), positions are decimal strings: both may exceed what a JSON number holds exactly.
 */

/** The table that CR3 points to; `none` while paging is off. */
export type Half = 'kernel' | 'shadow' | 'none';

export interface CpuState {
  index: number;
  /** The DAP thread that stands for this CPU. */
  threadId: number;
  state: 'running' | 'halted' | 'waiting-for-sipi' | 'shutdown';
  rip: string;
  /** Symbol with offset at RIP, or empty. */
  symbol: string;
  cpl: number;
  mode: string;
  cr3: string;
  /** Physical address of the top-level table. */
  root: string;
  half: Half;
  pcid: number;
  task?: { pid: number; name: string };
  pagingOn: boolean;
  /** It gets no turns until it is released. */
  held: boolean;
  /** The guest has taken it out of use. */
  offline: boolean;
}

/** `kaiserscope/cpus` */
export interface CpusReply {
  cpus: CpuState[];
  position: string;
}

export interface AddressSpace {
  /** Stable over stops for the life of the address space. */
  id: string;
  /** Names of the tasks that use it. */
  tasks: string[];
  kernelRoot: string;
  shadowRoot: string | null;
  cpus: { index: number; half: Half }[];
}

/** `kaiserscope/addressSpaces` */
export interface AddressSpacesReply {
  spaces: AddressSpace[];
}

export interface AddressRange {
  start: string;
  /** The last address of the range plus one. */
  end: string;
  /** In words, such as `4 KiB`. */
  size: string;
  level: string | number;
  /** Effective rights, such as `rw-`. */
  rights: string;
  user: boolean;
  present: boolean;
  where: 'both' | 'kernel' | 'shadow' | 'differs';
  /** Where the no-execute poison sits, if it does. */
  poison?: string;
  description: string;
}

/** `kaiserscope/ranges` { root, other? } */
export interface RangesReply {
  ranges: AddressRange[];
}

export interface LevelRow {
  label: string;
  description: string;
  kind: 'table' | '2M' | '1G' | 'page' | 'absent-run';
  start: string;
  end: string;
  entry?: string;
  childTable?: string;
  childLevel?: number;
  tooltip?: string;
}

/** `kaiserscope/levels` { root, table?, level?, base? } */
export interface LevelsReply {
  rows: LevelRow[];
}

/** `kaiserscope/tableText` { root: '0x…' | 'kernel' | 'shadow', cpu? } and the text of `kaiserscope/walk` { address, root?, cpu? } */
export interface TextReply {
  text: string;
}

export interface EntryPoint {
  id: string;
  /** The path that it belongs to, such as `syscall64`. */
  path: string;
  kind: 'entry' | 'cr3' | 'exit';
  symbol: string;
  address: string;
  /** How entry code decides whether to make this write to CR3, as it is patched now. */
  asks?: 'flag' | 'cpu word' | 'user GS' | 'switches' | 'skips' | 'by CR3' | 'ignores CR3' | 'trap' | 'unknown';
  /** How often execution passed it, where the adapter counts. */
  hits?: number;
}

/** `kaiserscope/entryPoints` */
export interface EntryPointsReply {
  points: EntryPoint[];
}

export interface KaiserChange {
  position: string | number;
  cpu: number;
  from: number | boolean;
  to: number | boolean;
  how: string;
}

/** `kaiserscope/kaiser` */
export interface KaiserReply {
  available: boolean;
  design?: string;
  /** The policy: what the guest's file says. */
  enabled?: number | boolean;
  /** The word that entry code tests. */
  flag?: number | boolean;
  history?: KaiserChange[];
  /** Why it is not available. */
  message?: string;
}

/** `kaiserscope/toggle` { to? } */
export interface ToggleReply {
  /** The line that was typed at the guest's shell. */
  typed: string;
}

/** Custom requests by name, with their replies. */
export interface Requests {
  'kaiserscope/cpus': CpusReply;
  'kaiserscope/addressSpaces': AddressSpacesReply;
  'kaiserscope/ranges': RangesReply;
  'kaiserscope/levels': LevelsReply;
  'kaiserscope/tableText': TextReply;
  'kaiserscope/walk': TextReply;
  'kaiserscope/entryPoints': EntryPointsReply;
  'kaiserscope/kaiser': KaiserReply;
  'kaiserscope/toggle': ToggleReply;
  'kaiserscope/pokeFlag': unknown;
  'kaiserscope/holdCpu': unknown;
  'kaiserscope/injectNmi': unknown;
  'kaiserscope/consoleInput': unknown;
}

/** The custom event that says that a custom request would now answer differently, though nothing stopped. */
export const changedEvent = 'kaiserscope/changed';

/** The debug type of the manifest. */
export const debugType = 'kaiserscope';
