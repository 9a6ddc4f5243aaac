import { syscallCycles } from '../cost/guest.js';
import type { Scenario } from '../../dap/scenario.js';
import type { Io } from '../option.js';
import type { Switching } from '../soak/workload.js';
import { switchingOf } from './kernel.js';
import { type SwitchTime, switchTime, tableBytes, type TableBytes } from './measures.js';
import { type Trial, tryDesign } from './trial.js';

/** Everything that is known of one design, measured. */
export interface DesignReport {
  design: string;
  switching: Switching;
  trials: Trial[];
  /** With 2 and with 8 CPUs; none where nothing is switched. */
  switches: SwitchTime[];
  /** Of the first process. */
  tables: { on?: TableBytes; off?: TableBytes };
  /** Clock cycles of a system call that does nothing, booted with KAISER on and off. */
  syscall: { on: number; off: number };
}

export const CPU_COUNTS = [2, 8] as const;

/** Tries and measures one design. @param progress is told what comes next */
export async function examineDesign(design: string, scenarios: readonly Scenario[], io: Io, progress: (what: string) => void = () => {}): Promise<DesignReport> {
  progress('what can be switched');
  const switching = await switchingOf({ append: `kaiser_design=${design}` }, io);
  const trials: Trial[] = [];
  for (const scenario of scenarios) {
    progress(scenario.id);
    trials.push(await tryDesign(design, scenario, io));
  }
  const switches: SwitchTime[] = [];
  for (const cpus of switching === 'none' ? [] : CPU_COUNTS) {
    progress(`a switch with ${cpus} CPUs`);
    switches.push(await switchTime(design, cpus, io));
  }
  progress('page tables');
  const on = await tableBytes(`kaiser_design=${design}`, io), off = await tableBytes(`kaiser_design=${design} kaiser=off`, io);
  progress('a system call');
  const syscall = { on: await syscallCycles(`kaiser_design=${design}`, io), off: await syscallCycles(`kaiser_design=${design} kaiser=off`, io) };
  return { design, switching, trials, switches, tables: { ...(on ? { on } : {}), ...(off ? { off } : {}) }, syscall };
}

/** What became of a design in all scenarios of one hazard: the worst. */
export function worstOf(trials: readonly Trial[]): Trial {
  const rank = (trial: Trial): number => (trial.outcome === 'not applicable' ? 0 : trial.outcome === 'safe' ? 1 : trial.named === trial.hazard ? 3 : 2);
  return trials.reduce((worst, one) => (rank(one) > rank(worst) ? one : worst));
}

/** The cell of a table: ✓, ✗, the hazard that came instead, ? for an end without a name, – for not applicable. */
export function mark(trials: readonly Trial[], name: (hazard: string) => string): string {
  const { outcome, named, hazard } = worstOf(trials);
  return outcome === 'safe' ? '✓' : outcome === 'not applicable' ? '–' : named === hazard ? '✗' : named === undefined ? '?' : name(named);
}

/** The hazards of a list of trials, in their order. */
export function hazardsOf(reports: readonly DesignReport[]): string[] {
  return [...new Set(reports.flatMap(report => report.trials.map(trial => trial.hazard)))];
}

export const switchingWords: Record<Switching, string> = { both: 'off and on', off: 'off only', none: 'at boot' };
