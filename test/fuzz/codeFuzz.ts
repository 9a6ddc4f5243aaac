import * as L from '../../src/machine/cpu/layout.js';
import { Random } from '../oracle/random.js';
import { type CodeCase, randomCase, showCase } from './codeCase.js';
import { CodeMachine, type CodeOutcome } from './codeMachine.js';

const STEPS = 300;
const NEVER = { queueAt: Infinity, compileAt: Infinity, batch: Infinity }, AT_ONCE = { queueAt: 1, compileAt: 1, batch: 1 };

export interface Finding { text: string; }

/** Runs cases in the interpreter and in translated regions and finds what must not be: host errors, differences, trespasses. */
export class CodeFuzzer {
  private machines = new Map<string, CodeMachine>();
  /** How the cases ended, by the kind of stop. */
  readonly ends = new Map<string, number>();
  steps = 0;

  /** Undefined if all is well, else what is wrong in words. */
  check(c: CodeCase): string | undefined {
    let what = 'interpreter';
    try {
      const interpreter = this.machine('interpreter', c), start = interpreter.machine.cpus[0]!;
      interpreter.load(c);
      const mode = start.int(L.MODE), visited = new Set<bigint>(), from = interpreter.machine.position;
      const expected = interpreter.run(STEPS, () => 1, () => { if (start.int(L.MODE) === mode && start.runState === L.RunState.Running) visited.add(start.rip); });
      this.steps += expected.position - from;
      const kind = expected.stop === 'null' ? 'ran on' : (JSON.parse(expected.stop) as { kind: string }).kind;
      this.ends.set(kind, (this.ends.get(kind) ?? 0) + 1);
      what = 'interpreter in longer turns';
      const random = new Random(c.seed);
      interpreter.load(c);
      const again = interpreter.run(expected.position - from + (expected.stop === 'null' ? 0 : 1), () => random.between(1, 60));
      const uneven = difference(expected, again);
      if (uneven) return `the interpreter in longer turns: ${uneven}`;
      what = 'regions';
      const regions = this.machine('regions', c);
      regions.load(c);
      this.compile(regions, visited);
      const translated = regions.run(expected.position - from + (expected.stop === 'null' ? 0 : 1), () => random.between(1, 100));
      const other = difference(expected, translated);
      return other && `translated regions: ${other}`;
    } catch (error) {
      // A machine that has failed so is in no known state.
      this.machines.clear();
      return `${what}: host error ${(error as Error).stack?.split('\n').slice(0, 5).join('\n    ') ?? String(error)}`;
    }
  }

  /** Bytes outside of what anyone owns must stay as they are. */
  trespass(): string | undefined {
    for (const [name, machine] of this.machines) {
      const at = machine.trespass();
      if (at !== undefined) return `${name}: a byte at 0x${at.toString(16)} of the machine's memory, which belongs to nobody, has been written`;
    }
    return undefined;
  }

  private compile(m: CodeMachine, addresses: ReadonlySet<bigint>): void {
    const { machine } = m, cpu = machine.cpus[0]!, { rip } = cpu;
    const present = [...addresses].slice(0, 60).filter(address => {
      cpu.rip = address;
      const linear = cpu.linearRip;
      return machine.memory.isRam(machine.mmu.probe(cpu, Number(linear & 0xffffffffn) | 0, Number(linear >> 32n) | 0), 1);
    });
    cpu.rip = rip;
    machine.translator.compileNow(cpu, present);
  }

  private machine(kind: 'interpreter' | 'regions', c: CodeCase): CodeMachine {
    const key = `${kind}, ${c.cpus} CPUs, ${c.tlb}`;
    let found = this.machines.get(key);
    if (!found) this.machines.set(key, found = new CodeMachine(c.cpus, kind === 'regions' ? AT_ONCE : NEVER, c.tlb));
    return found;
  }
}

function difference(expected: CodeOutcome, actual: CodeOutcome): string | undefined {
  if (expected.stop !== actual.stop) return `stops with ${actual.stop} at position ${actual.position} instead of ${expected.stop} at ${expected.position}`;
  if (expected.position !== actual.position) return `ends at position ${actual.position} instead of ${expected.position}`;
  return expected.hash === actual.hash ? undefined : `another state at position ${actual.position}`;
}

/** Takes away whatever can go while the case still fails (with any finding). */
export function minimise(fuzzer: CodeFuzzer, c: CodeCase, progress: (text: string) => void): CodeCase {
  const fails = (candidate: CodeCase) => {
    progress(`code ${c.seed}, which fails and is being shortened`);
    return fuzzer.check(candidate) !== undefined;
  };
  let best = c;
  const attempt = (candidate: CodeCase) => {
    if (!fails(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let again = true; again;) {
    again = false;
    for (let n = best.code.length - 1; n >= 0; n--) if (best.code.length > 1) again = attempt({ ...best, code: best.code.filter((_, k) => k !== n) }) || again;
    for (let n = best.patches.length - 1; n >= 0; n--) again = attempt({ ...best, patches: best.patches.filter((_, k) => k !== n) }) || again;
    for (let n = 0; n < 16; n++) if (best.gpr[n] !== 0n) again = attempt({ ...best, gpr: best.gpr.map((value, k) => k === n ? 0n : value) }) || again;
    for (let n = 0; n < best.code.length; n++) {
      const part = best.code[n]!;
      for (let k = part.length - 1; k >= 0 && part.length > 1; k--) if (attempt({ ...best, code: best.code.map((p, m) => m === n ? p.filter((_, b) => b !== k) : p) })) { again = true; break; }
    }
    for (let bit = 0n; bit < 32n; bit++) {
      for (const field of ['cr0', 'cr4'] as const) {
        if (best[field] >> bit & 1n && !(field === 'cr0' && (bit === 0n || bit === 31n || bit === 4n)) && !(field === 'cr4' && bit === 5n)) again = attempt({ ...best, [field]: best[field] & ~(1n << bit) }) || again;
      }
    }
    for (let bit = 0; bit < 22; bit++) if (bit !== 1 && best.flags >> bit & 1) again = attempt({ ...best, flags: best.flags & ~(1 << bit) }) || again;
    if (best.cpus === 2) again = attempt({ ...best, cpus: 1 }) || again;
    if (best.tlb === 'forget') again = attempt({ ...best, tlb: 'retain' }) || again;
  }
  return best;
}

/** Tries seeds from `seed` on until the time is up; findings are minimised. */
export function fuzzCode(options: { seed: number; until: number; keep: number; progress: (text: string) => void }): { cases: number; steps: number; findings: Finding[]; ends: Map<string, number> } {
  const fuzzer = new CodeFuzzer(), findings: Finding[] = [], seen = new Set<string>();
  let cases = 0;
  for (let seed = options.seed; Date.now() < options.until && findings.length < options.keep; seed++, cases++) {
    options.progress(`code ${seed}`);
    const c = randomCase(seed), problem = fuzzer.check(c);
    const trespass = cases % 1000 === 999 ? fuzzer.trespass() : undefined;
    if (trespass) findings.push({ text: `${trespass}; one of the 1000 cases up to seed ${seed}` });
    if (!problem) continue;
    const smallest = minimise(fuzzer, c, options.progress), words = fuzzer.check(smallest) ?? problem, key = words.replace(/[0-9a-f]{4,}|\d+/g, '#').slice(0, 120);
    if (seen.has(key) && findings.length > 3) continue;
    seen.add(key);
    findings.push({ text: `seed ${seed}: ${words}\n    ${showCase(smallest)}` });
  }
  const trespass = fuzzer.trespass();
  if (trespass) findings.push({ text: trespass });
  return { cases, steps: fuzzer.steps, findings, ends: fuzzer.ends };
}
