import { Mnemonic } from 'iced-x86';

/** What one event costs, and how that is known. */
export interface CycleCost {
  event: string;
  /** Clock cycles, those of its step included where the event is a step. */
  cycles: number;
  /** Title of the source, or `assumption` with the reason. */
  source: string;
}

const SKYBRIDGE = 'Mi et al., SkyBridge: Fast and Secure Inter-Process Communication for Microkernels, EuroSys 2019 (Skylake)';
const cost = (event: string, cycles: number, source: string): CycleCost => ({ event, cycles, source });

/**
 * The cycle model: what each event costs beside the plain instructions, which take STEP cycles each. It drives the time stamp counter
 * and nothing else: timers and the schedule go by steps. It knows no caches, no branch prediction and no overlap of instructions, so only
 * what KAISER changes (switches of mode and of address space, walks) is told apart.
 */
export const CYCLES = {
  step: cost('instruction (and each iteration of a string instruction)', 1, 'assumption: kernels complete about one instruction a cycle'),
  syscall: cost('SYSCALL', 82, SKYBRIDGE),
  sysret: cost('SYSRET', 75, SKYBRIDGE),
  swapgs: cost('SWAPGS', 26, SKYBRIDGE),
  sysenter: cost('SYSENTER', 82, 'assumption: as SYSCALL'),
  sysexit: cost('SYSEXIT', 90, 'A. Lutomirski, "x86/asm/entry/64/compat: Use SYSRETL to return from compat mode SYSENTER", Linux 4.1: '
    + 'half of the 30 cycles that are saved there; the rest are STI and POPF'),
  delivery: cost('delivery of an interrupt, an exception, INT n', 310, 'J. Stecklina, Kernel Entry Microbenchmarks: 610 cycles for an interrupt gate and back; '
    + 'how they divide is an assumption'),
  iret: cost('IRET', 300, 'the rest of those 610; A. Lutomirski, "x86_64, entry: Use sysret to return to userspace when possible", Linux 4.0: nearly 80 ns more than SYSRET'),
  cr3Keep: cost('MOV to CR3 that keeps the TLB (PCID, bit 63)', 125, `half of the 250 cycles by which KPTI with PCID lengthens a system call that does nothing: ${SKYBRIDGE}`),
  cr3Flush: cost('MOV to CR3 that flushes', 186, `${SKYBRIDGE}; the walks that follow cost extra`),
  controlWrite: cost('MOV to CR0, CR4', 186, 'assumption: serialising, as MOV to CR3'),
  invlpg: cost('INVLPG', 186, 'A. Shi, "x86/tlb: fall back to flush all when meet a THP large page", 2012: its time can compete with that of a write to CR3'),
  invpcid: cost('INVPCID', 350, 'D. Hansen, "x86 TLB flushing: INVPCID vs. deferred CR3 write", December 2017: about 350 cycles a page'),
  wrmsr: cost('WRMSR', 144, 'A. Sangiuliano, measurement of WRMSR to IA32_SYSENTER_ESP on a Core i7 between two RDTSC'),
  rdmsr: cost('RDMSR', 40, 'assumption: microcode, but not serialising'),
  cpuid: cost('CPUID', 100, 'A. Fog, Instruction tables, Skylake: 100 to 250'),
  ipi: cost('sending an interprocessor interrupt', 1603, `1,913 cycles until the other CPU is in its handler, less the delivery: ${SKYBRIDGE}`),
  walk: cost('miss of the TLB', 9, 'assumption: the second-level TLB is asked first'),
  walkLevel: cost('each paging-structure entry read by a walk', 5, 'Intel 64 and IA-32 Architectures Optimization Reference Manual, 2.4 (Skylake): latency of the '
    + 'first-level cache; that the entries are found there is an assumption'),
} as const satisfies Record<string, CycleCost>;

/** What costs no more than its step, although it does on a processor. */
export const UNCOUNTED: readonly { event: string; reason: string }[] = [
  { event: 'port and device accesses', reason: 'devices answer at once, and their clocks go by steps: a kernel that calibrates the time stamp counter with a timer must find the rate of both' },
  { event: 'RDTSC, RDTSCP', reason: 'a measurement does not measure itself, and a loop that waits for the counter goes at the rate of the timers' },
  { event: 'HLT, MWAIT, PAUSE', reason: 'while all CPUs are halted the clock goes on to the next timer by itself' },
  { event: 'WBINVD, CLFLUSH, fences', reason: 'there are no caches' },
  { event: 'a walk that ends in a page fault', reason: 'it is part of the delivery' },
];

/** Costs beyond the step, by mnemonic. What depends on more than the mnemonic is charged where it is done. */
const BY_MNEMONIC = new Map<Mnemonic, CycleCost>([
  [Mnemonic.Syscall, CYCLES.syscall], [Mnemonic.Sysret, CYCLES.sysret], [Mnemonic.Sysretq, CYCLES.sysret], [Mnemonic.Swapgs, CYCLES.swapgs],
  [Mnemonic.Sysenter, CYCLES.sysenter], [Mnemonic.Sysexit, CYCLES.sysexit], [Mnemonic.Sysexitq, CYCLES.sysexit],
  [Mnemonic.Int, CYCLES.delivery], [Mnemonic.Int1, CYCLES.delivery], [Mnemonic.Int3, CYCLES.delivery],
  [Mnemonic.Iret, CYCLES.iret], [Mnemonic.Iretd, CYCLES.iret], [Mnemonic.Iretq, CYCLES.iret],
  [Mnemonic.Invlpg, CYCLES.invlpg], [Mnemonic.Invpcid, CYCLES.invpcid], [Mnemonic.Wrmsr, CYCLES.wrmsr], [Mnemonic.Rdmsr, CYCLES.rdmsr],
  [Mnemonic.Cpuid, CYCLES.cpuid], [Mnemonic.Clts, CYCLES.controlWrite], [Mnemonic.Lmsw, CYCLES.controlWrite],
]);

/** Cycles that every completed instruction of a mnemonic takes beyond its step. */
export function instructionCycles(mnemonic: Mnemonic): number {
  const cost = BY_MNEMONIC.get(mnemonic);
  return cost ? beyondStep(cost) : 0;
}

/** Cycles of an event that is a step, beyond that step. */
export function beyondStep({ cycles }: CycleCost): number { return cycles - CYCLES.step.cycles; }

/** The same, as constants for the places where they are charged. */
export const DELIVERY_CYCLES = beyondStep(CYCLES.delivery);
export const CR3_KEEP_CYCLES = beyondStep(CYCLES.cr3Keep);
export const CR3_FLUSH_CYCLES = beyondStep(CYCLES.cr3Flush);
export const CONTROL_WRITE_CYCLES = beyondStep(CYCLES.controlWrite);
/** What a completed walk costs, and each entry that it has read. An event of no step. */
export const WALK_CYCLES = CYCLES.walk.cycles;
export const WALK_LEVEL_CYCLES = CYCLES.walkLevel.cycles;
export const IPI_CYCLES = CYCLES.ipi.cycles;
