import { validateLaunch } from './launchArguments.js';
import type { LaunchArguments } from './launchArguments.js';
import { baseName } from './sources.js';
import { type InvariantPart, PARANOID_GAP } from '../kaiser/index.js';

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
  /** How often the rules of KAISER are checked, in steps, and from which position on; without it only exceptions are judged. */
  check?: { every: number; from: number; parts: readonly InvariantPart[] };
}

/** The historical gap of paranoid exits in tables: it has no number. */
export function hazardName(hazard: string): string { return hazard === PARANOID_GAP ? 'gap' : hazard; }

const UNTIL = 20_000_000;
const PARTS: readonly InvariantPart[] = ['cpus', 'tables', 'tlbs'];

/** What the name of a scenario's file ends with: by it the editor knows one. */
export const scenarioEnding = '.kaiserscope.json';

/**
 * Reads one scenario.
 * @param file its path or name; files that it names are relative to its folder
 * @throws Error that names the file, the member and what it must be
 */
export function parseScenario(file: string, text: string): Scenario {
  const name = baseName(file);
  const wrong = (message: string): Error => new Error(`${name}: ${message}`);
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw wrong(`this is no JSON: ${(error as Error).message}`);
  }
  const member = <T>(key: string, what: string, is: (value: unknown) => value is T, otherwise?: T): T => {
    const value = json[key] ?? otherwise;
    if (!is(value)) throw wrong(`"${key}" must be ${what}; it is ${JSON.stringify(value) ?? 'missing'}.`);
    return value;
  };
  const known = ['hazard', 'title', 'about', 'launch', 'cured', 'until', 'check'];
  const unknown = Object.keys(json).find(key => !known.includes(key));
  if (unknown !== undefined) throw wrong(`there is no member "${unknown}"; the members are ${known.join(', ')}.`);
  const hazard = member('hazard', `the name of a hazard, H1 to H32 or ${PARANOID_GAP}`, isText);
  if (hazard !== PARANOID_GAP && !/^H([1-9]|[12]\d|3[0-2])$/.test(hazard)) throw wrong(`"hazard" is "${hazard}"; write H1 to H32 or ${PARANOID_GAP}.`);
  const launch = member('launch', 'an object of launch attributes', isObject);
  const cured = member('cured', 'an object with the launch attributes that differ with the cure', isObject);
  const check = json['check'] === undefined ? undefined : member('check', 'an object with "every" and, if wanted, "from"', isObject);
  if (check && !(isCount(check['every']) && (check['from'] === undefined || isCount(check['from'])))) throw wrong('"check" needs "every", a number of steps above 0, and may have "from", a position.');
  const parts = check?.['parts'] ?? PARTS;
  if (!isList(parts) || !parts.every(part => PARTS.includes(part as InvariantPart))) throw wrong(`"parts" of "check" must be a list of ${PARTS.join(', ')}.`);
  const folder = file.slice(0, file.length - name.length);
  const attributes = { broken: besideFile(launch, folder), cured: besideFile({ ...launch, ...cured }, folder) };
  const checkedLaunch = (key: string, given: Record<string, unknown>): LaunchArguments => {
    const own = ['scenario', 'cured'].find(one => Object.hasOwn(given, one));
    if (own) throw wrong(`"${key}" has "${own}", which a scenario cannot have itself. Take it out.`);
    try {
      return validateLaunch(given);
    } catch (error) {
      throw wrong(`"${key}": ${(error as Error).message}`);
    }
  };
  return {
    id: name.replace(scenarioEnding, ''), hazard, title: member('title', 'a text', isText), about: member('about', 'a text', isText),
    attributes, broken: checkedLaunch('launch', attributes.broken), cured: checkedLaunch('cured', attributes.cured), until: member('until', 'a number of steps above 0', isCount, UNTIL),
    ...(check ? { check: { every: Number(check['every']), from: Number(check['from'] ?? 0), parts: parts as InvariantPart[] } } : {}),
  };
}

/** The attributes with relative paths of files made relative to a folder: nothing, or a path with its last separator. */
function besideFile(attributes: Record<string, unknown>, folder: string): Record<string, unknown> {
  const beside = (path: unknown): unknown => isText(path) && !/^([/\\]|[A-Za-z]:|\$\{)/.test(path) ? folder + path : path;
  const { program, modules } = attributes;
  return { ...attributes, ...(program === undefined ? {} : { program: beside(program) }), ...(isList(modules) ? { modules: modules.map(beside) } : {}) };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isList = (value: unknown): value is unknown[] => Array.isArray(value);
