import type { Debuggee } from './debuggee.js';
import { LaunchError } from './launchArguments.js';
import type { EventConfiguration } from './launchSchema.js';
import { parseLocation } from './location.js';

/** An event that has happened, for whoever keeps a diary. */
export interface DoneEvent {
  /** Its number in the list of the launch configuration, from 0. */
  index: number;
  /** The CPU whose arrival brought it about; undefined for one at a position. */
  cpu: number | undefined;
  text: string;
}

const verbs: Record<EventConfiguration['do'], (target: number, value: number) => string> = {
  nmi: target => `NMI to CPU ${target}`,
  machineCheck: target => `machine check on CPU ${target}`,
  hold: target => `CPU ${target} is held`,
  release: target => `CPU ${target} is released`,
  wait: () => 'the next event is waited for',
  poke: (target, value) => `CPU ${target}'s KAISER flag is poked to ${value}`,
};

/**
 * The events of a launch configuration: what comes to the machine from outside at exact moments, so that an interleaving that
 * would need luck is made on purpose. They happen in their order: each is waited for when the one before it has happened, or comes with it if it does not say when.
 */
export class ScriptedEvents {
  /** Told of each event as it happens. */
  onDone: (event: DoneEvent) => void = () => {};
  private next = 0;

  /** @throws LaunchError or RequestError that names the event and what is wrong with it */
  constructor(private readonly debuggee: Debuggee, private readonly events: readonly EventConfiguration[]) {
    const { cpuCount } = debuggee.target;
    events.forEach((event, index) => {
      const name = `events[${index}]`;
      if (event.at !== undefined && event.position !== undefined) throw new LaunchError(`${name} has both "at" and "position": it can wait for one of them.`);
      if (index === 0 && event.at === undefined && event.position === undefined) throw new LaunchError(`${name} is the first and needs "at", a symbol or an address, or "position", a number of steps.`);
      if (event.at !== undefined) parseLocation(event.at, debuggee, `${name}.at`);
      for (const key of ['cpu', 'target'] as const) {
        if ((event[key] ?? 0) >= cpuCount) throw new LaunchError(`"${name}.${key}" is ${event[key]}: the machine has CPUs 0 to ${cpuCount - 1}. Choose one of them, or raise "cpus".`);
      }
      const timed = this.whenOf(index);
      if (event.do !== 'wait' && timed.at === undefined && event.target === undefined) throw new LaunchError(`${name} comes at a position, where no CPU arrives: it needs "target", the CPU that it is for.`);
      if ((event.do === 'poke') !== (event.value !== undefined)) throw new LaunchError(`${name}: "value", 0 or 1, belongs to "do": "poke", and to that alone.`);
    });
    this.arm();
  }

  /** Events that have not happened yet. */
  get left(): number {
    return this.events.length - this.next;
  }

  /** The event that says when this one comes: itself, or the last before it that does. */
  private whenOf(index: number): EventConfiguration {
    const event = this.events[index]!;
    return event.at === undefined && event.position === undefined ? this.whenOf(index - 1) : event;
  }

  /** Waits for the next event. @param cpu the CPU whose arrival brought about the one before */
  private arm(cpu?: number): void {
    const event = this.events[this.next];
    if (!event) return;
    const { target } = this.debuggee;
    if (event.position !== undefined) {
      target.addAlarm(event.position, () => this.happen(event, undefined));
      return;
    }
    if (event.at === undefined) {
      this.happen(event, cpu);
      return;
    }
    let count = event.count ?? 1;
    const probe = target.addProbe(parseLocation(event.at, this.debuggee, 'at'), cpu => {
      if (event.cpu !== undefined && event.cpu !== cpu || --count > 0) return;
      probe.dispose();
      this.happen(event, cpu);
    });
  }

  private happen(event: EventConfiguration, cpu: number | undefined): void {
    const { target, kaiser } = this.debuggee, index = this.next++, to = event.target ?? cpu!;
    switch (event.do) {
      case 'nmi': target.injectNmi(to); break;
      case 'machineCheck': target.injectMachineCheck(to); break;
      case 'hold': target.hold(to, true); break;
      case 'release': target.hold(to, false); break;
      case 'wait': break;
      case 'poke': kaiser.pokeFlag(to, event.value!); break;
    }
    const where = cpu === undefined || event.at === undefined ? '' : `CPU ${cpu} came to ${event.at}: `;
    this.onDone({ index, cpu, text: `Position ${target.position}: ${where}${verbs[event.do](to, event.value ?? 0)}.` });
    this.arm(cpu);
  }
}
