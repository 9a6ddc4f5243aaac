import type { FrameRules } from './callFrames.js';
import { SHF_ALLOC, SHF_EXECINSTR, type Section } from './elf.js';
import type { Symbols } from './index.js';

/** Reads memory as the stopped CPU sees it, as a debugger (no access rights); undefined where a byte does not translate. */
export type ReadMemory = (address: bigint, size: number) => Uint8Array | undefined;

/** The registers that unwinding starts from. */
export interface FrameRegisters {
  rip: bigint;
  rsp: bigint;
  rbp: bigint;
  /** Where SYSCALL keeps the return address; lets a stop in the code of a system call's entry or exit show its caller. */
  rcx?: bigint;
}

/** One frame of the stack, the innermost first. */
export interface Frame {
  /** The instruction to run next in this frame: RIP, or the return address. */
  pc: bigint;
  /** The address to look symbols and lines up with: `pc`, or for a return address the byte before it, inside the call. */
  lookup: bigint;
  /** RSP of the frame: now, or once control has returned to it. */
  sp: bigint;
  /** RBP of the frame. */
  fp: bigint;
  /** How the frame was found. */
  how: 'registers' | 'call frame information' | 'frame pointer' | 'return address' | 'interrupt frame';
  /** For an interrupt frame: the privilege level of the code that was interrupted, from its CS. */
  cpl?: number;
}

export interface UnwindOptions {
  /** At most so many frames; 64 by default. */
  limit?: number;
}

/** How far above RSP a saved frame pointer or an interrupt frame is believed: the largest kernel stack that we expect. */
const STACK_REACH = 0x8000n;
/**
 * Where RBP stands in the block of registers that an entry pushes below the hardware frame, counted from the frame's
 * RIP: Linux's struct pt_regs and the guest's struct registers agree. The block is complete at 15 registers and one word.
 */
const SAVED_RBP = -96n;
const SAVED_BLOCK = 128n;
/** How many words of an assembly routine's stack are searched for what brought control there. */
const SCAN_WORDS = 40;

/**
 * Unwinds by the compiler's call frame information where the image has it, which is exact at every instruction; else
 * by frame pointers, the way the System V x86-64 psABI lays them out: [RBP] is the caller's RBP, [RBP+8] the return
 * address. There, where the innermost function has not built its frame yet, or has taken it down again, the return
 * address is taken from the stack pointer. Through assembly that keeps no frame, the hardware's interrupt frame
 * (SDM Vol. 3A, 6.14.2) or the next return address on the stack leads on. Garbage ends the walk; it never throws.
 */
export function unwind(registers: FrameRegisters, readMemory: ReadMemory, symbols?: Symbols, options: UnwindOptions = {}): Frame[] {
  return new Unwinder(readMemory, symbols, registers).run(registers, options.limit ?? 64);
}

/** What is needed to go on from a frame. */
interface Caller { pc: bigint; sp: bigint; fp: bigint; how: Frame['how']; cpl?: number }

class Unwinder {
  private readonly codeSections: Section[];

  constructor(private readonly readMemory: ReadMemory, private readonly symbols: Symbols | undefined, private readonly registers: FrameRegisters) {
    const wanted = SHF_ALLOC | SHF_EXECINSTR;
    this.codeSections = symbols?.image.sections.filter((section) => (section.flags & wanted) === wanted) ?? [];
  }

  run(registers: FrameRegisters, limit: number): Frame[] {
    const frames: Frame[] = [{ pc: registers.rip, lookup: registers.rip, sp: registers.rsp, fp: registers.rbp, how: 'registers' }];
    while (frames.length < limit) {
      const frame = frames[frames.length - 1]!;
      const caller = this.callerOf(frame);
      if (!caller) break;
      // A stack grows down, so callers lie above; only an interrupt frame may lead to another stack.
      if (caller.how !== 'interrupt frame' && caller.sp <= frame.sp) break;
      const exact = caller.how === 'interrupt frame';
      frames.push({ ...caller, lookup: exact ? caller.pc : caller.pc - 1n });
    }
    return frames;
  }

  private callerOf(frame: Frame): Caller | undefined {
    const rules = this.symbols?.callFrames.rulesAt(frame.lookup);
    if (rules) {
      const caller = this.byRules(frame, rules);
      if (caller !== 'unknown') return caller;
    }
    const exact = frame.how === 'registers' || frame.how === 'interrupt frame';
    const hit = this.symbols?.table.functionAt(frame.lookup);
    if (!hit) return this.byFramePointer(frame);
    if (frame.how === 'registers' && isUserAddress(frame.sp)) {
      const caller = this.bySyscall(frame);
      if (caller) return caller;
    }
    const start = frame.lookup - BigInt(hit.offset);
    const state = this.frameState(start, frame.pc, exact);
    if (state === 'at return') return this.byReturnAddress(frame, 0n) ?? this.interruptFrame(frame, frame.sp);
    if (state === 'rbp pushed') {
      const saved = this.word(frame.sp);
      return saved === undefined ? undefined : this.byReturnAddress({ ...frame, fp: saved }, 8n);
    }
    if (state === 'built') return this.byFramePointer(frame);
    return this.throughAssembly(frame) ?? (frame.how === 'registers' ? this.bySyscall(frame) : undefined);
  }

  private byRules(frame: Frame, rules: FrameRules): Caller | undefined | 'unknown' {
    if (rules.returnAddress.kind === 'undefined') return undefined; // the outermost frame says so itself
    if (rules.returnAddress.kind !== 'at' || rules.rbp.kind === 'unknown') return 'unknown';
    const cfa = BigInt.asUintN(64, (rules.base === 'rsp' ? frame.sp : frame.fp) + BigInt(rules.offset));
    const pc = this.word(cfa + BigInt(rules.returnAddress.offset));
    // Without -fasynchronous-unwind-tables gcc does not say that an epilogue has restored RBP; that its place lies below
    // the stack pointer does.
    const saved = rules.rbp.kind === 'at' ? cfa + BigInt(rules.rbp.offset) : undefined;
    const fp = rules.rbp.kind === 'undefined' ? 0n : saved === undefined || saved < frame.sp ? frame.fp : this.word(saved);
    if (pc === undefined || fp === undefined || !this.isReturnAddress(pc)) return undefined;
    return { pc, sp: cfa, fp, how: 'call frame information' };
  }

  /**
   * What the code says about the frame at `pc`. The prologue is push %rbp (55), mov %rsp,%rbp (48 89 e5 or 48 8b ec),
   * perhaps after endbr64 (f3 0f 1e fa); the compiler may put it behind an early exit (shrink-wrapping).
   */
  private frameState(start: bigint, pc: bigint, exact: boolean): 'at return' | 'rbp pushed' | 'built' | 'none' {
    const length = Math.min(Number(pc - start), 0x2000);
    const code = this.code(start, length + 8) ?? this.code(start, length);
    if (!code) return 'built';
    if (exact) {
      const first = code[0] === 0xf3 && code[1] === 0x0f && code[2] === 0x1e && code[3] === 0xfa ? 4 : 0;
      if (length === 0 || (length === first && first > 0)) return 'at return';
      const next = code.subarray(length);
      if (code[length - 1] === 0x55 && isMoveToFramePointer(next, 0)) return 'rbp pushed';
      if (next[0] === 0xc3 || (next[0] === 0xf3 && next[1] === 0xc3)) return 'at return';
      // A tail call right behind the epilogue: pop %rbp or leave, then jmp.
      if ((code[length - 1] === 0x5d || code[length - 1] === 0xc9) && (next[0] === 0xe9 || next[0] === 0xeb)) return 'at return';
    }
    for (let at = 0; at + 4 <= length; at++) if (code[at] === 0x55 && isMoveToFramePointer(code, at + 1)) return 'built';
    return 'none';
  }

  private byReturnAddress(frame: { sp: bigint; fp: bigint }, offset: bigint): Caller | undefined {
    const pc = this.word(frame.sp + offset);
    if (pc === undefined || !this.isReturnAddress(pc)) return undefined;
    return { pc, sp: frame.sp + offset + 8n, fp: frame.fp, how: 'return address' };
  }

  private byFramePointer(frame: Frame): Caller | undefined {
    const { fp, sp } = frame;
    if (fp === 0n || fp % 8n !== 0n || fp < sp || fp - sp > STACK_REACH) return undefined;
    const saved = this.word(fp);
    const pc = this.word(fp + 8n);
    if (saved === undefined || pc === undefined || pc === 0n) return undefined;
    if (!this.isReturnAddress(pc)) return undefined;
    return { pc, sp: fp + 16n, fp: saved, how: 'frame pointer' };
  }

  /**
   * The SYSCALL instruction (0f 05) that led here, as long as RCX still names the one behind it: in the first and last
   * instructions of the kernel's entry, which have the user's stack pointer in RSP or on top of a small stack.
   */
  private bySyscall(frame: Frame): Caller | undefined {
    const { rcx } = this.registers;
    if (rcx === undefined || !isUserAddress(rcx) || isUserAddress(frame.pc)) return undefined;
    const before = this.readMemory(rcx - 2n, 2);
    if (!before || before[0] !== 0x0f || before[1] !== 0x05) return undefined;
    const candidates = [frame.sp, ...[0n, 8n, 16n, 24n].map((offset) => this.word(frame.sp + offset))];
    const sp = candidates.find((value) => value !== undefined && isUserAddress(value) && value % 8n === 0n && this.word(value) !== undefined);
    return { pc: rcx, sp: sp ?? 0n, fp: frame.fp, how: 'interrupt frame', cpl: 3 };
  }

  /** Code without a frame of its own: what stands first on its stack, an interrupt frame or a return address? */
  private throughAssembly(frame: Frame): Caller | undefined {
    for (let i = 0; i < SCAN_WORDS; i++) {
      const at = frame.sp + BigInt(i * 8);
      const interrupted = this.interruptFrame(frame, at);
      if (interrupted) return interrupted;
      const value = this.word(at);
      if (value === undefined) return undefined;
      if (this.codeSections.length > 0 && this.isReturnAddress(value)) return { pc: value, sp: at + 8n, fp: frame.fp, how: 'return address' };
    }
    return undefined;
  }

  /** The frame that the CPU pushed, RIP CS RFLAGS RSP SS upwards, with or without an error code below it. */
  private interruptFrame(frame: Frame, at: bigint): Caller | undefined {
    return this.hardwareFrameAt(frame, at) ?? this.hardwareFrameAt(frame, at + 8n);
  }

  private hardwareFrameAt(frame: Frame, at: bigint): Caller | undefined {
    const bytes = this.readMemory(at, 40);
    if (!bytes) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, 40);
    const [rip, cs, rflags, rsp, ss] = [0, 8, 16, 24, 32].map((offset) => view.getBigUint64(offset, true)) as [bigint, bigint, bigint, bigint, bigint];
    const cpl = Number(cs & 3n);
    const selectors = cs >= 8n && cs < 0x100n && (cpl === 0 || cpl === 3) && ss < 0x100n && Number(ss & 3n) === cpl && (cpl === 0 || ss !== 0n);
    // RFLAGS: bit 1 is always 1; bits 3, 5, 15 and 22 up are always 0 (SDM Vol. 1, 3.4.3).
    const flags = (rflags & 2n) !== 0n && (rflags & ~0x3f7fd7n) === 0n;
    if (!selectors || !flags || !isCanonical(rip) || !isCanonical(rsp)) return undefined;
    if (cpl === 0 && !this.isCode(rip)) return undefined;
    if (cpl === 3 && rip >> 63n !== 0n) return undefined;
    // Below the frame stand the registers of the interrupted code, once the entry has pushed them all.
    const saved = at - frame.sp >= SAVED_BLOCK ? this.word(at + SAVED_RBP) : undefined;
    return { pc: rip, sp: rsp, fp: saved ?? frame.fp, how: 'interrupt frame', cpl };
  }

  /** A return address is code right behind a call: e8 rel32, or ff /2 of 2 to 8 bytes. */
  private isReturnAddress(address: bigint): boolean {
    if (!isCanonical(address) || !this.isCode(address - 1n)) return false;
    const before = this.code(address - 8n, 8);
    if (!before) return this.symbols === undefined;
    if (before[3] === 0xe8) return true;
    for (let length = 2; length <= 7; length++) {
      const at = 8 - length;
      if (before[at] === 0xff && (before[at + 1]! & 0x38) === 0x10) return true;
    }
    return false;
  }

  /** Whether an address is in code: of the image where it says so, else anywhere that can be read. */
  private isCode(address: bigint): boolean {
    if (this.codeSections.length > 0) {
      if (this.codeSections.some((section) => address >= section.address && address - section.address < BigInt(section.size))) return true;
      // A user program of its own is not in the kernel's image.
      return address >> 47n === 0n && this.readMemory(address, 1) !== undefined;
    }
    return this.readMemory(address, 1) !== undefined;
  }

  /** Code as it is in memory, or where that does not translate (the other address space) as it is in the image. */
  private code(address: bigint, size: number): Uint8Array | undefined {
    if (size <= 0) return new Uint8Array(0);
    return this.readMemory(address, size) ?? this.symbols?.bytesAt(address, size);
  }

  private word(address: bigint): bigint | undefined {
    const bytes = this.readMemory(BigInt.asUintN(64, address), 8);
    return bytes && new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  }
}

function isMoveToFramePointer(code: Uint8Array, at: number): boolean {
  return code[at] === 0x48 && ((code[at + 1] === 0x89 && code[at + 2] === 0xe5) || (code[at + 1] === 0x8b && code[at + 2] === 0xec));
}

function isUserAddress(address: bigint): boolean {
  return address >= 0x1000n && address >> 47n === 0n;
}

function isCanonical(address: bigint): boolean {
  const top = BigInt.asUintN(64, address) >> 47n;
  return top === 0n || top === 0x1ffffn;
}
