/**
 * What a scenario file holds, once: from this table scripts/generate-manifest.mjs writes schemas/scenario.schema.json, by which the
 * editor completes and checks such files, and scenario.ts checks them when they are run.
 */
import { PARANOID_GAP, predicates } from '../kaiser/index.js';
import type { InvariantPart } from '../kaiser/index.js';
import { checkRates } from './checkRate.js';
import { launchAttributes } from './launchSchema.js';
import type { AttributeSchema } from './launchSchema.js';

/** What the name of a scenario's file ends with: by it the editor knows one. */
export const scenarioEnding = '.kaiserscope.json';

/** The hazards of switching KAISER at run time (docs/hazards.md), and the gap of the first paranoid exits, which has no number. */
export const hazards: readonly string[] = [...Array.from({ length: 32 }, (_, i) => `H${i + 1}`), PARANOID_GAP];

/** A scenario does not consist of another one. */
const attributes = Object.fromEntries(Object.entries(launchAttributes).filter(([name]) => name !== 'scenario' && name !== 'cured'));

const parts: Record<InvariantPart, string> = {
  cpus: 'each CPU: its CR3, its entries, where it is',
  tables: 'the page tables of all processes',
  tlbs: 'what the TLBs hold',
  paths: 'ways into the kernel and out of it',
  toggles: 'toggles from their beginning to their end',
  exceptions: 'exceptions, which are judged in any case',
};

export const scenarioMembers = {
  hazard: { type: 'string', enum: hazards, description: `The hazard that the machine is to show, H1 to H32 or ${PARANOID_GAP} (docs/hazards.md). What is shown is told from the state of the machine; this is what it is compared with.` },
  title: { type: 'string', description: 'What happens, in one sentence without a full stop.' },
  about: { type: 'string', description: 'What happens and why, and where to look.' },
  launch: { type: 'object', description: 'Launch attributes of the machine on which the hazard happens.', additionalProperties: false, properties: attributes },
  cured: { type: 'object', description: 'Launch attributes that are different with the cure; with them the machine is to survive.', additionalProperties: false, properties: attributes },
  until: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER, default: 20_000_000, description: 'The position after which a machine that nothing has stopped has survived.' },
  check: {
    type: 'object',
    isOptional: true,
    description: 'Has the rules of KAISER checked now and then, for a hazard that no exception shows.',
    additionalProperties: false,
    properties: {
      rate: { type: 'string', enum: checkRates, description: 'Checks at each entry to the kernel, write to CR3 in entry code and exit, or after every instruction as well.' },
      every: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'In the place of `rate`: steps from one check of the machine\'s state to the next.' },
      from: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0, description: 'The position of the first check.' },
      parts: {
        type: 'array',
        items: { type: 'string', enum: Object.keys(parts) },
        description: `What is checked (all, if neither this nor \`rules\` is there): ${Object.entries(parts).map(([name, text]) => `\`${name}\`, ${text}`).join('; ')}.`,
      },
      rules: { type: 'array', items: { type: 'string', enum: predicates.map(({ id }) => id) }, description: 'The rules that are checked, P1 to P24 (docs/invariants.md), beside those of `parts`.' },
    },
  },
} as const satisfies Readonly<Record<string, AttributeSchema>>;

/** The members that a scenario cannot be without. */
export const requiredMembers: readonly (keyof typeof scenarioMembers)[] = ['hazard', 'title', 'about', 'launch', 'cured'];

/** The same as JSON Schema. */
export function scenarioJsonSchema(): object {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A scenario of Kaiserscope',
    description: 'A hazard of switching KAISER at run time as an experiment: a machine on which it happens, and the same machine with the cure.',
    type: 'object',
    required: requiredMembers,
    additionalProperties: false,
    properties: { $schema: { type: 'string' }, ...properties(scenarioMembers) },
  };
}

const properties = (schemas: Readonly<Record<string, AttributeSchema>>): object => Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, property(schema)]));

/** One attribute in the editor's dialect: descriptions are Markdown. */
function property({ description, enumDescriptions, properties: inner, items, isOptional: _, ...rest }: AttributeSchema): object {
  return {
    ...rest,
    markdownDescription: description,
    ...(enumDescriptions ? { markdownEnumDescriptions: enumDescriptions } : {}),
    ...(inner ? { properties: properties(inner) } : {}),
    ...(items ? { items: 'description' in items ? property(items) : items } : {}),
  };
}
