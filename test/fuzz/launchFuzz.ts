import { LaunchError, validateLaunch } from '../../src/dap/launchArguments.js';
import { launchAttributes } from '../../src/dap/launchSchema.js';
import { Random } from '../oracle/random.js';

/** A value of any JSON type, often one that an attribute could take. */
function anything(random: Random, depth = 0): unknown {
  switch (random.below(depth > 2 ? 7 : 9)) {
    case 0: return null;
    case 1: return random.chance(0.5);
    case 2: return random.pick([0, 1, -1, 8, 9, 64, 1e9, 1.5, NaN, Infinity, -0, 2 ** 53]);
    case 3: return random.pick(['', 'random', 'round-robin', 'x'.repeat(200), '\0', '${workspaceFolder}/k', '__proto__', 'pcid', '7']);
    case 4: return random.between(-10, 1000);
    case 5: return undefined;
    case 6: return true;
    case 7: return Array.from({ length: random.below(4) }, () => anything(random, depth + 1));
    default: return Object.fromEntries(Array.from({ length: random.below(4) }, () => [random.pick(['kind', 'seed', 'pcid', 'smep', 'toString', '__proto__', 'constructor', 'x']), anything(random, depth + 1)]));
  }
}

/** Launch arguments are accepted or refused by a message, whatever they are. */
export function fuzzLaunch(options: { seed: number; count: number }): { cases: number; findings: { text: string }[] } {
  const findings: { text: string }[] = [], names = [...Object.keys(launchAttributes), 'name', 'type', '__restart', 'progam', 'toString', 'constructor'];
  for (let n = 0; n < options.count; n++) {
    const random = new Random(options.seed * 0x10001 + n);
    const given = random.chance(0.05) ? anything(random) : Object.fromEntries(Array.from({ length: random.below(5) }, () => [random.pick(names), anything(random)]));
    try {
      validateLaunch(given);
    } catch (error) {
      if (!(error instanceof LaunchError) && findings.length < 5) findings.push({ text: `launch arguments ${JSON.stringify(given)}: ${(error as Error).stack ?? String(error)}` });
    }
  }
  return { cases: options.count, findings };
}
