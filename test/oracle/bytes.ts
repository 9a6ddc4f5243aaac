import { Code, CpuidFeature, Decoder, DecoderOptions, type Instruction, Mnemonic, OpKind, Register } from 'iced-x86';
import { wholeInstructionSet } from '../../src/machine/translate/instructionSet.js';
import { describe, differences } from './compare.js';
import { Emulated } from './emulated.js';
import { type Generated, operandSize, shiftCount } from './generate.js';
import { type Bits, codeBase, entryIp, type Outcome, SLOTS } from './layout.js';
import { batchImage, buildHarness, runNative, TIMEOUT } from './native.js';
import { leavesHarness, randomBytes, randomRegisters, slotAddress } from './randomBytes.js';
import { Random } from './random.js';
import { undefinedBy } from './undefinedFlags.js';

/**
 * Random bytes as instructions, on the processor and on the machine: the same exception at the same place, or the same result. It
 * is about encodings: which bytes are an instruction, how long it is, what its prefixes mean. `npm run oracle:native -- --bytes`.
 */

/** What can be compared: all of the outcome; exception and RIP alone; or that the machine, which lacks the feature, raises #UD. */
export type Comparison = 'all' | 'exception' | 'undefined';
export interface BytesCase extends Generated {
  comparison: Comparison;
  /** See `registersOf`. */
  registerSeed: number;
  /** A string instruction with a REP prefix. */
  rep: boolean;
}

export interface BytesReport {
  cases: number;
  /** Cases by the exception that ended them on the processor. */
  vectors: Record<number, number>;
  comparisons: Record<Comparison, number>;
  failures: { form: string; text: string }[];
}

/** Results of these depend on time, chance, the host or its operating system, which emulates some. */
const NOT_COMPARED = new Set([
  Mnemonic.Sgdt, Mnemonic.Sidt, Mnemonic.Sldt, Mnemonic.Str, Mnemonic.Smsw, Mnemonic.Lar, Mnemonic.Lsl, Mnemonic.Verr, Mnemonic.Verw,
  Mnemonic.Lds, Mnemonic.Les, Mnemonic.Lfs, Mnemonic.Lgs, Mnemonic.Lss, Mnemonic.Retf, Mnemonic.Iret, Mnemonic.Iretd, Mnemonic.Iretq,
  Mnemonic.Wrfsbase, Mnemonic.Wrgsbase, Mnemonic.Rdfsbase, Mnemonic.Rdgsbase, Mnemonic.Popf, Mnemonic.Popfd, Mnemonic.Popfq,
  Mnemonic.Int, Mnemonic.Int1, Mnemonic.Into, Mnemonic.Syscall, Mnemonic.Sysenter, Mnemonic.Vmcall, Mnemonic.Vmmcall,
  Mnemonic.Fxsave, Mnemonic.Fxsave64, Mnemonic.Fxrstor, Mnemonic.Fxrstor64, Mnemonic.Xgetbv, Mnemonic.Xsetbv, Mnemonic.Xsave, Mnemonic.Xsave64, Mnemonic.Xsaveopt, Mnemonic.Xsaveopt64, Mnemonic.Xrstor, Mnemonic.Xrstor64,
]);
const EXCEPTION_ONLY = new Set([
  Mnemonic.Cpuid, Mnemonic.Rdtsc, Mnemonic.Rdtscp, Mnemonic.Rdrand, Mnemonic.Rdseed, Mnemonic.Rdpid,
]);
const FAR = new Set([Code.Jmp_m1616, Code.Jmp_m1632, Code.Jmp_m1664, Code.Call_m1616, Code.Call_m1632, Code.Call_m1664]);
const NEAR_BRANCHES = new Set([OpKind.NearBranch16, OpKind.NearBranch32, OpKind.NearBranch64]);
const FLOATING = new Set([CpuidFeature.FPU, CpuidFeature.FPU287, CpuidFeature.FPU387, CpuidFeature.MMX, CpuidFeature.SSE, CpuidFeature.SSE2, CpuidFeature.SSE3,
  CpuidFeature.SSSE3, CpuidFeature.FXSR, CpuidFeature.CLFSH, CpuidFeature.PKU]);

/** One case for a slot; undefined where the bytes came to nothing that can be compared. */
export function bytesCase(random: Random, slot: number, bits: Bits): BytesCase | undefined {
  const bytes = randomBytes(random, bits), registerSeed = random.u32(), flags = random.u32() & 0x8d5;
  const decoder = new Decoder(bits, bytes, DecoderOptions.NoWbnoinvd);
  decoder.ip = BigInt(slotAddress(slot) - codeBase(bits));
  const i = decoder.decode();
  decoder.free();
  try {
    const known = classify(i, bits, bytes, registersOf(registerSeed, bits, bytes.subarray(0, i.length), i.isStringInstruction && (i.hasRepPrefix || i.hasRepnePrefix)), slot);
    if (!known) return undefined;
    if (leavesHarness(known.code)) return undefined;
    return {
      code: known.code, slot, bits, flags, gpr: registersOf(registerSeed, bits, known.code, known.rep), registerSeed, rep: known.rep, seed: random.u32(), patches: [], text: i.isInvalid ? '(invalid)' : i.toString(),
      undefinedFlags: known.undefinedFlags, undefinedAt: {}, instructions: 1, cutRegisters: bits === 64 && known.rep && known.code.includes(0x67), comparison: known.comparison,
    };
  } finally {
    i.free();
  }
}

function classify(i: Instruction, bits: Bits, bytes: Uint8Array, gpr: readonly bigint[], slot: number): { code: Uint8Array; comparison: Comparison; undefinedFlags: number; rep: boolean } | undefined {
  // What is no instruction stays as it is: if it is one after all, the difference shows.
  if (i.isInvalid) return { code: bytes, comparison: 'all', undefinedFlags: 0, rep: false };
  const code = bytes.slice(0, i.length);
  if (!wholeInstructionSet.has(i)) return { code, comparison: 'undefined', undefinedFlags: 0, rep: false };
  if (NOT_COMPARED.has(i.mnemonic) || i.mnemonic === Mnemonic.Int3 && i.length > 1 || touchesSegments(i, bits) || branchesIntoCode(i, bits, slot)) return undefined;
  const floating = Array.from(i.cpuidFeatures()).some(feature => FLOATING.has(feature));
  const rep = i.hasRepPrefix || i.hasRepnePrefix;
  const size = operandSize(i), count = shiftCount(i, gpr, size), not = undefinedBy(i, size, count, false);
  if (not.result || i.mnemonic === Mnemonic.Bsf || i.mnemonic === Mnemonic.Bsr) return undefined;
  return { code, comparison: floating || EXCEPTION_ONLY.has(i.mnemonic) ? 'exception' : 'all', undefinedFlags: not.flags, rep: rep && i.isStringInstruction };
}

/** The registers for a seed; the count of a REP is small. */
export function registersOf(seed: number, bits: Bits, code: Uint8Array, rep: boolean): bigint[] {
  const gpr = randomRegisters(new Random(seed), bits);
  if (rep) gpr[1] = gpr[1]! & 0xfn | (code.includes(0x67) && bits === 64 ? gpr[1]! & ~0xffffffffn : 0n);
  return gpr;
}

/** Loads of segment registers and accesses through FS, or outside 64-bit code GS, which the harness does not set up. */
function touchesSegments(i: Instruction, bits: Bits): boolean {
  if (FAR.has(i.code)) return true;
  for (let n = 0; n < i.opCount; n++) {
    const kind = i.opKind(n);
    if (kind === OpKind.FarBranch16 || kind === OpKind.FarBranch32) return true;
    if (kind === OpKind.Register && i.opRegister(n) >= Register.ES && i.opRegister(n) <= Register.GS) return true;
    if (kind >= OpKind.MemorySegSI && (i.memorySegment === Register.FS || i.memorySegment === Register.GS && bits !== 64)) return true;
  }
  return false;
}

/** Does it branch into its own bytes or to the code of another case? */
function branchesIntoCode(i: Instruction, bits: Bits, slot: number): boolean {
  const entry = BigInt(slotAddress(slot) - codeBase(bits));
  for (let n = 0; n < i.opCount; n++) {
    if (!NEAR_BRANCHES.has(i.opKind(n))) continue;
    const distance = i.nearBranchTarget - entry;
    if (distance >= 0n && distance < BigInt(i.length) || distance < -0x80n && distance > -0x10000n || distance > 0x70n && distance < 0x10000n) return true;
  }
  return false;
}

/** Compares `count` random cases of code of that many bits. */
export function compareBytes(options: { root: string; count: number; seed: number; bits: Bits; keep: number }): BytesReport {
  const program = buildHarness(options.root), emulated = new Emulated(), random = new Random(options.seed);
  const report: BytesReport = { cases: 0, vectors: {}, comparisons: { all: 0, exception: 0, undefined: 0 }, failures: [] };
  while (report.cases < options.count && report.failures.length < options.keep) {
    const batch: BytesCase[] = [];
    while (batch.length < Math.min(SLOTS - 1, options.count - report.cases)) {
      const made = bytesCase(random, batch.length, options.bits);
      if (made) batch.push(made);
    }
    const native = runNative(program, batch, batchImage(batch));
    compareBytesBatch(emulated, batch, native, report);
  }
  return report;
}

/** Compares a batch with what a processor did of it. */
export function compareBytesBatch(emulated: Emulated, batch: readonly BytesCase[], native: readonly Outcome[], report: BytesReport): void {
  emulated.loadCode(batchImage(batch));
  const interpreted = batch.map(c => attempt(() => emulated.interpret(c), emulated));
  emulated.compile(batch);
  batch.forEach((c, n) => {
    const real = native[n]!, ours = interpreted[n]!;
    // What an indirect branch finds in the slot of another case is not this case's business.
    const away = Number(real.rip) + codeBase(c.bits) - slotAddress(c.slot);
    if (real.vector === TIMEOUT || Math.abs(away) > 0x80 && Math.abs(away) < 0x10000) return;
    report.cases++;
    report.vectors[real.vector] = (report.vectors[real.vector] ?? 0) + 1;
    report.comparisons[c.comparison]++;
    const found = ours.outcome ? compareOutcome(c, real, ours.outcome) : [`the machine stops: ${ours.message}`];
    if (ours.outcome && c.comparison !== 'exception') {
      const region = attempt(() => emulated.run(c, ours.steps), emulated);
      found.push(...region.outcome ? differences(ours.outcome, region.outcome).map(d => `region, against the interpreter: ${d}`) : [`the region stops: ${region.message}`]);
    }
    if (found.length) report.failures.push({ form: c.text, text: `${describe(c)}\n    ${found.slice(0, 8).join('\n    ')}` });
  });
}

function prefixCount(code: Uint8Array): number { return code.findIndex(byte => ![0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x65].includes(byte)); }

function attempt(run: () => Outcome, emulated: Emulated): { outcome?: Outcome; steps: number; message: string } {
  try {
    return { outcome: run(), steps: emulated.steps, message: '' };
  } catch (error) {
    return { steps: 0, message: (error as Error).message };
  }
}

function compareOutcome(c: BytesCase, real: Outcome, ours: Outcome): string[] {
  if (c.comparison === 'undefined') return ours.vector === 6 && ours.rip === BigInt(entryIp(c)) ? [] : [`the machine lacks it and gives vector ${ours.vector} at 0x${ours.rip.toString(16)}`];
  const expected = { ...real, gpr: [...real.gpr], fx: ours.fx };
  // An instruction that does not exist has no length: where more than 15 bytes come into question the machine does not know better.
  if (c.text === '(invalid)' && [6, 13].includes(real.vector) && prefixCount(c.code) > 3) Object.assign(expected, { vector: ours.vector });
  // Whether an access that wraps around 4 GiB exceeds a limit of 4 GiB is up to the processor (SDM Vol. 3A, 5.3).
  if (c.bits !== 64 && real.vector === 14 && real.address > 0xffffff00n && (ours.vector === 13 || ours.vector === 12)) return [];
  let flagMask = 0xcd5 & ~c.undefinedFlags;
  if (c.comparison === 'exception') {
    Object.assign(expected, { ...ours, vector: real.vector, error: real.error, address: real.address, rip: real.rip });
  }
  if (real.vector !== 3 && /^rep\S* (cmps|scas)/.test(c.text)) flagMask = 0;
  if (c.cutRegisters && real.vector !== 3) for (const n of [1, 6, 7]) if (real.gpr[n] === (ours.gpr[n]! & 0xffffffffn)) expected.gpr[n] = ours.gpr[n]!;
  return differences(expected, ours, flagMask);
}
