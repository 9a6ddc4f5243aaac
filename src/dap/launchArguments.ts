import { AttributeCheck, AttributeError, show } from './attributeCheck.js';
import type { CheckRate } from './checkRate.js';
import { launchAttributes } from './launchSchema.js';
import type { CpuFeature, EventConfiguration } from './launchSchema.js';

/** Launch attributes after validation, with the defaults filled in. */
export interface LaunchArguments {
  /** Path of the scenario file that the other attributes come from, as far as the configuration does not say them itself. */
  scenario: string | undefined;
  /** The machine of the scenario that has the cure. */
  cured: boolean;
  /** Path of the kernel; undefined for the built-in one. */
  program: string | undefined;
  cpus: number;
  append: string;
  /** Files to load beside the kernel, each `path` or `path=text`. */
  modules: string[];
  /** Lines for the guest's console. */
  script: string[];
  events: EventConfiguration[];
  stopOnEntry: boolean;
  stopAt: string | undefined;
  /** MiB. */
  memory: number;
  /** How often rules of KAISER are checked, if they are. */
  checkInvariants: CheckRate;
  /** Instructions. */
  quantum: number;
  schedule: { kind: 'round-robin' | 'random'; seed: number };
  /** Of RDRAND and RDSEED. */
  seed: number;
  cpuFeatures: Record<CpuFeature, boolean>;
  tlb: 'retain' | 'forget';
  sourceRoot: string | undefined;
  /** DAP: run without debugging; breakpoints are ignored. */
  noDebug: boolean;
}

/** A launch attribute with a wrong name or value. */
export class LaunchError extends AttributeError {}

/** Attributes that belong to the editor and to the protocol; the adapter takes and ignores them. */
const editorAttributes = new Set([
  'name',
  'type',
  'request',
  'preLaunchTask',
  'postDebugTask',
  'presentation',
  'internalConsoleOptions',
  'debugServer',
  'serverReadyAction',
  'suppressMultipleSessionWarning',
  'noDebug',
  'restart',
  'windows',
  'linux',
  'osx',
  'cwd',
  'env',
  'console',
]);

/** What to write, for attributes whose type alone does not say it. */
export const launchExamples: Readonly<Record<string, unknown>> = {
  scenario: '${workspaceFolder}/my.kaiserscope.json',
  program: '${workspaceFolder}/vmlinux',
  append: 'kaiser=off',
  modules: ['initrd.img', 'driver.bin=irq=5'],
  script: ['ps', 'storm 100'],
  stopAt: 'entry_syscall64',
  schedule: { kind: 'random', seed: 7 },
  events: [{ at: 'exit_sysret', cpu: 1, do: 'nmi' }],
  cpuFeatures: { pcid: false },
  tlb: 'forget',
  sourceRoot: '${workspaceFolder}',
};

/**
 * Checks the arguments of a launch request against the schema.
 * Throws LaunchError that names the attribute and its value, what is wrong and what to do.
 */
export function validateLaunch(given: unknown): LaunchArguments {
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given))) {
    throw new LaunchError(`The launch arguments are ${show(given)}, not an object with attributes.`);
  }
  const attributes = (given ?? {}) as Record<string, unknown>;
  const known: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(attributes)) {
    // Names with two underscores are put in by clients for themselves.
    if (!editorAttributes.has(name) && !name.startsWith('__')) known[name] = value;
  }
  const checked = new AttributeCheck('launch attribute', launchExamples, LaunchError).object('', known, launchAttributes);
  return {
    ...checked,
    script: toLines(checked['script']),
    noDebug: attributes['noDebug'] === true,
  } as unknown as LaunchArguments;
}

/** The lines of a script given as one text or as a list; a final line break adds no line. */
export function toLines(script: unknown): string[] {
  const lines = Array.isArray(script) ? (script as string[]) : String(script ?? '').split(/\r?\n/);
  return lines.length > 0 && lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}
