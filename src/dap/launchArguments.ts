import { launchAttributes } from './launchSchema.js';
import type { AttributeSchema, CpuFeature, EventConfiguration } from './launchSchema.js';
import { nearestName } from './nearest.js';

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
export class LaunchError extends Error {}

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
const examples: Record<string, unknown> = {
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
  const checked = validateObject('', known, launchAttributes);
  return {
    ...checked,
    script: toLines(checked['script']),
    noDebug: attributes['noDebug'] === true,
  } as unknown as LaunchArguments;
}

function validateObject(
  prefix: string,
  given: Record<string, unknown>,
  schema: Readonly<Record<string, AttributeSchema>>,
): Record<string, unknown> {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(schema, name)) continue;
    const like = nearestName(name, Object.keys(schema));
    throw new LaunchError(
      `There is no launch attribute "${prefix}${name}".` +
        `${like ? ` Did you mean "${prefix}${like}"?` : ''} The attributes${prefix ? ` of ${prefix.slice(0, -1)}` : ''} are ${Object.keys(schema).join(', ')}.`,
    );
  }
  const result: Record<string, unknown> = {};
  for (const [name, attribute] of Object.entries(schema)) result[name] = validateValue(prefix + name, given[name], attribute);
  return result;
}

function validateValue(name: string, value: unknown, attribute: AttributeSchema): unknown {
  if (value === undefined || value === null) {
    return attribute.properties ? validateObject(`${name}.`, {}, attribute.properties) : attribute.default;
  }
  const wrong = (problem: string, advice: string): LaunchError =>
    new LaunchError(`The launch attribute "${name}" is ${show(value)}: ${problem}. ${advice}`);
  const example = examples[name] ?? attribute.default ?? (attribute.type === 'integer' ? attribute.minimum : undefined);
  const write =
    example === undefined || example === '' ? 'Leave it out for the default.' : `Write for example ${JSON.stringify(example)}.`;
  const types = Array.isArray(attribute.type) ? (attribute.type as readonly string[]) : [attribute.type as string];
  const isText = typeof value === 'string' && types.includes('string');
  const { items } = attribute;
  if (types.includes('array') && items?.type === 'object') {
    if (!Array.isArray(value)) throw wrong('it must be a list of objects', write);
    return value.map((one, index) => validateValue(`${name}[${index}]`, one ?? 'null', items));
  }
  if (types.includes('array')) {
    if (isText || (Array.isArray(value) && value.every(line => typeof line === 'string'))) return value;
    throw wrong(`it must be ${isTextAllowed(types)}a list of texts`, write);
  }
  switch (types[0]) {
    case 'integer': {
      if (typeof value !== 'number') throw wrong('it must be a number', write);
      if (!Number.isInteger(value)) throw wrong('it must be a whole number', write);
      const { minimum = -Infinity, maximum = Infinity } = attribute;
      if (value < minimum || value > maximum)
        throw wrong(`it must be from ${minimum} to ${maximum}`, attribute.default === undefined ? write : `The default is ${String(attribute.default)}.`);
      return value;
    }
    case 'boolean':
      if (typeof value !== 'boolean') throw wrong('it must be true or false', 'Write it without quotes.');
      return value;
    case 'object':
      if (typeof value !== 'object' || Array.isArray(value)) throw wrong('it must be an object', write);
      for (const needed of attribute.required ?? []) {
        if (!Object.hasOwn(value, needed)) throw wrong(`it has no "${needed}"`, write);
      }
      return validateObject(`${name}.`, value as Record<string, unknown>, attribute.properties ?? {});
    default: {
      if (!isText) throw wrong('it must be a text', write);
      if (attribute.enum && !attribute.enum.includes(value)) {
        const like = nearestName(value, attribute.enum);
        throw wrong(
          'this value is unknown',
          `${like ? `Did you mean "${like}"? ` : ''}The values are ${attribute.enum.join(', ')}.`,
        );
      }
      // An editor that has no value for a variable leaves the text empty.
      return value === '' ? attribute.default : value;
    }
  }
}

function isTextAllowed(types: readonly string[]): string {
  return types.includes('string') ? 'a text or ' : '';
}

/** The lines of a script given as one text or as a list; a final line break adds no line. */
export function toLines(script: unknown): string[] {
  const lines = Array.isArray(script) ? (script as string[]) : String(script ?? '').split(/\r?\n/);
  return lines.length > 0 && lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
