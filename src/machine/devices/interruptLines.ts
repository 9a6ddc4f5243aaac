import type { Core } from '../core.js';
import { IoApic } from './ioApic.js';
import type { ExternalInterrupts, LocalApic } from './localApic.js';
import { PicPair } from './pic.js';
import { Pit8254 } from './pit.js';

const TIMER_LINE = 0;

/**
 * The interrupt lines 0 to 15 of a PC with what hangs on them: the timer at line 0, the 8259s, whose common output goes to
 * LINT0 of every local APIC, and the I/O APIC.
 */
export class InterruptLines implements ExternalInterrupts {
  readonly pit: Pit8254;
  readonly pics: PicPair;
  readonly ioApic: IoApic;
  deadline = Infinity;

  constructor(private readonly core: Core) {
    const upToDate = (): void => this.pit.advance(core.now());
    this.pit = new Pit8254(() => core.now());
    this.pics = new PicPair(upToDate);
    this.ioApic = new IoApic(core);
    this.ioApic.beforeAccess = upToDate;
    this.pit.onTimer = () => {
      this.setLine(TIMER_LINE, true);
      this.setLine(TIMER_LINE, false);
      this.updateDeadline();
    };
    this.pit.onChange = this.ioApic.onChange = () => this.updateDeadline();
    for (const chip of [this.pics.master, this.pics.slave]) {
      const changed = chip.onChange;
      chip.onChange = () => {
        changed();
        this.updateDeadline();
      };
    }
    this.pics.onOutput = asserted => { for (const apic of core.apics) apic.externalLine(asserted); };
    for (const apic of core.apics) apic.connect(this);
    this.updateDeadline();
  }

  get asserted(): boolean { return this.pics.asserted; }
  wakes(apic: LocalApic): boolean {
    return apic.takesExternal() && this.pics.wouldInterrupt(TIMER_LINE) || this.ioApic.reaches(IoApic.pinOf(TIMER_LINE), apic);
  }
  acknowledge(): number { return this.pics.acknowledge(); }
  retract(): void { this.pics.retract(); }
  advance(now: number): void { this.pit.advance(now); }
  endOfInterrupt(vector: number): void { this.ioApic.endOfInterrupt(vector); }

  /** Drives line 0 to 15. */
  setLine(line: number, level: boolean): void {
    this.pics.setLine(line, level);
    this.ioApic.setPin(IoApic.pinOf(line), level);
  }

  /** Time that passes without an interrupt need not be looked at: the timer's count follows from the clock. */
  private updateDeadline(): void {
    const open = this.pics.isOpen(TIMER_LINE) || this.ioApic.isOpen(IoApic.pinOf(TIMER_LINE));
    this.deadline = open ? this.pit.nextInterrupt : Infinity;
  }

  save(): number[] {
    this.pit.advance(this.core.now());
    return [...this.pit.save(), ...this.pics.save(), ...this.ioApic.save()];
  }
  restore(state: ArrayLike<number>): void {
    const all = Array.from(state), first = this.pit.save().length, second = first + this.pics.save().length;
    this.pit.restore(all.slice(0, first));
    this.pics.restore(all.slice(first, second));
    this.ioApic.restore(all.slice(second));
    this.updateDeadline();
  }
}
