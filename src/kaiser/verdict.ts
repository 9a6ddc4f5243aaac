import { NO_FLUSH_BIT } from './cr3.js';
import { cr3Source } from './cr3Write.js';
import { type CrashFacts, type ExceptionRecord, Scene, type Verdict } from './crash.js';
import { describeDelivery, lastDelivery } from './delivery.js';
import { judgeBootTables, judgeForeignRoot, judgeRoot } from './root.js';
import { judgeGsLook, judgeLdt, namePath } from './entryMistake.js';
import { judgeResurrected, judgeTornPolicy } from './tornWrite.js';
import { judgeUnlisted, judgeUntold } from './poisonMistake.js';
import { type Naming, nameToggling } from './toggleMistake.js';
import { missedSwitchByHistory, tripwireByHistory, unsavedCr3 } from './transition.js';
import { type EntryPath, entryPathOf, firstInterrupted, firstOnEntryStack } from './entryPath.js';
import { describePageFault, exceptionName, pageFaultBits, PF_PRESENT, PF_RESERVED, PF_USER } from './errorCode.js';
import { isMirrorHole, isMissedSwitch, isTripwire, type PageFaultView, poisonStops, viewPageFault, whyStopped } from './pageFault.js';

const PF = 14;
const GP = 13;

/** From so many equal faults in a row on, they are called a loop. */
const REPEATS = 8;

/**
 * Says what happened to a CPU, from its state alone: which rule of KAISER was broken, by what, and what followed.
 * Undefined for what is no explosion: page faults that a kernel answers every day, or an end without any exception.
 */
export function judge(facts: CrashFacts): Verdict | undefined {
  const scene = new Scene(facts);
  const last = facts.exceptions[facts.exceptions.length - 1];
  if (!last) return undefined;
  const found = judgeBootTables(scene) ?? judgeRoot(scene) ?? judgeForeignRoot(scene) ?? judgeGsLook(scene) ?? judgeChain(scene) ?? judgeRepeats(scene) ?? judgeOther(scene, last);
  if (!found) return undefined;
  const delivery = describeDelivery(scene);
  return delivery ? { ...found, text: `${found.text} ${delivery}` } : found;
}

/**
 * The exceptions at the end of the record that belong together: taken in the kernel on a shadow CR3, one after the other
 * with nothing of user mode between. Only the first of them is news; the rest follow from it.
 */
function chainOf(scene: Scene): ExceptionRecord[] {
  const { exceptions } = scene.facts;
  let first = exceptions.length;
  while (first > 0) {
    const record = exceptions[first - 1]!;
    if (record.cpl === 3 || scene.cr3(record).half !== 'shadow') break;
    first--;
  }
  return exceptions.slice(first);
}

function judgeChain(scene: Scene): Verdict | undefined {
  const { facts } = scene;
  const chain = chainOf(scene);
  for (const record of chain) {
    if (record.vector !== PF) continue;
    const view = viewPageFault(scene, record);
    const ldt = judgeLdt(scene, view);
    if (ldt) return ldt;
    // The record keeps the last exceptions only: the first of a long chain is gone once it is full.
    if (isMissedSwitch(view)) return missedSwitch(scene, view, chain.length === facts.exceptions.length && facts.exceptions.length >= 16);
  }
  const last = facts.exceptions[facts.exceptions.length - 1]!;
  for (const record of lastDelivery(facts.exceptions)) {
    if (record.vector !== PF || record.errorCode === undefined) continue;
    const view = viewPageFault(scene, record);
    const found = record.cpl === 3 ? judgeUserFault(scene, view) : undefined;
    if (found) return found;
  }
  return last.vector === GP ? judgeCr3Write(scene, last) : undefined;
}

/** P20: kernel code on the shadow CR3. */
function missedSwitch(scene: Scene, view: PageFaultView, cut: boolean): Verdict {
  const { facts } = scene;
  const { record } = view;
  const last = facts.exceptions[facts.exceptions.length - 1];
  const early = cut ? firstOnEntryStack(scene, record) : undefined;
  const path: EntryPath = early ?? entryPathOf(scene, record, record === last && facts.event === 'exception');
  const by = path.words ? ` by ${path.words}${path.symbol ? ` (${path.symbol})` : ''}` : '';
  // Of a chain that has outgrown the record, the entry stack still tells where it began.
  const origin = cut ? firstInterrupted(scene, record) : undefined;
  const unreachable = origin !== undefined && scene.walk(scene.cr3(record).shadowRoot, origin).result.kind !== 'mapped';
  const address = origin !== undefined && unreachable ? origin : view.address;
  const fetch = origin !== undefined && unreachable ? true : view.fetch;
  const what = fetch ? 'went on to' : view.access.kind === 'write' ? 'wrote to' : 'touched';
  const place = (address: bigint): string => scene.place(address);
  const named = namePath(scene, record, path) ?? (path.direction === 'entering' ? nameToggling(scene, record) : undefined);
  if (path.direction === 'leaving') {
    return {
      predicate: 'P5', title: 'Kernel code ran on behind the switch to the shadow CR3', ...named, cause: record,
      text: `CPU ${record.cpu} was leaving for user mode${by}, had the shadow CR3 loaded and ${what} ${place(address)}, which it does not map.${named?.text ?? ''}`,
    };
  }
  const flag = facts.kaiser?.flag;
  const stayed = flag === 0 ? ', found kaiser off, stayed' : flag === undefined ? ' and stayed' : ', though kaiser is on, stayed';
  const instruction = fetch ? '' : ` The instruction is ${place(record.rip)}.`;
  const handler = record === last ? '' : ` The handler of that fault runs on the same CR3 and cannot work either${withoutEnd(facts)}.`;
  const patching = facts.kaiser?.halfPatched;
  const history = missedSwitchByHistory(scene, record, path.symbol);
  return {
    hazard: patching ? 'H23' : history?.hazard ?? 'H1', predicate: 'P20', title: patching ? 'Missed switch: entry code is patched only in part' : 'Missed switch: kernel code on the shadow CR3',
    ...named, cause: record,
    text: `CPU ${record.cpu} entered from user mode${by}${stayed} on the shadow CR3 and ${what} ${place(address)}, which it does not map.${instruction}${handler}${patching ? ' Some entries switch by now and some do not.' : named?.text ?? `${splitPolicy(scene)}${history?.text ?? ''}`}`,
  };
}

/** How a chain of faults that never ends keeps itself going. */
function withoutEnd(facts: CrashFacts): string {
  if (facts.event !== 'spin') return '';
  return facts.exceptions.some((record) => record.vector === 8)
    ? ': each fault runs a little further down the stack, to a double fault, whose stack starts over each time, without end' : ', without end';
}

/** The two variables of a toggle disagree: it is under way, or only one of them was written. */
function splitPolicy(scene: Scene): string {
  const { enabled, flag } = scene.facts.kaiser ?? {};
  if (enabled === undefined || flag === undefined || (enabled !== 0) === (flag !== 0)) return '';
  return ` The policy says ${enabled ? 'on' : 'off'} while the flag that entries and exits test says ${flag ? 'on' : 'off'}: a toggle is under way, or the flag was written by hand.`;
}

/** Faults of user mode, or of the CPU delivering from user mode, that KAISER has to do with. */
function judgeUserFault(scene: Scene, view: PageFaultView): Verdict | undefined {
  const { facts } = scene;
  const { record } = view;
  const flag = facts.kaiser?.flag;
  if (isTripwire(view)) {
    const text = `CPU ${record.cpu}: user code ran on the kernel CR3 at ${scene.place(record.rip)}, and the poison caught it: `;
    if (!poisonStops(view) && view.kernelAllows) {
      return judgeUntold(scene, view) ?? {
        hazard: 'H12', predicate: 'P10', title: 'Stale poison in the TLB', cause: record,
        text: `CPU ${record.cpu}: user code ran on the kernel CR3 at ${scene.place(record.rip)} and was refused, but the table allows it now: the CPU still held the poisoned entry in its TLB.`,
      };
    }
    if (!poisonStops(view)) return undefined;
    const split = splitPolicy(scene);
    const why = `${whyStopped(view.kernel, view.access, scene)} in the kernel half${flag === undefined || split ? '' : `, and kaiser is ${flag === 0 ? 'off' : 'on'}`}`;
    const tripwireOf = (naming: Naming | undefined): Verdict | undefined => naming && { ...naming, cause: record, text: `${text}${why}.${naming.text}` };
    const byHistory = judgeTornPolicy(scene, view, `${text}${why}.`) ?? judgeUnlisted(scene, view, `${text}${why}.`) ?? tripwireOf(nameToggling(scene, record)) ?? tripwireByHistory(scene, view, `${text}${why}.`);
    if (byHistory) return byHistory;
    return flag === 0 && !facts.kaiser?.enabled
      ? { hazard: 'H9', predicate: 'P9', title: 'Poison left behind while kaiser is off', cause: record, text: `${text}${why}: this table has been left poisoned, or was poisoned again.` }
      : flag === 0 && facts.toggled === false
        ? { hazard: 'H25', predicate: 'P21', title: 'Tripwire: the policy is on and entry code has never been', cause: record,
          text: `${text}${why}. KAISER is on since the boot, yet ${facts.kaiser?.asks === 'code' ? 'no exit has been patched to switch: that was lost, or done too early' : 'the word that exits test says off'}.` }
      : flag === 0
        ? { hazard: 'H4', predicate: 'P21', title: 'Tripwire: user code on the kernel CR3', cause: record, text: `${text}${why}.${split}` }
        : { hazard: 'H4', predicate: 'P21', title: 'Tripwire: user code on the kernel CR3', cause: record,
        text: `${text}${why}. The CPU has not passed an exit that switches since kaiser was switched on; the task did nothing wrong.` };
  }
  const resurrected = judgeResurrected(scene, view);
  if (resurrected) return resurrected;
  if (isMirrorHole(view)) {
    return {
      hazard: 'H14', predicate: 'P8', title: 'Hole in the shadow table', cause: record,
      text: `CPU ${record.cpu}: ${describePageFault(view.code)}, ${scene.place(view.address)}, on the shadow CR3: the kernel half maps it for user mode, the shadow half does not `
        + `(${whyStopped(view.shadow, view.access, scene)}). The kernel's handler finds the page present, returns, and it faults again.`,
    };
  }
  // An access of the CPU itself while it leaves user mode: IDT, TSS, GDT or the stack of the handler.
  if (!(view.code & PF_USER) && view.half === 'shadow' && view.kernelAllows && !view.shadowAllows) {
    return {
      hazard: view.access.kind === 'write' ? 'H18' : 'H17', predicate: 'P13', title: 'User mode cannot enter the kernel', cause: record,
      text: `CPU ${record.cpu} was in user mode on the shadow CR3 and needed ${scene.place(view.address)} to enter the kernel, which only the kernel half maps.`,
    };
  }
  return undefined;
}

/** H6, H8: a CR3 value that is none, restored by a path that never saved one. */
function judgeCr3Write(scene: Scene, record: ExceptionRecord): Verdict | undefined {
  const { facts } = scene;
  const code = facts.symbols?.bytesAt(record.rip, 4);
  if (!code) return undefined;
  const name = cr3Source(code);
  if (!name) return undefined;
  const value = scene.register(name);
  const shown = value === undefined ? '' : ` 0x${value.toString(16)}`;
  const reason = value === undefined ? '' : value & NO_FLUSH_BIT && !facts.pcidEnabled ? ' (bit 63 is allowed with PCIDs only)' : ' (bits that are reserved are set)';
  const unsaved = unsavedCr3(scene, record.cpu);
  return {
    hazard: unsaved?.hazard ?? 'H6', predicate: 'P23', title: 'A value that is no CR3 was written to CR3', cause: record,
    text: `CPU ${record.cpu} wrote${shown} from ${name.toUpperCase()} to CR3 at ${scene.place(record.rip)}, which the CPU refuses${reason}. ${unsaved?.text ?? 'On the way out of a paranoid entry that means: the value was never saved on the way in.'}`,
  };
}

/** P19: the same few exceptions over and over. A machine that has come to an end by itself has not been kept by them. */
function judgeRepeats(scene: Scene): Verdict | undefined {
  if (scene.facts.event === 'exit' || scene.facts.event === 'dead') return undefined;
  const { exceptions } = scene.facts;
  const key = (record: ExceptionRecord): string => [record.vector, record.errorCode, record.rip, record.address, record.cr3 & ~NO_FLUSH_BIT, record.cpl].join();
  for (let period = 1; period <= 4; period++) {
    let equal = 0;
    for (let i = exceptions.length - 1; i - period >= 0 && key(exceptions[i]!) === key(exceptions[i - period]!); i--) equal++;
    if (equal < REPEATS * period) continue;
    const round = exceptions.slice(-period);
    // A program that handles its own exceptions by signals may raise the same ones for ever; whether it gets on, only a longer watch can tell.
    if (scene.facts.event === 'exception' && round.every((record) => isForTheProgram(scene, record))) continue;
    const shown = round.map((record) => `${exceptionName(record.vector).mnemonic} at ${scene.place(record.rip)}${record.address === undefined ? '' : ` on ${scene.place(record.address)}`}`
      + `${record.vector === PF ? ` (${describePageFault(record.errorCode ?? 0)})` : ''}`);
    const why = round.map((record) => (record.vector === PF ? explainRepeat(scene, viewPageFault(scene, record)) : '')).find((text) => text !== '') ?? '';
    return {
      predicate: 'P19', title: 'The same fault repeats without end', cause: round[0]!,
      text: `CPU ${round[0]!.cpu} takes the same ${period === 1 ? 'exception' : `${period} exceptions`} again and again: ${shown.join(', then ')}.${why}`,
    };
  }
  return undefined;
}

/** An exception of user mode that the kernel has no other answer to than a signal: neither half of the tables would allow the access. */
function isForTheProgram(scene: Scene, record: ExceptionRecord): boolean {
  if (record.cpl !== 3 || record.vector !== PF) return record.cpl === 3;
  const view = viewPageFault(scene, record);
  return !(view.code & PF_RESERVED) && !view.kernelAllows && !view.shadowAllows;
}

function explainRepeat(scene: Scene, view: PageFaultView): string {
  if (view.code & PF_RESERVED) return ` ${sentence(whyStopped(view.half === 'shadow' ? view.shadow : view.kernel, view.access, scene))}`;
  if (view.allowedNow) return ' The table allows the access now: the CPU still has the old translation in its TLB.';
  return ` In the table: ${whyStopped(view.half === 'shadow' ? view.shadow : view.kernel, view.access, scene)}. Its handler returns without having changed that.`;
}

/** Whatever else stopped a CPU for good, or is a fault that no kernel answers. */
function judgeOther(scene: Scene, last: ExceptionRecord): Verdict | undefined {
  const { facts } = scene;
  const group = lastDelivery(facts.exceptions);
  const fatal = facts.event === 'shutdown' || group.some((record) => record.vector === 8);
  const cause = fatal ? group[0]! : last;
  const cr3 = scene.cr3(cause);
  const code = scene.walk(cr3.root, cause.rip).result;
  if ((fatal || cause.cpl === 0) && code.kind !== 'mapped' && cause.vector === PF && cause.address === cause.rip) {
    return { title: 'The CPU cannot fetch its next instruction', cause, text: `CPU ${cause.cpu} cannot fetch the instruction at ${scene.place(cause.rip)} on the ${cr3.text}: ${code.text}.` };
  }
  if (cause.vector === PF) {
    const view = viewPageFault(scene, cause);
    const kernelAddress = view.address >> 47n !== 0n;
    const ordinary = !fatal && (cause.cpl === 3 || !kernelAddress) && !(view.code & PF_RESERVED) && !(view.fetch && cause.cpl === 0);
    if (ordinary) return undefined;
    const stopped = whyStopped(view.half === 'shadow' ? view.shadow : view.kernel, view.access, scene);
    const stale = view.allowedNow && view.code & PF_PRESENT;
    return {
      title: view.code & PF_RESERVED ? 'Damaged page tables' : cause.cpl === 3 ? 'Page fault in user mode' : 'Page fault in the kernel', cause,
      text: `CPU ${cause.cpu}: ${describePageFault(view.code)}, ${scene.place(view.address)}, at ${scene.place(cause.rip)} on the ${cr3.text} (error code 0x${view.code.toString(16)}, ${pageFaultBits(view.code)}): `
        + `${stale ? 'the table allows it now, so the TLB held an older entry' : stopped}.`,
    };
  }
  if (!fatal) return undefined;
  const { mnemonic, name } = exceptionName(cause.vector);
  return { title: `${facts.event === 'shutdown' ? 'Triple' : 'Double'} fault after a ${mnemonic}`, cause, text: `CPU ${cause.cpu}: a ${name} (${mnemonic}) at ${scene.place(cause.rip)}, CPL ${cause.cpl}, on the ${cr3.text}.` };
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
