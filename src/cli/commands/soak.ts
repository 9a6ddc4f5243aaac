import { writeFile } from 'node:fs/promises';
import { launchAttributes } from '../../dap/launchSchema.js';
import { validateLaunch, type LaunchArguments } from '../../dap/launchArguments.js';
import { elfArgument, makeMachine, parseFeatures } from '../machineOptions.js';
import type { Arguments, Command, Io } from '../option.js';
import { UsageError } from '../option.js';
import { integer } from '../parse.js';
import { designNames, switchingOf } from '../designs/kernel.js';
import { soak, type Coverage, type SoakFailure, type SoakResult } from '../soak/soak.js';
import { makeWorkload, type Switching } from '../soak/workload.js';

/** One run of a soak: what differs from run to run. */
interface Run {
  design: string;
  switching: Switching;
  state: 'on' | 'off';
  seed: number;
  quantum: number;
  tlb: Appetite;
}

type Appetite = NonNullable<LaunchArguments['tlb']>;
const appetites = launchAttributes.tlb.enum as readonly Appetite[];

export const soakCommand: Command = {
  name: 'soak',
  summary: 'Tries whether a design survives: all programs, random NMIs, thousands of switches, all rules checked.',
  details: [
    'For each design, TLB appetite, quantum and seed a machine boots and runs storm, touch, forks, execs, compat, signals, ldt, spin and fault at once, while KAISER is switched off and on by the design\'s own protocol, CPUs have turns of random length in random order, and NMIs come at random. The rules of KAISER are looked at after random numbers of steps, at the end of each switch, and at every entry and exit around some of the switches; every exception is judged. Odd seeds boot with KAISER on, even ones with it off.',
    'A design that can only be switched off is switched once in each of several boots, one that is decided at boot is not switched and boots both ways; which it is, the guest\'s answers tell.',
    'It stops at the first failure and says the position, the verdict and the command that repeats it. Runs are the same to the last bit.',
  ],
  positionals: [elfArgument],
  options: [
    { name: 'design', value: 'LIST', description: 'The designs, with commas between them, or all that the kernel has.', default: 'the kernel\'s own choice' },
    { name: 'toggles', value: 'N', description: 'Switches in each run, 1 to 1000000.', default: '1000' },
    { name: 'cpus', value: 'N', description: 'The number of CPUs, 1 to 8.', default: '8' },
    { name: 'seeds', value: 'LIST', description: 'Seeds of the schedule and of the NMIs, such as 1,2,7 or 1-10.', default: '1,2' },
    { name: 'quantum', value: 'LIST', description: 'Mean lengths of the turns of CPUs, in instructions.', default: '20,1000' },
    { name: 'tlb', value: 'LIST', description: 'What the TLBs do with translations that they may drop: retain, forget, or both with a comma.', default: 'retain,forget' },
    { name: 'check', value: 'N', description: 'Steps between two looks at the CPUs, on average; page tables and TLBs are looked at every 16th time and at the end of each switch.', default: '20000' },
    { name: 'windows', value: 'N', description: 'Look at every entry and exit around one switch of N, on average; 0 for none.', default: '8' },
    { name: 'nmis', value: 'N', description: 'Steps between two NMIs, on average; 0 for none.', default: '20000' },
    { name: 'append', value: 'TEXT', description: 'Further words of the kernel command line, such as nopcid or kaiser_without=flush.', default: 'empty' },
    { name: 'features', value: 'LIST', description: 'CPU features to switch, as for run.', default: 'all on' },
    { name: 'keep', value: 'FILE', description: 'Write the launch configuration of a failed run, NMIs included, to this file: with it the editor comes to the same failure.' },
    { name: 'json', description: 'Print one line of JSON for each run instead of the table.' },
  ],
  exitCodes: [{ code: '1', meaning: 'A run failed.' }],
  async run(args, io) {
    const number = (name: string, minimum: number, maximum: number, otherwise: number): number => integer(args.text(name), `--${name}`, minimum, maximum) ?? otherwise;
    const toggles = number('toggles', 1, 1_000_000, 1000), checkEvery = number('check', 1, 1e9, 20_000), nmiEvery = number('nmis', 0, 1e9, 20_000), windowEvery = number('windows', 0, 1e9, 8);
    const cpus = number('cpus', launchAttributes.cpus.minimum!, launchAttributes.cpus.maximum!, 8);
    const seeds = numbers(args.text('seeds') ?? '1,2', '--seeds', 0, 0xffffffff), quanta = numbers(args.text('quantum') ?? '20,1000', '--quantum', 1, 1_000_000);
    const tlbs = (args.text('tlb') ?? 'retain,forget').split(',').map(name => {
      const found = appetites.find(one => one === name.trim());
      if (!found) throw new UsageError(`--tlb is "${args.text('tlb')}": write ${appetites.join(', ')}, or several with commas.`);
      return found;
    });
    const common = { program: args.positionals[0], cpus, cpuFeatures: parseFeatures(args.text('features')) };
    const extra = args.text('append') ?? '';
    const total: Totals = { runs: 0, switches: 0, steps: 0, nmis: 0, exceptions: 0, checks: 0, full: 0, windows: 0 };
    if (!args.isSet('json')) io.stdout(row(['', 'design', 'boot', 'TLB', 'seed', 'quantum', 'switches', 'Msteps', 'NMIs', 'in entry', 'in switch', 'faults', 'looks', 'full', 'windows']));
    for (const design of await designsOf(args.text('design'), common, io)) {
      const words = (state: string): string => [...design ? [`kaiser_design=${design}`] : [], `kaiser=${state}`, ...extra ? [extra] : []].join(' ');
      const switching = await switchingOf({ ...common, append: words('on') }, io);
      for (const one of runsOf(design, switching, seeds, quanta, tlbs, toggles)) {
        const workload = makeWorkload(switching, toggles);
        const launch = validateLaunch({ ...common, append: words(one.state), script: workload.script, quantum: one.quantum, tlb: one.tlb, schedule: { kind: 'random', seed: one.seed } });
        const result = await soak(await makeMachine(launch, io), workload, { seed: one.seed, nmiEvery, checkEvery, windowEvery }, progressOn(io, one, workload.switches));
        add(total, result.coverage);
        report(io, args, one, result);
        if (!result.failure) continue;
        const kept = args.text('keep');
        if (kept !== undefined) await writeFile(kept, `${JSON.stringify(configuration(launch, result), null, 2)}\n`);
        const again = `kaiserscope soak ${commandWords(args, { design, seeds: String(one.seed), quantum: String(one.quantum), tlb: one.tlb })}`;
        io.stderr(`kaiserscope: ${told(one, result.failure)}\nkaiserscope: it is repeated by: ${again}\n`);
        return 1;
      }
    }
    if (!args.isSet('json')) {
      io.stdout(`${total.runs} runs survived: ${[`${group(total.switches)} switches`, `${group(total.steps)} steps`, `${group(total.nmis)} NMIs`, `${group(total.exceptions)} exceptions judged`, `${group(total.checks)} looks at the CPUs, ${group(total.full)} of them at tables and TLBs too`, `${group(total.windows)} windows of looks at every entry and exit`].join(', ')}.\n`);
    }
    return 0;
  },
};

interface Totals { runs: number; switches: number; steps: number; nmis: number; exceptions: number; checks: number; full: number; windows: number }

function add(total: Totals, coverage: Coverage): void {
  total.runs++;
  total.switches += coverage.switchedOn + coverage.switchedOff;
  total.steps += coverage.steps;
  total.nmis += nmisOf(coverage);
  total.exceptions += coverage.exceptions;
  total.checks += coverage.checks.cpus;
  total.full += coverage.checks.full;
  total.windows += coverage.checks.windows;
}

/** `undefined` stands for the kernel's own choice. */
async function designsOf(text: string | undefined, common: Record<string, unknown>, io: Io): Promise<string[]> {
  if (text === undefined) return [''];
  const known = await designNames(common, io);
  if (text === 'all') return known;
  const names = text.split(',').map(name => name.trim());
  const wrong = names.find(name => !known.includes(name));
  if (wrong !== undefined) throw new UsageError(`--design: the kernel has no design "${wrong}"; it has ${known.join(', ')}.`);
  return names;
}

/** A run for each appetite, quantum and seed. Who is switched once a boot boots more often; who is not switched, both ways. */
function runsOf(design: string, switching: Switching, seeds: readonly number[], quanta: readonly number[], tlbs: readonly Appetite[], toggles: number): Run[] {
  return tlbs.flatMap(tlb => quanta.flatMap(quantum => seeds.flatMap((seed): Run[] => {
    if (switching === 'both') return [{ design, switching, state: seed % 2 ? 'on' : 'off', seed, quantum, tlb }];
    if (switching === 'none') return (['on', 'off'] as const).map(state => ({ design, switching, state, seed, quantum, tlb }));
    return Array.from({ length: Math.ceil(toggles / 500) }, (_, boot) => ({ design, switching, state: 'on', seed: seed + boot * 1000, quantum, tlb }));
  })));
}

/** Reads `1,2,7` or `1-10`. Throws UsageError. */
export function numbers(text: string, option: string, minimum: number, maximum: number): number[] {
  return text.split(',').flatMap(part => {
    const range = /^\s*(\d+)\s*-\s*(\d+)\s*$/.exec(part);
    if (!range) return [integer(part.trim(), option, minimum, maximum)!];
    const first = integer(range[1], option, minimum, maximum)!, last = integer(range[2], option, minimum, maximum)!;
    if (last < first || last - first > 10_000) throw new UsageError(`${option} is "${text}": a range goes upwards and has at most 10000 numbers.`);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

function nmisOf({ nmis }: Coverage): number {
  return nmis.user + nmis.entry + nmis.kernel;
}

function report(io: Io, args: Arguments, one: Run, { coverage, failure }: SoakResult): void {
  const { design, state, seed, quantum, tlb } = one;
  if (args.isSet('json')) {
    io.stdout(`${JSON.stringify({ design: design || 'default', state, seed, quantum, tlb, survived: !failure, coverage, ...(failure ? { failure } : {}) })}\n`);
    return;
  }
  io.stdout(row([failure ? '✗' : '✓', design || 'default', state, tlb, String(seed), String(quantum), group(coverage.switchedOn + coverage.switchedOff), (coverage.steps / 1e6).toFixed(0), group(nmisOf(coverage)),
    group(coverage.nmis.entry), group(coverage.nmis.toggling), group(coverage.exceptions), group(coverage.checks.cpus), group(coverage.checks.full), group(coverage.checks.windows)]));
}

function row([mark, design, state, ...cells]: string[]): string {
  return `${mark!.padEnd(2)}${design!.padEnd(22)}${state!.padEnd(5)}${cells.map(cell => cell.padStart(10)).join('')}\n`;
}

function told({ design, seed, quantum, tlb }: Run, { position, hazard, predicate, text }: SoakFailure): string {
  const names = [hazard, predicate].filter(name => name !== undefined).join(', ');
  return `${design || 'the kernel\'s design'} with seed ${seed}, quantum ${quantum} and a TLB that ${tlb === 'retain' ? 'retains' : 'forgets'} failed at position ${position}${names ? ` (${names})` : ''}: ${text}`;
}

/** The options as they were given, but for those that say which of the runs. */
function commandWords(args: Arguments, chosen: Record<string, string>): string {
  const quoted = (text: string): string => (/^[\w.,=:/-]+$/.test(text) ? text : `'${text}'`);
  const options = soakCommand.options.filter(option => option.value !== undefined && option.name !== 'keep')
    .flatMap(({ name }) => {
      const value = chosen[name] ?? args.text(name);
      return value === undefined || value === '' ? [] : [`--${name} ${quoted(value)}`];
    });
  return [...args.positionals.map(quoted), ...options].join(' ');
}

/** A launch configuration that comes to the same failure: without the soak, the NMIs are events at positions. */
function configuration(launch: LaunchArguments, { nmis }: SoakResult): Record<string, unknown> {
  const { program, cpus, append, script, quantum, schedule, cpuFeatures, tlb } = launch;
  return {
    type: 'kaiserscope', request: 'launch', name: 'Kaiserscope: a soak that failed', ...(program === undefined ? {} : { program }), cpus, append, quantum, schedule, cpuFeatures, tlb, script,
    events: nmis.map(({ position, cpu }) => ({ position, do: 'nmi', target: cpu })),
  };
}

/** How far a run is, on one line of a terminal. */
function progressOn(io: Io, { design, seed, quantum }: Run, switches: number): (coverage: Coverage) => void {
  if (!process.stderr.isTTY) return () => {};
  let last = 0;
  return coverage => {
    if (Date.now() - last < 200) return;
    last = Date.now();
    io.stderr(`\r${design || 'default'}, seed ${seed}, quantum ${quantum}: ${coverage.switchedOn + coverage.switchedOff} of ${switches} switches, ${Math.floor(coverage.steps / 1e6)} million steps \x1b[K\r`);
  };
}

/** `12,345`. */
export function group(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
