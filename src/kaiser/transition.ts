import type { ExceptionRecord, Scene, Verdict } from './crash.js';
import type { Flip, ParanoidFrame } from './history.js';
import type { PageFaultView } from './pageFault.js';
import type { Situation } from './situation.js';

/**
 * Hazards that look the same when they strike and differ in where the CPU was when the switch was made (research/kaiser.md, 2.2).
 * A CPU that misses its switch was in user mode (H1) or already on its way there (H2). User code on the kernel half was left there
 * by an exit that was told not to switch, since KAISER was being switched off (H3); was there before it was switched on (H4); got there behind
 * a question that was answered too early (H5); or was put there by a paranoid handler that did not put CR3 back, because the flag
 * had changed (H7) or though it had not (the gap of 4.15-rc). A CR3 that was never saved comes of a flag that became 1 under
 * such a handler (H6), also when the machine was stopped for it (H8). Without a history the first of each family is named.
 */

/** The historical gap has no number. */
export const PARANOID_GAP = 'paranoid_exit';

/** Functions in which stopped CPUs wait: the guest's, Linux's. */
export const stoppers: ReadonlySet<string> = new Set(['stopper', 'stop_here', 'multi_cpu_stop']);

/** `at position 1234, written by CPU 0, while CPU 1 was in user mode at 0x401000 on the shadow half`. */
function describeFlip(scene: Scene, flip: Flip, cpu: number): string {
  const situation = flip.situations[cpu];
  return `at position ${flip.position}, written by CPU ${flip.writer}${situation ? `, while CPU ${cpu} ${describeSituation(scene, situation)}` : ''}`;
}

function describeSituation(scene: Scene, { where, half, rip, path, decided, handler }: Situation): string {
  const place = scene.place(rip);
  const by = path ? ` by ${path}` : '';
  const was = where === 'user' ? `was in user mode at ${place} on the ${half} half`
    : where === 'entering' ? `was on its way in${by} at ${place}, ${decided ? 'told to switch' : 'where it had not asked yet'}`
      : where === 'leaving' ? `was on its way out${by} at ${place}, ${half === 'shadow' ? 'with the shadow half loaded' : 'where it had asked already'}`
        : `was in the kernel at ${place}`;
  return handler ? `was in the handler of ${handler}; before that it ${was}` : was;
}

/**
 * What a missed switch (P20) is the mark of, with sentences about when the flag changed and what was skipped; undefined where nobody has watched it.
 * @param entry the symbol of the entry by which the CPU came, where that is known
 */
export function missedSwitchByHistory(scene: Scene, record: ExceptionRecord, entry: string | undefined): { hazard: 'H1' | 'H2'; text: string } | undefined {
  const flip = scene.facts.history?.lastFlip(record.cpu, record.position);
  if (flip?.to !== 0) return undefined;
  const write = entry === undefined ? undefined : switchOf(scene, entry);
  return {
    hazard: flip.situations[record.cpu]?.where === 'leaving' ? 'H2' : 'H1',
    text: ` The flag had become 0 ${describeFlip(scene, flip, record.cpu)}. An entry that finds the shadow half in CR3 must switch, whatever the flag says by then${write ? `; it went wrong where the write to CR3${write} was skipped` : ''}.`,
  };
}

/** The write to CR3 that belongs to an entry: itself, its own, or that of the code which it shares with others. */
function switchOf(scene: Scene, entry: string): string {
  const own = entry.endsWith('_cr3') ? atSymbol(scene, entry) : atSymbol(scene, `${entry}_cr3`);
  return own || atSymbol(scene, /^(?:irq_entry|entry_(?:timer|spurious|int80|ipi_\w+))$/.test(entry) ? 'entry_irq_cr3' : 'entry_error_cr3');
}

/** ` at 0xffffffff8010ab5c (exit_paranoid_cr3)`; nothing for a kernel without the symbol. */
function atSymbol(scene: Scene, symbol: string): string {
  const address = scene.facts.symbols?.table.addressOf(symbol);
  return address === undefined ? '' : ` at ${scene.place(address)}`;
}

/** User code on the kernel half, stopped by the poison (P21). @param found what was found so far, as sentences */
export function tripwireByHistory(scene: Scene, { record }: PageFaultView, found: string): Verdict | undefined {
  const { history, kaiser, toggling } = scene.facts;
  const { cpu } = record;
  if (!history || kaiser?.flag === undefined) return undefined;
  const verdict = (hazard: string, predicate: string, title: string, text: string): Verdict => ({ hazard, predicate, title, cause: record, text: `${found} ${text}` });
  const frame = history.lastFrame(cpu);
  if (frame?.left && leftBehind(scene, frame, record)) {
    const { entered, left } = frame;
    const story = `${capital(frame.handler)} had come at position ${entered.position}, when CPU ${cpu} ${describeSituation(scene, entered.situation)}. Its handler went to the kernel half`;
    if (entered.flag === left.flag) {
      return verdict(PARANOID_GAP, 'P14', 'A paranoid exit left the kernel CR3 behind',
        `${story} and returned at position ${left.position} without putting CR3 back${atSymbol(scene, 'exit_paranoid_cr3')}, though kaiser was on all the time: it goes by GS, which was the kernel's. What it had interrupted should have had its shadow half again.`);
    }
    const flip = history.lastFlip(cpu, left.position);
    return verdict('H7', 'P14', 'A paranoid exit was told not to put CR3 back',
      `${story}, since kaiser was on, and returned at position ${left.position} without putting CR3 back${atSymbol(scene, 'exit_paranoid_cr3')}, since it was off${flip ? `: the flag had become 0 ${describeFlip(scene, flip, cpu)}` : ''}. What it had interrupted should have had its shadow half again.`);
  }
  const flip = history.lastFlip(cpu, record.position);
  if (!flip || flip.to !== kaiser.flag) return undefined;
  if (flip.to === 0) {
    if (toggling !== 0) return undefined;
    return verdict('H3', 'P21', 'Told not to switch before the poison was out',
      `CPU ${cpu} came in on the shadow half and left by an exit that did not switch: the flag had become 0 ${describeFlip(scene, flip, cpu)}. The poison should have been out of its table by then; the toggle is still about it.`);
  }
  if (flip.situations[cpu]?.where !== 'leaving') return undefined;
  return verdict('H5', 'P21', 'On its way out behind the question whether to switch',
    `The flag had become 1 ${describeFlip(scene, flip, cpu)}. It should have been on the shadow half when it came to user mode, and was not protected since; then the poison came.`);
}

/** Whether a CPU is in user mode on the kernel half because of how this handler returned. */
function leftBehind(scene: Scene, { entered, left }: ParanoidFrame, record: ExceptionRecord): boolean {
  if (entered.cr3.half !== 'shadow' || left?.cr3.half !== 'kernel' || left.position > record.position) return false;
  if (entered.situation.where !== 'user' && entered.situation.where !== 'leaving') return false;
  // What comes first in user mode is the fetch that fails: any other exception since has come by way of the kernel.
  return !scene.facts.exceptions.some(one => one.position > left.position && one.position < record.position);
}

/** Why a value that is no CR3 may have been written to it: the paranoid handler that has not saved one. Undefined where none is known to have. */
export function unsavedCr3(scene: Scene, cpu: number): { hazard: 'H6' | 'H8'; text: string } | undefined {
  const { history, kaiser } = scene.facts;
  const flagNow = kaiser?.flag, open = history?.openFrame(cpu), last = history?.lastFrame(cpu);
  const frame = open?.entered.flag === 0 && flagNow === 1 ? open
    : last?.left && last.entered.flag === 0 && last.left.flag === 1 && last.left.cr3.root !== last.entered.cr3.root ? last : undefined;
  if (!frame) return undefined;
  const { situation, position } = frame.entered;
  const stopper = scene.facts.symbols?.table.functionAt(situation.rip)?.symbol.name ?? '';
  const flip = history?.lastFlip(cpu);
  const isStopped = stoppers.has(stopper);
  return {
    hazard: isStopped ? 'H8' : 'H6',
    text: `${capital(frame.handler)} had come at position ${position}, while kaiser was off, when CPU ${cpu} ${describeSituation(scene, situation)}: its entry saved nothing.`
      + `${flip?.to === 1 && flip.position >= position ? ` The flag became 1 at position ${flip.position}, written by CPU ${flip.writer}${isStopped ? ' with all CPUs stopped, which keeps interrupts out but no such handler' : ''}.` : ''}`
      + ` Its exit wrote a register to CR3${atSymbol(scene, 'exit_paranoid_cr3')} that it had never loaded; it should have put back what was there.`,
  };
}

function capital(text: string): string { return `${text[0]!.toUpperCase()}${text.slice(1)}`; }
