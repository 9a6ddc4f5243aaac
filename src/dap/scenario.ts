import { AttributeCheck, AttributeError, show } from './attributeCheck.js';
import { launchExamples, validateLaunch } from './launchArguments.js';
import type { LaunchArguments } from './launchArguments.js';
import { requiredMembers, scenarioEnding, scenarioMembers } from './scenarioSchema.js';
import { baseName } from './sources.js';
import type { CheckRate } from './checkRate.js';
import { PARANOID_GAP, predicates } from '../kaiser/index.js';
import type { InvariantPart, Wanted } from '../kaiser/index.js';

/** A hazard as an experiment: a machine on which it happens, and the same machine with the cure. One JSON file each: those in examples/hazards, and anybody's own. */
export interface Scenario {
  /** Name of the file without its ending. */
  id: string;
  /** H1 to H32, or PARANOID_GAP. */
  hazard: string;
  title: string;
  /** What happens, and where to look. */
  about: string;
  /** The launch attributes as they are written, for the hazard and with the cure. */
  attributes: { broken: Record<string, unknown>; cured: Record<string, unknown> };
  broken: LaunchArguments;
  cured: LaunchArguments;
  /** Steps after which a run that nothing has stopped counts as survived. */
  until: number;
  /** Which rules of KAISER are checked beside exceptions, and when. */
  check?: ScenarioCheck;
}

/** The historical gap of paranoid exits in tables: it has no number. */
export function hazardName(hazard: string): string { return hazard === PARANOID_GAP ? 'gap' : hazard; }

/** When rules are checked: at entries and exits, after every instruction, or every so many steps; from which position on; and which. */
export interface ScenarioCheck { when: CheckRate | number; from: number; wants: Wanted }

type Members = Pick<Scenario, 'hazard' | 'title' | 'about' | 'until'> & { check?: { rate?: CheckRate; every?: number; from: number; parts?: InvariantPart[]; rules?: string[] } };

/**
 * Reads one scenario.
 * @param file its path or name; files that it names are relative to its folder
 * @throws Error that names the file, the member and what it must be
 */
export function parseScenario(file: string, text: string): Scenario {
  const name = baseName(file);
  const wrong = (message: string): Error => new Error(`${name}: ${message}`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw wrong(`this is no JSON: ${(error as Error).message}`);
  }
  if (!isObject(json)) throw wrong(`this is ${show(json)}, not an object.`);
  const given = { ...json };
  // By which other editors may find the schema.
  delete given['$schema'];
  let members: Members;
  try {
    for (const needed of requiredMembers) if (given[needed] === undefined) throw new AttributeError(`There is no "${needed}". Write it: ${scenarioMembers[needed].description}`);
    members = new AttributeCheck('member', launchExamples).object('', given, scenarioMembers) as unknown as Members;
  } catch (error) {
    throw wrong((error as Error).message);
  }
  // As they are written: without the defaults, which would hide what a configuration says.
  const launch = given['launch'] as Record<string, unknown>, cured = given['cured'] as Record<string, unknown>;
  const folder = file.slice(0, file.length - name.length);
  const attributes = { broken: besideFile(launch, folder), cured: besideFile({ ...launch, ...cured }, folder) };
  const { hazard, title, about, until, check } = members;
  return {
    id: name.replace(scenarioEnding, ''), hazard, title, about, until, attributes,
    broken: validateLaunch(attributes.broken), cured: validateLaunch(attributes.cured), ...(check ? { check: checkOf(check, wrong) } : {}),
  };
}

/** What `check` says; without `parts` and `rules` it is about all. */
function checkOf({ rate, every, from, parts, rules }: NonNullable<Members['check']>, wrong: (message: string) => Error): ScenarioCheck {
  const when = rate ?? every;
  if (when === undefined || (rate !== undefined && every !== undefined)) throw wrong('"check" needs either "rate" or "every", and not both: "rate": "entries" checks at each entry and exit.');
  const inPart = (part: InvariantPart): boolean => (parts === undefined ? rules === undefined : parts.includes(part));
  const wanted = new Set(predicates.filter(({ id, part }) => inPart(part) || rules?.includes(id)).map(({ id }) => id));
  return { when, from, wants: predicate => wanted.has(predicate) };
}

/** The attributes with relative paths of files made relative to a folder: nothing, or a path with its last separator. */
function besideFile(attributes: Record<string, unknown>, folder: string): Record<string, unknown> {
  const beside = (path: unknown): unknown => isText(path) && !/^([/\\]|[A-Za-z]:|\$\{)/.test(path) ? folder + path : path;
  const { program, modules } = attributes;
  return { ...attributes, ...(program === undefined ? {} : { program: beside(program) }), ...(isList(modules) ? { modules: modules.map(beside) } : {}) };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isList = (value: unknown): value is unknown[] => Array.isArray(value);
