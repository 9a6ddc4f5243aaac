import { toggleFile } from '../../dap/kaiser.js';

/** What a design lets the guest do with its file, as the guest's own answers tell. */
export type Switching = 'both' | 'off' | 'none';

/** Lines for the guest's shell, and what must be on the console at the end. */
export interface Workload {
  script: string[];
  /** How often each line `NAME: N ok` must have come. */
  expected: Map<string, number>;
  /** Switches that the script asks for. */
  switches: number;
}

/** Exceptions that a process may raise for itself: the kernel ends it and says why. One kind a round. */
const faults = ['null', 'kernel', 'entry', 'text', 'data', 'divide', 'opcode', 'privileged', 'int3', 'step'];

/** Off and on again, so often in a round. */
const PAIRS = 25;

/**
 * All of the guest's programs at once, round by round, while KAISER is switched. The sizes are such that most of them run on
 * through most of a round: `spin` and `storm` until they are killed.
 * @param switches how many are asked for; with `off` there is one, with `none` there is none and it says how long to go on
 */
export function makeWorkload(switching: Switching, switches: number): Workload {
  const script: string[] = [], expected = new Map<string, number>();
  const finite = (line: string, background = true): void => {
    expected.set(line, (expected.get(line) ?? 0) + 1);
    script.push(background ? `${line} &` : line);
  };
  const begin = (round: number): void => {
    script.push('spin &', 'storm 0 &');
    for (const line of ['compat 40', 'ldt 3', 'signals 30', 'touch 150', 'forks 20', 'execs 10']) finite(line);
    script.push(`fault ${faults[round % faults.length]} &`);
  };
  const end = (): void => {
    script.push('kill spin', 'kill storm', 'wait');
  };
  let asked = 0;
  const rounds = switching === 'both' ? Math.ceil(switches / (2 * PAIRS)) : switching === 'off' ? 2 : Math.max(1, Math.ceil(switches / 500));
  for (let round = 0; round < rounds; round++) {
    begin(round);
    if (switching === 'both') {
      const pairs = Math.min(PAIRS, Math.ceil((switches - asked) / 2));
      finite(`toggle ${pairs}`, false);
      asked += 2 * pairs;
    } else {
      finite('storm 300', false);
      if (switching === 'off' && round === 0) {
        script.push(`echo 0 > ${toggleFile}`);
        asked++;
      }
      finite('storm 301', false);
    }
    end();
  }
  script.push(`cat ${toggleFile}`, 'poweroff');
  return { script, expected, switches: asked };
}

/** Lines of the console that tell of something that should not be: a program that failed, or a process that was ended and did nothing wrong. */
export function complaints(console: string): string[] {
  const found: string[] = [];
  for (const line of console.split('\n')) {
    const punished = /sh: \d+ (\S+): (?!not found)/.exec(line);
    if (punished ? punished[1] !== 'fault' : /\b(storm|touch|forks|execs|toggle|compat|ldt|signals|fault): (?!\d+ ok)/.test(line) || /echo: \/|cat: \/|panic/.test(line)) found.push(line);
  }
  return found;
}

/** Lines that should have come and did not, at the end of a run. */
export function missing({ expected }: Workload, console: string): string[] {
  return [...expected].flatMap(([line, count]) => {
    const [name, number] = line.split(' ');
    const seen = console.split(`${name}: ${number} ok\n`).length - 1;
    return seen === count ? [] : [`"${name}: ${number} ok" has come ${seen} times, not ${count}`];
  });
}
