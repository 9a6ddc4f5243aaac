import { predicateById, predicates } from '../../kaiser/index.js';
import type { Wanted } from '../../kaiser/index.js';
import type { Debuggee } from '../debuggee.js';
import { RequestError } from '../errors.js';
import type { Expression } from '../expression/ast.js';
import { evaluate, isTrue } from '../expression/evaluate.js';
import type { Scope } from '../expression/evaluate.js';
import { parseCondition } from '../expression/expression.js';
import { machineScope } from '../expression/machineScope.js';
import type { BrokenRule } from '../invariantChecks.js';

export const invariantConditionHelp =
  'Which rules: a list such as P5 P10, or a condition such as P5 || P20, !P17, predicate == P6, hazard == H13 && cpu == 1 (also registers)';

/** What a condition can ask about. */
type Broken = Pick<BrokenRule, 'predicate' | 'hazard' | 'cpu'>;

/** The rules of KAISER that a session stops at. */
export interface InvariantCondition {
  /** What need not be looked at, as the condition cannot be true for it, costs nothing. */
  wants: Wanted;
  accepts: (broken: Broken, debuggee: Debuggee) => boolean;
}

const listOfNames = /^\s*P\d+(?:[\s,]+P\d+)*[\s,]*$/i;
const predicateName = /^P\d+$/;
const hazardName = /^H\d+$/;
/** The number of a hazard that is none: a rule whose state does not tell one. */
const NO_HAZARD = 0xffff_ffff_ffff_ffffn;

/**
 * Reads the condition of the filter. Each name of a predicate or hazard is its number if it is the one at hand and else 0, so that it serves as
 * a condition by itself and beside `predicate` and `hazard`, which are the numbers at hand.
 * @throws RequestError or ExpressionError with a message for the user
 */
export function parseInvariantCondition(text: string, debuggee: Debuggee): InvariantCondition {
  if (text.trim() === '') return { wants: () => true, accepts: () => true };
  for (const [name] of text.matchAll(/\b[PH]\d+\b/gi)) {
    if (/^p/i.test(name) ? !predicateById(name.toUpperCase()) : !(Number(name.slice(1)) >= 1 && Number(name.slice(1)) <= 32)) {
      throw new RequestError(`In "${text}": there is no ${/^p/i.test(name) ? `predicate ${name}; there are P1 to P${predicates.length}` : `hazard ${name}; there are H1 to H32`}.`);
    }
  }
  if (listOfNames.test(text)) {
    const names = new Set(text.toUpperCase().match(/P\d+/g));
    return { wants: predicate => names.has(predicate), accepts: ({ predicate }) => names.has(predicate) };
  }
  const written = text.replaceAll(/\b[ph](?=\d+\b)/g, letter => letter.toUpperCase());
  const scopeOf = ({ predicate, hazard, cpu }: Broken, debuggee: Debuggee): Scope => {
    const machine = machineScope(debuggee, cpu ?? 0);
    const number = (name: string): bigint => BigInt(name.slice(1));
    return {
      ...machine,
      lookup: name => {
        if (name === 'predicate') return number(predicate);
        if (name === 'hazard') return hazard !== undefined && hazardName.test(hazard) ? number(hazard) : NO_HAZARD;
        if (predicateName.test(name)) return name === predicate ? number(name) : 0n;
        if (hazardName.test(name)) return name === hazard ? number(name) : 0n;
        return machine.lookup(name);
      },
    };
  };
  const expression = parseCondition(written, scopeOf({ predicate: 'P1' }, debuggee));
  const accepts: InvariantCondition['accepts'] = (broken, machine) => {
    try {
      return isTrue(evaluate(expression, scopeOf(broken, machine), written));
    } catch {
      // Memory that cannot be read, or a word for a number: a stop can at least be looked at.
      return true;
    }
  };
  const byPredicate = namesIn(expression).every(name => name === 'predicate' || predicateName.test(name));
  if (!byPredicate) return { wants: () => true, accepts };
  const wanted = new Set(predicates.filter(({ id }) => accepts({ predicate: id }, debuggee)).map(({ id }) => id));
  if (wanted.size === 0) throw new RequestError(`"${text}" is true for none of P1 to P${predicates.length}: nothing would be checked. Write for example P5 || P20.`);
  return { wants: predicate => wanted.has(predicate), accepts };
}

function namesIn(node: Expression): string[] {
  switch (node.kind) {
    case 'name': return [node.name];
    case 'unary': return namesIn(node.operand);
    case 'memory': return ['', ...namesIn(node.address)];
    case 'binary': return [...namesIn(node.left), ...namesIn(node.right)];
    default: return [];
  }
}
