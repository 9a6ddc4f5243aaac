import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Debuggee } from '../dap/debuggee.js';
import { toLines, validateLaunch } from '../dap/launchArguments.js';
import type { LaunchArguments } from '../dap/launchArguments.js';
import { launchAttributes } from '../dap/launchSchema.js';
import type { CpuFeature } from '../dap/launchSchema.js';
import { nearestName } from '../dap/nearest.js';
import { readModules, readProgram } from '../dap/readProgram.js';
import { nodeHost } from '../entry/nodeHost.js';
import { UsageError } from './option.js';
import type { Arguments, Io, Option, Positional } from './option.js';
import { integer } from './parse.js';

const features = Object.keys(launchAttributes.cpuFeatures.properties!) as CpuFeature[];
const range = (name: 'cpus' | 'memory' | 'quantum' | 'seed'): string =>
  `${launchAttributes[name].minimum} to ${launchAttributes[name].maximum}`;

export const elfArgument: Positional = {
  name: 'ELF',
  optional: true,
  description: 'the kernel, an ELF file with a PVH entry note or a file with a multiboot 1 header; without it the built-in kernel',
};

/** The options that make a machine, shared by the commands that boot one. */
export const machineOptions: readonly Option[] = [
  { name: 'append', value: 'TEXT', description: 'The kernel command line.', default: 'empty' },
  {
    name: 'module',
    value: 'FILE[=TEXT]',
    multiple: true,
    description: 'A file to load beside the kernel, as a boot module of PVH or multiboot, with the text that the kernel is given for it.',
  },
  {
    name: 'script',
    value: 'FILE',
    multiple: true,
    description: "A file of lines to type at the guest's console; - is standard input.",
  },
  { name: 'line', value: 'TEXT', multiple: true, description: "A line to type at the guest's console, after those of --script." },
  {
    name: 'cpus',
    value: 'N',
    description: `The number of CPUs, ${range('cpus')}.`,
    default: String(launchAttributes.cpus.default),
  },
  {
    name: 'memory',
    value: 'MIB',
    description: `The size of memory in MiB, ${range('memory')}.`,
    default: String(launchAttributes.memory.default),
  },
  {
    name: 'schedule',
    value: 'RULE',
    default: 'round-robin',
    description: 'How CPUs take turns: round-robin[:QUANTUM], or random:SEED[:QUANTUM] with turns of up to QUANTUM instructions.',
  },
  {
    name: 'quantum',
    value: 'N',
    description: `The turn of a CPU in instructions, ${range('quantum')}.`,
    default: String(launchAttributes.quantum.default),
  },
  {
    name: 'seed',
    value: 'N',
    description: `The seed of RDRAND and RDSEED, ${range('seed')}.`,
    default: String(launchAttributes.seed.default),
  },
  {
    name: 'features',
    value: 'LIST',
    description: `CPU features to switch, such as pcid=off,smap=off. There are ${features.join(', ')}; all are on.`,
    default: 'all on',
  },
  {
    name: 'tlb',
    value: 'APPETITE',
    description: 'How long TLBs keep translations: retain, until something must drop them, or forget, not at all.',
    default: String(launchAttributes.tlb.default),
  },
];

/** Launch arguments from the options. Throws UsageError. */
export function launchFromOptions(args: Arguments, program: string | undefined): LaunchArguments {
  const bounded = (name: 'cpus' | 'memory' | 'quantum' | 'seed'): number | undefined =>
    integer(args.text(name), `--${name}`, launchAttributes[name].minimum!, launchAttributes[name].maximum!);
  const schedule = parseSchedule(args.text('schedule'));
  const quantum = bounded('quantum') ?? schedule.quantum;
  const attributes: Record<string, unknown> = {
    program,
    cpus: bounded('cpus'),
    memory: bounded('memory'),
    quantum,
    seed: bounded('seed'),
    append: args.text('append'),
    modules: args.texts('module'),
    script: [...scriptLines(args.texts('script')), ...args.texts('line').flatMap(toLines)],
    schedule: { kind: schedule.kind, seed: schedule.seed },
    cpuFeatures: parseFeatures(args.text('features')),
    tlb: parseAppetite(args.text('tlb')),
  };
  return validateLaunch(attributes);
}

function scriptLines(files: string[]): string[] {
  const lines: string[] = [];
  for (const file of files) {
    let text: string;
    try {
      text = readFileSync(file === '-' ? '/dev/stdin' : file, 'utf8');
    } catch (error) {
      throw new UsageError(
        `--script ${file}: the file cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}). To type a line itself use --line.`,
      );
    }
    lines.push(...toLines(text));
  }
  return lines;
}

/** Reads `round-robin[:Q]` or `random:SEED[:Q]`. */
export function parseSchedule(text = 'round-robin'): {
  kind: 'round-robin' | 'random';
  seed: number;
  quantum: number | undefined;
} {
  const [kind, ...rest] = text.split(':');
  const quantum = (value: string | undefined): number | undefined =>
    integer(value, `the quantum of --schedule ${text}`, launchAttributes.quantum.minimum!, launchAttributes.quantum.maximum!);
  if (kind === 'round-robin' && rest.length <= 1) return { kind, seed: 1, quantum: quantum(rest[0]) };
  if (kind === 'random' && rest.length >= 1 && rest.length <= 2) {
    return { kind, seed: integer(rest[0], `the seed of --schedule ${text}`, 0, 0xffffffff)!, quantum: quantum(rest[1]) };
  }
  throw new UsageError(`--schedule is "${text}": write round-robin, round-robin:QUANTUM, random:SEED or random:SEED:QUANTUM.`);
}

function parseAppetite(text: string | undefined): string | undefined {
  const known = launchAttributes.tlb.enum as readonly string[];
  if (text !== undefined && !known.includes(text)) throw new UsageError(`--tlb is "${text}": write ${known.join(' or ')}.`);
  return text;
}

/** Reads `pcid=off,smap=off`. */
export function parseFeatures(text: string | undefined): Partial<Record<CpuFeature, boolean>> {
  const result: Partial<Record<CpuFeature, boolean>> = {};
  for (const part of (text ?? '')
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')) {
    const [name, state] = part.split('=') as [string, string | undefined];
    if (!(features as string[]).includes(name)) {
      const like = nearestName(name, features);
      throw new UsageError(
        `--features: there is no CPU feature "${name}".${like ? ` Did you mean ${like}?` : ''} There are ${features.join(', ')}.`,
      );
    }
    if (state !== 'on' && state !== 'off') throw new UsageError(`--features: "${part}" must be ${name}=on or ${name}=off.`);
    result[name as CpuFeature] = state === 'on';
  }
  return result;
}

/** Reads the kernel and makes the machine. Throws an Error that names the file and what is wrong. */
export async function makeMachine(launch: LaunchArguments, io: Io): Promise<Debuggee> {
  const name = launch.program === undefined ? 'the built-in kernel' : path.basename(launch.program);
  const host = nodeHost(io.installFolder);
  return Debuggee.create(launch, await readProgram(host, launch.program), name, await readModules(host, launch.modules));
}
