import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { Emulated } from '../oracle/emulated.js';
import { allForms, type Form } from '../oracle/forms.js';
import { Generator, type Generated } from '../oracle/generate.js';
import { type Case, CODE_PAGES, DATA_BYTES, entryIp, SLOTS } from '../oracle/layout.js';
import { batchImage } from '../oracle/native.js';
import { Random } from '../oracle/random.js';
import { type Reason, reasonFor } from './differences.js';

const TEST_BYTES = 8 + 8 + 128 + 8 + 64, OUTCOME_BYTES = 20 * 8 + DATA_BYTES;
const ALL_FLAGS = 0xcd5;

/** What a case leaves behind in Unicorn. */
export interface UnicornOutcome { gpr: bigint[]; rip: bigint; flags: number; vector: number; address: bigint; memory: Uint8Array; }

/** The driver, built if it is not there or its source is newer; undefined where Unicorn or a compiler is missing. @param root the repository */
export function buildDriver(root: string): string | undefined {
  if (!existsSync('/usr/include/unicorn/unicorn.h') && !existsSync('/usr/local/include/unicorn/unicorn.h') || spawnSync('gcc', ['--version']).status !== 0) return undefined;
  const source = path.join(root, 'test/unicorn/driver.c'), folder = path.join(root, '.cache/unicorn'), program = path.join(folder, 'driver');
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(folder, { recursive: true });
    execFileSync('gcc', ['-O1', '-Wall', '-Wextra', '-Werror', '-o', program, source, '-lunicorn'], { stdio: 'inherit' });
  }
  return program;
}

export function runInUnicorn(program: string, cases: readonly Case[]): UnicornOutcome[] {
  const code = batchImage(cases), input = Buffer.alloc(8 + code.length + cases.length * TEST_BYTES);
  input.writeUInt32LE(cases.length, 0);
  input.writeUInt32LE(CODE_PAGES * 0x1000, 4);
  input.set(code, 8);
  cases.forEach((c, n) => {
    const at = 8 + code.length + n * TEST_BYTES;
    input.writeBigUInt64LE(BigInt(entryIp(c)), at);
    input.writeBigUInt64LE(BigInt(c.flags), at + 8);
    c.gpr.forEach((value, i) => input.writeBigUInt64LE(value, at + 16 + 8 * i));
    input.writeUInt32LE(c.seed, at + 144);
    input.writeUInt32LE(c.patches.length, at + 148);
    c.patches.forEach((p, i) => {
      input.writeBigUInt64LE(BigInt(p.address), at + 152 + 16 * i);
      input.writeBigUInt64LE(p.value, at + 160 + 16 * i);
    });
  });
  const output = execFileSync(program, { input, maxBuffer: 1 << 28 });
  if (output.length !== cases.length * OUTCOME_BYTES) throw new Error(`the driver gave ${output.length} bytes for ${cases.length} cases`);
  return cases.map((_, n) => {
    const at = n * OUTCOME_BYTES, u64 = (i: number) => output.readBigUInt64LE(at + 8 * i), vector = Number(u64(18));
    return {
      gpr: Array.from({ length: 16 }, (_unused, i) => u64(i)), rip: vector === 3 ? u64(16) - 1n : u64(16), flags: Number(u64(17)) & ALL_FLAGS, vector, address: u64(19),
      memory: new Uint8Array(output.subarray(at + 160, at + OUTCOME_BYTES)),
    };
  });
}

/**
 * Forms that Unicorn can be asked about: general registers and memory, and what its processor has (no POPCNT, LZCNT, TZCNT, MOVBE,
 * BMI). CMPXCHG8B and CMPXCHG16B lose flags in its TCG, as locked NEG does (SDM Vol. 2: they leave, and set, the flags exactly).
 */
export function integerForms(): Form[] {
  return allForms(64).filter(form => !form.vector && !/^(VEX_|Rdpid|Xgetbv|Wait|Emms|Cli$|Sti$|F|Popcnt|[LT]zcnt|Movbe|Endbr|Ud[012]|Swapgs|Clflush|Cmpxchg8b|Cmpxchg16b)/.test(form.name));
}

export interface UnicornReport { cases: number; faults: number; failures: string[]; /** Differences that are known, by their reason. */ known: Map<string, number>; }

/** Compares `count` random sequences of one to 12 instructions with Unicorn; what differs is shortened to the fewest instructions. */
export function compareWithUnicorn(program: string, options: { count: number; seed: number; keep: number; form?: string | undefined; sequences?: number }): UnicornReport {
  const forms = integerForms().filter(form => !options.form || new RegExp(options.form, 'i').test(form.name));
  const generator = new Generator(options.seed, 64, forms), random = new Random(options.seed ^ 0x0c0), emulated = new Emulated();
  const report: UnicornReport = { cases: 0, faults: 0, failures: [], known: new Map() };
  while (report.cases < options.count && report.failures.length < options.keep) {
    const batch: Generated[] = [];
    for (let slot = 0; slot < Math.min(SLOTS - 1, options.count - report.cases); slot++) {
      let made: Generated | undefined;
      while (!made) made = random.chance(options.sequences ?? 0.7) ? generator.sequence(slot, random.between(2, 12)) : generator.single(slot);
      if (made.text.includes('lock neg')) { slot--; continue; }
      made.flags &= ~0x40000; // no alignment checks: TCG has none
      batch.push(made);
    }
    const theirs = runInUnicorn(program, batch);
    emulated.loadCode(batchImage(batch));
    batch.forEach((c, n) => {
      report.cases++;
      const found = differ(c, theirs[n]!, emulated);
      if (theirs[n]!.vector !== 3) report.faults++;
      if (found.length) judge(c, theirs[n]!, found, report);
    });
  }
  return report;
}

function differ(c: Generated, theirs: UnicornOutcome, emulated: Emulated): string[] {
  const ours = emulated.interpret(c), found: string[] = [], faulted = ours.vector !== 3;
  const check = (name: string, a: bigint | number, b: bigint | number) => { if (a !== b) found.push(`${name} is 0x${a.toString(16)}, Unicorn has 0x${b.toString(16)}`); };
  // Unicorn has no page tables here: what a processor would raise as #GP or #SS for an address beyond the canonical ones leads nowhere as well.
  const nowhere = (vector: number) => vector === 14 || vector === 13 || vector === 12 ? 14 : vector;
  // Without an IDT it ends other exceptions in several ways; that there was one counts, and what had been done before.
  if (ours.vector === 0 && theirs.vector !== 3 && theirs.vector !== 14) theirs = { ...theirs, vector: 0, rip: ours.rip, flags: ours.flags };
  check('vector', nowhere(ours.vector), nowhere(theirs.vector));
  // At a memory error Unicorn leaves RIP and the flags as they were at the beginning of its block.
  if (theirs.vector !== 14) check('rip', ours.rip, theirs.rip);
  ours.gpr.forEach((value, n) => check(`register ${n}`, value, theirs.gpr[n]!));
  const undefinedFlags = faulted ? c.undefinedAt[Number(ours.rip) - entryIp(c)] ?? c.undefinedFlags : c.undefinedFlags;
  if (theirs.vector !== 14) check('flags', ours.flags & ALL_FLAGS & ~undefinedFlags, theirs.flags & ~undefinedFlags);
  for (let n = 0; n < DATA_BYTES && found.length < 12; n++) if (ours.memory[n] !== theirs.memory[n]) check(`byte ${n.toString(16)}`, ours.memory[n]!, theirs.memory[n]!);
  return found;
}

function judge(c: Generated, theirs: UnicornOutcome, found: readonly string[], report: UnicornReport): void {
  const reason: Reason | undefined = reasonFor(c, theirs, found);
  if (reason) report.known.set(reason.what, (report.known.get(reason.what) ?? 0) + 1);
  else report.failures.push(`${c.text}  [${Buffer.from(c.code).toString('hex')}] seed ${c.seed} flags ${c.flags.toString(16)} registers ${c.gpr.map(v => v.toString(16)).join(' ')}\n    ${found.slice(0, 6).join('\n    ')}`);
}
