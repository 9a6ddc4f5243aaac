import type { Debuggee } from '../../dap/debuggee.js';
import { SHADOW_BIT } from '../../kaiser/index.js';
import { readWord } from '../../paging/index.js';
import { validateLaunch } from '../../dap/launchArguments.js';
import { makeMachine } from '../machineOptions.js';
import type { Io } from '../option.js';

/** How long a switch takes, from the beginning of the design's protocol to its end, in steps that each CPU has made meanwhile. */
export interface SwitchTime {
  cpus: number;
  processes: number;
  /** The median of three; undefined where the design does not switch that way. */
  off?: number;
  on?: number;
}

const UNTIL = 2_000_000_000;
const TIMES = 3;

/** Switches a design three times off and on while programs run on all CPUs, and takes the time. */
export async function switchTime(design: string, cpus: number, io: Io): Promise<SwitchTime> {
  const programs = Array.from({ length: cpus }, (_, i) => (i % 2 ? 'storm 0 &' : 'spin &'));
  const debuggee = await makeMachine(validateLaunch({ cpus, append: `kaiser_design=${design}`, script: [...programs, `toggle ${TIMES}`, 'poweroff'] }), io);
  const { target } = debuggee;
  const took: Record<'on' | 'off', number[]> = { on: [], off: [] };
  let begun = 0;
  probe(debuggee, 'kaiser_toggle_begin', () => { begun = target.position; });
  probe(debuggee, 'kaiser_toggle_end', cpu => { took[target.readRegister(cpu, 'edi') ? 'on' : 'off'].push((target.position - begun) / cpus); });
  target.setExceptionStops(exception => debuggee.spinWatch.observe(exception), -1);
  await target.run({ until: UNTIL });
  const median = (times: number[]): number | undefined => times.sort((a, b) => a - b)[times.length >> 1];
  const off = median(took.off), on = median(took.on);
  // The programs, the shell, and the one that switches.
  return { cpus, processes: cpus + 2, ...(off === undefined ? {} : { off }), ...(on === undefined ? {} : { on }) };
}

/** What the page tables of a process take. */
export interface TableBytes { all: number; shadow: number }

/** Counts the tables of the shell's address space, once it waits for its first line: its root or pair of roots, and whatever its user half leads to. */
export async function tableBytes(append: string, io: Io): Promise<TableBytes | undefined> {
  const debuggee = await makeMachine(validateLaunch({ cpus: 1, append }), io);
  const ready = debuggee.symbols.table.addressOf('kaiser_shell_ready');
  if (ready === undefined) return undefined;
  debuggee.target.setBreakpoints([{ address: ready }]);
  const stop = await debuggee.target.run({ until: UNTIL });
  const view = debuggee.kaiser.machineView(), init = view?.guest.initRoot();
  const root = view?.guest.tasks().find(task => task.pid === 1)?.kernelRoot;
  if (stop.kind !== 'breakpoint' || !view || root === undefined || init === undefined) return undefined;
  const entry = (table: number, index: number): number => Number((readWord(view.reader, table + index * 8) ?? 0n) & 0x000f_ffff_ffff_ffffn);
  const PRESENT = 1, LARGE = 0x80;
  const tablesBelow = (table: number, level: number, count: number): number => {
    let tables = 0;
    for (let i = 0; i < count; i++) {
      const value = entry(table, i);
      if (!(value & PRESENT) || (level < 4 && value & LARGE) || level === 1) continue;
      tables += 1 + tablesBelow(value - value % 4096, level - 1, 512);
    }
    return tables;
  };
  // The second page is a shadow half if its kernel slots are those of the first one's.
  const SHADOW = Number(SHADOW_BIT), LAST = 511;
  const isPair = entry(Number(root) + SHADOW, LAST) >> 12 === entry(Number(init) + SHADOW, LAST) >> 12 && entry(Number(root) + SHADOW, LAST) !== 0;
  const shadow = isPair ? 4096 : 0;
  return { all: 4096 * (1 + tablesBelow(Number(root), 4, 256)) + shadow, shadow };
}

function probe({ symbols, target }: Debuggee, name: string, listener: (cpu: number) => void): void {
  const address = symbols.table.addressOf(name);
  if (address === undefined) throw new Error(`The kernel has no symbol ${name}: switches of the built-in kernel, or of one made from its sources, can be timed.`);
  target.addProbe(address, listener);
}
