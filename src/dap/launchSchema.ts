/**
 * The launch attributes, once. From this table scripts/generate-manifest.mjs writes the manifest's
 * configurationAttributes, their texts in package.nls.json and docs/launch.md; the adapter checks a launch request
 * against it.
 */

import type { TargetConfiguration } from '../target/target.js';
import { type CheckRate, checkRates } from './checkRate.js';

/** What a launch configuration holds, beside VS Code's own attributes (type, request, name). */
export interface LaunchConfiguration {
  program?: string;
  sourceRoot?: string;
  cpus?: number;
  memory?: number;
  append?: string;
  modules?: string[];
  script?: string | string[];
  events?: EventConfiguration[];
  stopOnEntry?: boolean;
  stopAt?: string;
  checkInvariants?: CheckRate;
  quantum?: number;
  schedule?: ScheduleConfiguration;
  seed?: number;
  cpuFeatures?: Partial<Record<CpuFeature, boolean>>;
  scenario?: string;
  cured?: boolean;
  tlb?: 'retain' | 'forget';
}

/** Every part of the processor that a machine can be without. */
export type CpuFeature = keyof TargetConfiguration['features'];

export interface ScheduleConfiguration {
  kind: 'round-robin' | 'random';
  seed?: number;
}

/** Something that comes to the machine from outside at an exact moment (scriptedEvents.ts). */
export interface EventConfiguration {
  at?: string;
  cpu?: number;
  count?: number;
  position?: number;
  do: 'nmi' | 'machineCheck' | 'hold' | 'release' | 'poke' | 'wait';
  target?: number;
  value?: number;
}

/** The part of JSON Schema that an attribute uses. */
export interface AttributeSchema {
  type: 'string' | 'integer' | 'boolean' | 'object' | 'array' | readonly ('string' | 'array')[];
  /** English text for the editor and docs/launch.md; the manifest holds a key in its place. */
  description: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  enum?: readonly string[];
  enumDescriptions?: readonly string[];
  items?: { type: 'string'; enum?: readonly string[] } | AttributeSchema;
  properties?: Readonly<Record<string, AttributeSchema>>;
  required?: readonly string[];
  additionalProperties?: false;
  /** For an object: left out it is nothing, and not an object of defaults. */
  isOptional?: true;
}

/** What each feature is, in the order in which they are listed. */
const features: Record<CpuFeature, string> = {
  pcid: 'Process-context identifiers (PCID).',
  invpcid: 'The INVPCID instruction.',
  smep: 'Supervisor-mode execution prevention (SMEP).',
  smap: 'Supervisor-mode access prevention (SMAP).',
  umip: 'User-mode instruction prevention (UMIP).',
  fsgsbase: 'The RDFSBASE, RDGSBASE, WRFSBASE and WRGSBASE instructions.',
  pge: 'Global pages (PGE).',
  nx: 'Pages without execution (NX).',
  pku: 'Protection keys of user pages (PKU).',
  pages1g: 'Pages of 1 GiB.',
  syscall: 'The SYSCALL and SYSRET instructions.',
  sep: 'The SYSENTER and SYSEXIT instructions.',
  x2apic: 'The x2APIC mode of the local APIC.',
  tscDeadline: 'The TSC-deadline mode of the local APIC\'s timer.',
  rdtscp: 'The RDTSCP instruction.',
  rdpid: 'The RDPID instruction.',
  monitor: 'The MONITOR and MWAIT instructions.',
  rdrand: 'The RDRAND instruction.',
  rdseed: 'The RDSEED instruction.',
  cx16: 'The CMPXCHG16B instruction.',
  popcnt: 'The POPCNT instruction.',
  lzcnt: 'The LZCNT instruction.',
  movbe: 'The MOVBE instruction.',
  bmi1: 'The instructions of BMI1.',
  bmi2: 'The instructions of BMI2.',
  ssse3: 'The instructions of SSSE3.',
  xsave: 'XSAVE and its kin, with CR4.OSXSAVE.',
};

const feature = (description: string): AttributeSchema => ({ type: 'boolean', default: true, description });

export const launchAttributes: Readonly<Record<keyof LaunchConfiguration, AttributeSchema>> = {
  program: {
    type: 'string',
    description: 'The kernel to boot: an ELF file with a PVH entry, or one with a multiboot 1 header. Left out: the kernel that comes with Kaiserscope.',
  },
  sourceRoot: {
    type: 'string',
    description: 'The folder that relative source names in the debug information start from. Left out: the workspace folder; for the built-in kernel, its own sources.',
  },
  cpus: { type: 'integer', minimum: 1, maximum: 8, default: 2, description: 'The number of CPUs.' },
  memory: { type: 'integer', minimum: 32, maximum: 1024, default: 64, description: 'The size of memory in MiB.' },
  append: {
    type: 'string',
    default: '',
    description: 'The kernel command line. The built-in kernel knows `kaiser=on|off` and `kaiser_design=NAME`: stop_machine, naive and nine others (guest/README.md).',
  },
  modules: {
    type: 'array',
    items: { type: 'string' },
    default: [],
    description: 'Files to load beside the kernel, as boot modules of PVH or multiboot: each a path, or `path=text` with the text that the kernel is given for it.',
  },
  script: {
    type: ['string', 'array'],
    items: { type: 'string' },
    default: [],
    description: 'Lines to type at the guest\'s console, as one text or as a list of lines. The guest receives them as soon as it reads its console.',
  },
  events: {
    type: 'array',
    default: [],
    description: 'What comes to the machine from outside at exact moments, so that an interleaving that would need luck happens on purpose. One after the other: each is waited for when the one before it has happened.',
    items: {
      type: 'object',
      description: 'An event: when, and what. Without `at` and `position` it happens together with the event before it.',
      required: ['do'],
      additionalProperties: false,
      properties: {
        at: { type: 'string', description: 'When: a CPU comes to this symbol, `symbol+0x10` or address, before it executes the instruction there.' },
        cpu: { type: 'integer', minimum: 0, maximum: 7, description: 'Only this CPU counts. Left out: any.' },
        count: { type: 'integer', minimum: 1, maximum: 1_000_000, description: 'Only when it has come there for this time, counted from the event before. Left out: the first.' },
        position: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'When, in place of `at`: the machine has completed exactly so many steps.' },
        do: {
          type: 'string',
          enum: ['nmi', 'machineCheck', 'hold', 'release', 'poke', 'wait'],
          enumDescriptions: [
            'A non-maskable interrupt comes.',
            'A machine check is raised.',
            'The CPU gets no turns any more: the others run on while it stands between two instructions.',
            'A CPU that is held gets turns again.',
            'The word that entry code tests is overwritten with `value`, without any protocol.',
            'Nothing: the next event is waited for from here on.',
          ],
          description: 'What happens.',
        },
        target: { type: 'integer', minimum: 0, maximum: 7, description: 'The CPU that it happens to. Left out: the one that came to `at`.' },
        value: { type: 'integer', minimum: 0, maximum: 1, description: 'What `poke` writes.' },
      },
    },
  },
  stopOnEntry: { type: 'boolean', default: false, description: 'Stop at the first instruction of the kernel.' },
  stopAt: {
    type: 'string',
    description: 'A symbol or an address (0x…) to stop at once, the first time that a CPU reaches it.',
  },
  checkInvariants: {
    type: 'string',
    enum: checkRates,
    enumDescriptions: ['At every entry to the kernel, every write to CR3 in entry code, and every exit.', 'After every instruction and event of any CPU as well: thousands of times slower.'],
    default: 'entries',
    description: 'How often the rules of KAISER are checked while the exception filter KAISER Invariant Broken is on (docs/invariants.md).',
  },
  quantum: {
    type: 'integer',
    minimum: 1,
    maximum: 1_000_000,
    default: 1000,
    description: 'The number of instructions that a CPU runs before the next one has its turn.',
  },
  schedule: {
    type: 'object',
    description: 'How the CPUs take turns. The same schedule gives the same run.',
    required: ['kind'],
    additionalProperties: false,
    properties: {
      kind: {
        type: 'string',
        enum: ['round-robin', 'random'],
        enumDescriptions: ['In the order of their numbers, a quantum each.', 'In a random order with random quanta up to `quantum`, decided by `seed`.'],
        default: 'round-robin',
        description: 'The rule that chooses the next CPU.',
      },
      seed: { type: 'integer', minimum: 0, maximum: 4_294_967_295, default: 1, description: 'The seed of a random schedule.' },
    },
  },
  seed: { type: 'integer', minimum: 0, maximum: 4_294_967_295, default: 1, description: 'The seed of the numbers that RDRAND and RDSEED give. The same seed gives the same run.' },
  cpuFeatures: {
    type: 'object',
    description: 'Features to take away from the CPUs, as the guest sees them through CPUID.',
    additionalProperties: false,
    properties: Object.fromEntries(Object.entries(features).map(([name, description]) => [name, feature(description)])),
  },
  scenario: {
    type: 'string',
    description: 'A hazard to show: the path of a scenario file (`*.kaiserscope.json`, such as those in examples/hazards). Its launch attributes apply wherever this configuration has none of its own.',
  },
  cured: { type: 'boolean', default: false, description: 'With `scenario`: run the same machine with the cure, which is to survive.' },
  tlb: {
    type: 'string',
    enum: ['retain', 'forget'],
    enumDescriptions: [
      'They keep a translation until something must drop it: a forgotten flush shows.',
      'They drop it at once: every access goes by the page tables as they are, and a forgotten flush does not matter.',
    ],
    default: 'retain',
    description: 'How long the TLBs of the CPUs keep translations. A processor may do either.',
  },
};
