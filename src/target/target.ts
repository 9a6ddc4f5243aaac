/**
 * Target: the one interface through which a debugger sees a machine. The emulated machine stands behind it
 * (`machineTarget.ts`); a gdb stub could. Addresses and 64-bit registers are bigints; positions are numbers
 * (steps completed machine-wide, exact up to 2^53).
 */
import type { CpuFeatures } from '../machine/cpu/features.js';
import type { TlbAppetite } from '../machine/memory/forgetting.js';

/** Everything a debugger shows of one CPU while the machine is stopped. */
export interface CpuInfo {
  index: number;
  /** What the CPU does; a shut-down CPU died of a triple fault. */
  state: 'running' | 'halted' | 'waiting-for-sipi' | 'shutdown';
  mode: 'real' | 'protected' | 'compatibility' | 'long';
  cpl: 0 | 1 | 2 | 3;
  rip: bigint;
  rsp: bigint;
  rbp: bigint;
  cr3: bigint;
  pagingOn: boolean;
  pcidEnabled: boolean;
}

export interface RegisterValue { name: string; value: bigint; bits: number; }

/**
 * A register as it is at each moment, for conditions that are asked a million times a second: its halves as signed 32-bit
 * numbers. Nothing is allocated.
 */
export interface RegisterSource { low(): number; high(): number; }

/** A group of registers, in the order of display. */
export interface RegisterGroup { id: 'general' | 'segments' | 'control' | 'msr' | 'debug'; name: string; registers: RegisterValue[]; }

/** Why the machine stopped. */
export type Stop =
  | { kind: 'breakpoint'; cpu: number; address: bigint }
  /** The CPU has accessed watched bytes; the instruction is done. */
  | { kind: 'watchpoint'; cpu: number; hits: readonly WatchpointHit[] }
  | { kind: 'step'; cpu: number }
  | { kind: 'pause'; cpu: number }
  | { kind: 'entry'; cpu: number }
  /** An exception is about to be delivered (state is that of before delivery), of a vector the debugger asked for. */
  | { kind: 'exception'; cpu: number; exception: ExceptionInfo }
  /** The CPU went into shutdown: delivery of the double fault failed (SDM Vol. 3A, 6.15 interrupt 8). */
  | { kind: 'shutdown'; cpu: number; exceptions: ExceptionInfo[] }
  /** The guest wrote the debug-exit port. */
  | { kind: 'exit'; cpu: number; code: number }
  /** Every CPU is halted with interrupts off or waits for SIPI and nothing can wake one. */
  | { kind: 'dead'; cpu: number; reason: string }
  /** An instruction or device access that the machine does not implement. */
  | { kind: 'unimplemented'; cpu: number; reason: string }
  /** A probe, an alarm or `RunOptions.each` said so; the CPU stands before its next instruction. */
  | { kind: 'probe'; cpu: number }
  /** The position given to `run` as a limit was reached. */
  | { kind: 'limit'; cpu: number };

export interface ExceptionInfo {
  cpu: number;
  vector: number;
  errorCode?: number;
  /** Linear address of a page fault. */
  address?: bigint;
  rip: bigint;
  cpl: number;
  cr3: bigint;
  /** The machine's position when it was raised. */
  position: number;
}

export interface RunOptions {
  /** Run only until this position (a Stop of kind `limit`). */
  until?: number;
  /**
   * Follows one CPU: after each of its steps `stop` is asked, and true ends the run with a Stop of kind `step`. All CPUs
   * run by the schedule as they would without it, so following changes nothing but the speed.
   */
  follow?: { cpu: number; stop: () => boolean };
  /** Asked after each step of any CPU, with its number; true ends the run with a Stop of kind `probe`. It too changes nothing but the speed. */
  each?: (cpu: number) => boolean;
  /** Leave the host's processor alone while the guest only waits, for sessions with a person in front of them. */
  restWhenIdle?: boolean;
}

/** How CPUs take turns: in order, or in an order and for lengths that come from the seed (0 to 2^32 - 1). */
export interface Schedule { kind: 'round-robin' | 'random'; seed: number; }

/** What a machine is made of. Everything in it decides the machine's run; nothing else does. */
export interface TargetConfiguration {
  /** The kernel, a file that boots by PVH or multiboot, and its name for messages. */
  image: Uint8Array;
  imageName: string;
  /** 1 to 8. */
  cpus: number;
  /** Bytes, a multiple of 4 KiB. */
  ramSize: number;
  commandLine: string;
  /** Files that are loaded beside the kernel, with the text that belongs to each. */
  modules?: readonly { bytes: Uint8Array; commandLine: string; name: string }[];
  /** The longest turn of a CPU, in instructions. */
  quantum: number;
  schedule: Schedule;
  /** What the CPUs have; they have all that is left out. */
  features: Partial<CpuFeatures>;
  /** How long TLBs keep translations; `retain` if left out. */
  tlb?: TlbAppetite;
  /** Of the numbers that RDRAND and RDSEED give: 0 to 2^32 - 1, 1 if left out. */
  seed?: number;
  /** Text that waits in the guest's console input from the start. */
  consoleInput: string;
}

/** A breakpoint on the execution of the instruction at a linear address, in any address space. */
export interface TargetBreakpoint {
  address: bigint;
  /** Asked each time the breakpoint is reached, before the instruction runs; false goes on at once. Must not change the machine. */
  condition?: (cpu: number) => boolean;
}

/** A breakpoint on accesses of code to bytes at a linear address, in any address space. */
export interface TargetWatchpoint {
  /** Which one was hit. */
  id: number;
  address: bigint;
  /** Bytes, 1 or more. */
  size: number;
  read: boolean;
  write: boolean;
  /** Asked after the instruction that accessed them; false goes on at once. Must not change the machine. */
  condition?: (cpu: number) => boolean;
}

/** An access to watched bytes; `linear` and `size` say what was accessed. */
export interface WatchpointHit { id: number; linear: bigint; size: number; write: boolean; }

/** A translation that a CPU holds: what it uses whether or not the tables still say so. */
export interface TlbEntry {
  /** First linear address of the page. */
  linear: bigint;
  /** PCID under which it was made; a global entry serves every PCID. */
  pcid: number;
  global: boolean;
  /** Bytes of the page. */
  size: number;
  /** Physical address of the page. */
  frame: number;
  rights: { user: boolean; write: boolean; execute: boolean };
}

/** What a probe calls, with the CPU that comes by; 'stop' as the answer stops the machine. */
export type ProbeListener = (cpu: number) => unknown;

export interface DisassembledInstruction { address: bigint; bytes: Uint8Array; text: string; }

export interface Target {
  readonly cpuCount: number;
  /** RAM size in bytes. */
  readonly ramSize: number;
  readonly position: number;
  /** The position at which the turn that is under way began: since then no other CPU has done a step. */
  readonly turnBegan: number;
  /** True between `run` and its stop. */
  readonly running: boolean;
  cpu(index: number): CpuInfo;
  registers(cpu: number): RegisterGroup[];
  /** Any register by its lower-case name (rax, eax, al, rip, rflags, cr3, fs_base, efer, lstar, ...); undefined if there is none. */
  readRegister(cpu: number, name: string): bigint | undefined;
  /** The same register to be read again and again; undefined if there is none of the name, or none in this form. */
  registerSource(cpu: number, name: string): RegisterSource | undefined;
  /** Throws an Error with a message for the user if the register does not exist or refuses the value. */
  writeRegister(cpu: number, name: string, value: bigint): void;
  /** Everything in the CPU's TLB, in no order that means anything. */
  tlb(cpu: number): readonly TlbEntry[];
  /** Reads through the CPU's current page tables without setting A/D or filling the TLB; undefined where a byte does not translate. `root` walks another CR3. */
  readMemory(cpu: number, address: bigint, size: number, root?: bigint): Uint8Array | undefined;
  /** Writes as the debugger: ignores page permissions, invalidates translated code. False if nothing was written since a byte does not translate. */
  writeMemory(cpu: number, address: bigint, data: Uint8Array, root?: bigint): boolean;
  /** Physical memory; undefined outside RAM. */
  readPhysical(address: number, size: number): Uint8Array | undefined;
  /** Unsigned 64-bit little-endian word of physical memory as [low, high] halves would cost; for page walks. Undefined outside RAM. */
  physicalView(): DataView;
  /** The instruction at an address as it is in memory; undefined where it does not translate or decode. */
  disassemble(cpu: number, address: bigint, count: number, root?: bigint): DisassembledInstruction[];

  /**
   * Replaces all breakpoints. A CPU that the last stop was about, and that stands at a breakpoint, passes it when the
   * machine runs on; others stop at it.
   */
  setBreakpoints(breakpoints: readonly TargetBreakpoint[]): void;
  /** Replaces all watchpoints. Throws an Error with a message for the user for a range that is empty or goes beyond the last address. */
  setWatchpoints(watchpoints: readonly TargetWatchpoint[]): void;
  /**
   * At which exceptions to stop before delivery.
   * @param quietPageFaults a bit for each error code (0-31) of page faults at CPL 3 that the filter need not see, unless the same
   *   fault, with the same general registers, has been among the CPU's last four exceptions: those cost nothing
   */
  setExceptionStops(filter: (exception: ExceptionInfo) => boolean, quietPageFaults?: number): void;
  /** Runs until something stops it; resolves with the reason. Yields to the host's event loop every few milliseconds, so `pause` works. */
  run(options?: RunOptions): Promise<Stop>;
  /** Makes a running machine stop soon with kind `pause`. */
  pause(): void;
  /** One instruction (or the delivery of one event) on that CPU; other CPUs stand still. */
  step(cpu: number): Stop;
  injectNmi(cpu: number): void;
  /** A machine check before the CPU's next instruction: #MC, or a shutdown where CR4.MCE is clear. */
  injectMachineCheck(cpu: number): void;
  /** Gives a CPU no turns, from before its next instruction on, until it is released. It can be stepped all the same. */
  hold(cpu: number, held: boolean): void;
  isHeld(cpu: number): boolean;

  /** Console: text for the guest's UART, and the guest's output. */
  consoleInput(text: string): void;
  onConsole(listener: (text: string) => void): void;
  /** The last exceptions delivered on that CPU, oldest first (a few dozen are kept). */
  recentExceptions(cpu: number): readonly ExceptionInfo[];
  /**
   * Calls `listener` when execution passes the address, before the instruction. For histories and counts; it stops the machine (a Stop of
   * kind `probe`) only if it says `stop`.
   */
  addProbe(address: bigint, listener: ProbeListener): { dispose(): void };
  /**
   * Calls `listener` once, when the machine has completed exactly so many steps. It stops the machine only if it says `stop`. A position that is past is
   * never reached.
   */
  addAlarm(position: number, listener: () => unknown): { dispose(): void };
  /** 64-bit hash of everything that decides the machine's future, as 16 hex digits. */
  stateHash(): string;
}
