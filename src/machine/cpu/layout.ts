/**
 * Fields of a CPU's state, as byte offsets from the CPU's base address (`memory/layout.ts`).
 * Translated code addresses them as constants, TypeScript through `CpuState`.
 */

/** RAX RCX RDX RBX RSP RBP RSI RDI R8..R15, 8 bytes each, in the order of the encoding. */
export const GPR = 0x000;
export const RIP = 0x080;
/** Operands of the last flag-setting instruction (see `translate/flags.ts`). */
export const CC_DST = 0x088;
export const CC_SRC = 0x090;
export const CC_OP = 0x098;
/** RFLAGS without CF PF AF ZF SF OF, which live in CC_*. i32. */
export const FLAGS = 0x09c;
/** Steps that may still complete in this turn. i32. */
export const BUDGET = 0x0a0;
/** What instruction decoding and translation depend on: see `CodeMode`. i32. */
export const MODE = 0x0a4;
/** Address of the fast table for the current privilege, combined with FAST_INDEX: what the entry's place for the page 0 is (`memory/fastTable.ts`). i32. */
export const FAST_TABLE = 0x0a8;
/** Mixed into the index of the fast table, derived from the context id; already shifted to a byte offset. i32. */
export const FAST_INDEX = 0x0ac;
/** The 12-bit context id that tags fast entries: one for each live (PCID, flush generation). i64. */
export const FAST_CONTEXT = 0x0b0;
/** The CPU's number. i32. */
export const CPU_INDEX = 0x0b8;
/** Constantly zero, as the base of operands that have none. i64. */
export const ZERO = 0x0c0;

/** Segment registers: ES CS SS DS FS GS LDTR TR, SEG_SIZE bytes each. */
export const SEG = 0x100;
export const SEG_SIZE = 0x20;
/** In a segment: selector u16 (as i32), access rights i32 (descriptor bits 40-55 shifted down: type 0-3, S 4, DPL 5-6, P 7, AVL 12, L 13, D/B 14, G 15), limit u32 in bytes (scaled), base i64. */
export const SEG_SELECTOR = 0x00;
export const SEG_RIGHTS = 0x04;
export const SEG_LIMIT = 0x08;
export const SEG_BASE = 0x10;
export const enum Seg { ES = 0, CS = 1, SS = 2, DS = 3, FS = 4, GS = 5, LDTR = 6, TR = 7 }

export const CR0 = 0x200;
export const CR2 = 0x208;
export const CR3 = 0x210;
export const CR4 = 0x218;
/** TPR bits 7:4. */
export const CR8 = 0x220;
export const EFER = 0x228;
/** DR0-DR7, 8 bytes each (4 and 5 unused). */
export const DR = 0x230;
export const STAR = 0x270;
export const LSTAR = 0x278;
export const CSTAR = 0x280;
export const SFMASK = 0x288;
export const KERNEL_GS_BASE = 0x290;
export const TSC_AUX = 0x298;
export const SYSENTER_CS = 0x2a0;
export const SYSENTER_ESP = 0x2a8;
export const SYSENTER_EIP = 0x2b0;
export const APIC_BASE = 0x2b8;
export const PAT = 0x2c0;
/** Added to the machine's clock cycles to give the TSC. */
export const TSC_OFFSET = 0x2c8;
export const MISC_ENABLE = 0x2d0;
export const GDTR_BASE = 0x2d8;
export const GDTR_LIMIT = 0x2e0;
export const IDTR_BASE = 0x2e8;
export const IDTR_LIMIT = 0x2f0;
/** Debug conditions that have been met and wait for their #DB, as bits of DR6 (B0-B3, BS): see `debug.ts`. i32. */
export const PENDING_DEBUG = 0x2f8;
/** Machine checks: bit 0 if one waits, bits 8-10 IA32_MCG_STATUS (RIPV, EIPV, MCIP). i32. */
export const MACHINE_CHECK = 0x2fc;

/** What the CPU does: see `RunState`. i32. */
export const RUN_STATE = 0x300;
/** Non-zero while NMIs are blocked (from delivery of an NMI to the next IRET). i32. */
export const NMI_BLOCKED = 0x304;
/** Non-zero if an NMI is pending. i32. */
export const NMI_PENDING = 0x308;
/**
 * Non-zero for the one instruction after STI (1), MOV SS or POP SS (SHADOW_STACK): no interrupts are taken, after the latter
 * two no debug traps either (SDM Vol. 3A, 6.8.3). i32.
 */
export const SHADOW = 0x30c;
export const SHADOW_STACK = 2;
/** Set by a memory access that failed; the run loop delivers it. FAULT_VECTOR is -1 if there is none. i32 each. */
export const FAULT_VECTOR = 0x310;
export const FAULT_ERROR = 0x314;
/** 1 if FAULT_ERROR is to be pushed. i32. */
export const FAULT_HAS_ERROR = 0x318;
/** Linear address of a page fault; goes to CR2 upon delivery. i64. */
export const FAULT_ADDRESS = 0x320;
/** Startup vector received by SIPI. i32. */
export const SIPI_VECTOR = 0x328;
/** Instructions completed plus events delivered by this CPU, as a float64. */
export const STEPS = 0x330;
/** How the last MWAIT waits, for a CPU that is halted; 0 if HLT halted it. i32. */
export const MWAIT = 0x338;
/** Values of MWAIT: an interrupt ends the wait if RFLAGS.IF is set, or in any case. */
export const MWAIT_OPEN = 1, MWAIT_MASKED = 2;
/** Non-zero while the interpreter executes a single instruction: `Mmu.resolve` then serves accesses that are not plain RAM. i32. */
export const STEPPING = 0x340;
/** Stores that wait in SCRATCH for `Mmu.flushPending` after the instruction. i32. */
export const PENDING = 0x344;
/** Linear address whose breakpoint is passed over once, -1 for none: that of the last breakpoint stop. i64. */
export const RESUME = 0x348;
/** Non-zero from an IRET that faults to the delivery of its fault, which unblocks NMIs (SDM Vol. 3A, 6.7.1). i32. */
export const NMI_UNBLOCK = 0x350;

/** Non-zero while an instruction executes that began with RFLAGS.TF set and is to be followed by a debug trap. i32. */
export const SINGLE_STEP = 0x354;
/** The BUDGET at which RFLAGS.RF was set: RF counts only until an instruction has completed since (see `debug.ts`). i32. */
export const RESUME_MARK = 0x35c;

/**
 * Derived, not hashed: non-zero if the local APIC would deliver an interrupt now. The run loop sets it at the beginning of a turn and
 * after each instruction that TypeScript has had a hand in, so translated code that sets IF need not ask. i32.
 */
export const EVENT_WAITS = 0x358;

/** XMM0-15, 16 bytes each; MXCSR. */
export const XMM = 0x400;
export const MXCSR = 0x500;
/** x87 registers R0-R7 by their physical number, not relative to TOP: 16 bytes each, of which the 10 low ones count. */
export const X87 = 0x510;
/** x87 control, status and full tag word (2 bits a register, by physical number), and opcode of the last instruction. i32 each. */
export const X87_CONTROL = 0x590;
export const X87_STATUS = 0x594;
export const X87_TAGS = 0x598;
export const X87_OPCODE = 0x59c;
/** Last x87 instruction and data pointer, i64 each, and their selectors, i32 each. */
export const X87_IP = 0x5a0;
export const X87_DATA = 0x5a8;
export const X87_CS = 0x5b0;
export const X87_DS = 0x5b4;
/** XCR0, PKRU (i32), IA32_TSC_DEADLINE, the state of RDRAND's generator, the line armed by MONITOR (physical, plus 1; 0 for none). */
export const XCR0 = 0x5b8;
export const PKRU = 0x5c0;
export const TSC_DEADLINE = 0x5c8;
export const RANDOM_STATE = 0x5d0;
export const MONITOR_ADDRESS = 0x5d8;
/** PDPTE registers 0-3 of PAE paging, 8 bytes each (SDM Vol. 3A, 4.4.1). */
export const PDPTE = 0x5e0;
/** Clock cycles that events of this CPU have cost beyond their steps (`cycles/model.ts`), part of the time stamp counter. i64. */
export const EXTRA_CYCLES = 0x600;

/** All architectural state lies below this offset; the state hash covers it (fields that are caches excepted). */
export const STATE_END = 0x608;

/** Not hashed: what SCAS or CMPS has compared last (`emitted/strings.ts`). i64 each. */
export const STRING_FIRST = 0x610;
export const STRING_SECOND = 0x618;

/**
 * Not hashed: for exception number n of the CPU at n % QUIET_LOOKED_BACK a digest of the general registers, if it was a page fault at CPL 3 that
 * nobody is asked about and like one of the QUIET_LOOKED_BACK exceptions before it. i64 each.
 */
export const QUIET_DIGESTS = 0x6e0;
export const QUIET_LOOKED_BACK = 4;

/**
 * Not hashed: the last exceptions of the CPU, EXCEPTION_SIZE bytes each (X_*), number n at n % EXCEPTIONS_KEPT, and how many there have
 * been (i32): see `cpu/exceptionRing.ts`. A count of EXCEPTION_COUNT_MAX goes on at EXCEPTION_COUNT_RESET.
 */
export const EXCEPTIONS = 0x700;
export const EXCEPTIONS_KEPT = 32;
export const EXCEPTION_SIZE = 0x30;
export const EXCEPTION_COUNT = 0xd00;
export const EXCEPTION_COUNT_MAX = 1 << 30, EXCEPTION_COUNT_RESET = 1 << 29;
/** Of an exception: vector, error code, 1 if it has one, CPL (i32 each); linear address of a page fault, RIP, CR3 (i64 each); the machine's position (f64). */
export const X_VECTOR = 0x00, X_ERROR = 0x04, X_HAS_ERROR = 0x08, X_CPL = 0x0c, X_ADDRESS = 0x10, X_RIP = 0x18, X_CR3 = 0x20, X_POSITION = 0x28;
/** Not hashed: a bit for each vector whose exceptions are delivered without asking anybody. i32. */
export const PLAIN_VECTORS = 0xd04;
/** Not hashed: a bit for each error code (0-31) of page faults at CPL 3 that nobody is asked about either, unless the same has just been with the same registers. i32. */
export const QUIET_PAGE_FAULTS = 0xd10;
/**
 * Not hashed: which fast entries of context FAST_GLOBALS_CONTEXT (i32) may come from global TLB entries. Bit n of FAST_GLOBALS (i64) is set if
 * there may be one for an address whose bits 26:21 are n. Nothing is known of other contexts.
 */
export const FAST_GLOBALS = 0xd18;
export const FAST_GLOBALS_CONTEXT = 0xd14;
/** Not hashed: the machine's position at which BUDGET will be 0, while translated code runs. f64. */
export const BUDGET_END = 0xd08;

/**
 * Not hashed: what the last usual delivery of a page fault from an outer level, and the last usual IRETQ to one, have found and computed, beside
 * what they have found it by (`emitted/remembered.ts`). The first word of each (i32) is NOTHING_REMEMBERED if nothing is.
 */
export const REMEMBERED_DELIVERY = 0xd20;
export const REMEMBERED_RETURN = 0xe10;
export const REMEMBERED_END = 0xee8;
export const NOTHING_REMEMBERED = -1;
/** Not hashed: the code map's entry of the block with which the last exception's handler has begun, 0 for none. i32. */
export const HANDLER_ENTRY = 0xee8;
/** Not hashed: written by the dispatcher where nothing is to be remembered. i32. */
export const NO_ENTRY = 0xeec;

/** Not hashed: RIP where the last turn of the CPU ended because its budget did, -1 if it ended otherwise. i64. */
export const TURN_CUT = 0xef0;
/**
 * Not hashed: CodeMode.Watched if the CPU has data watchpoints (i32), and the linear addresses watched for reads and for writes:
 * one range that bounds all, then up to WATCH_RANGES that together hold all. A range is its start and its length, i64 each; the
 * length is 0 if there is none. Written by `memory/watch.ts`.
 */
export const WATCHED = 0xefc;
export const WATCH_READ = 0xf00;
export const WATCH_WRITE = 0xf50;
export const WATCH_RANGES = 4;

export const enum RunState { Running = 0, Halted = 1, WaitForSipi = 2, Shutdown = 3 }

/** RFLAGS bits (SDM Vol. 1, 3.4.3). */
export const enum Flag {
  CF = 1 << 0, PF = 1 << 2, AF = 1 << 4, ZF = 1 << 6, SF = 1 << 7, TF = 1 << 8, IF = 1 << 9, DF = 1 << 10, OF = 1 << 11,
  IOPL = 3 << 12, NT = 1 << 14, RF = 1 << 16, VM = 1 << 17, AC = 1 << 18, VIF = 1 << 19, VIP = 1 << 20, ID = 1 << 21,
}
export const ARITHMETIC_FLAGS = Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.OF;

/**
 * Bits of MODE. Blocks are keyed by them, so everything that changes the meaning of the same bytes must be here:
 * code size, stack size, CPL (privileged instructions), whether segment bases and limits count, paging.
 */
export const enum CodeMode {
  /** 64-bit code (EFER.LMA and CS.L). */
  Long = 1,
  /** 32-bit code; neither Long nor Code32 is 16-bit code. */
  Code32 = 2,
  /** SS.B: the stack pointer is ESP. Long mode uses RSP and ignores this. */
  Stack32 = 4,
  /** CPL 3. */
  User = 8,
  /** Real mode (CR0.PE clear). */
  Real = 16,
  /** CPL 1 or 2: supervisor as far as pages go, but without the privileged instructions. */
  Middle = 0x20,
  /** CPL 3 with CR0.AM and RFLAGS.AC: unaligned data accesses raise #AC (SDM Vol. 3A, 6.15, interrupt 17). */
  AlignmentCheck = 0x100,
  /** CR0.EM or CR0.TS is set: x87 and MMX instructions raise #UD or #NM. */
  FpuOff = 0x200,
  /** CR4.OSFXSR is set and neither CR0.EM nor CR0.TS: instructions with XMM registers are on, else they raise #UD or #NM. */
  SseOn = 0x400,
  /** The CPU has data watchpoints (`memory/watch.ts`). */
  Watched = 0x800,
}
/** The bits that stand for control registers and the debugger alone: a change of privilege or of code segment leaves them. */
export const KEPT_MODE = CodeMode.FpuOff | CodeMode.SseOn | CodeMode.Watched;
