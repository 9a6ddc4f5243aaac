/**
 * How the clocks of a PC follow machine time. A tick of machine time (an instruction, or a step of waiting) counts as one
 * nanosecond: as if the processor completed one instruction at each clock of 1 GHz.
 */
export const TICKS_PER_SECOND = 1_000_000_000;

/** Clocks of `hertz` that have passed at machine time `ticks`; exact for hertz below 9 million. */
export function clocksAt(ticks: number, hertz: number): number {
  const seconds = Math.floor(ticks / TICKS_PER_SECOND), rest = ticks - seconds * TICKS_PER_SECOND;
  return seconds * hertz + Math.floor(rest * hertz / TICKS_PER_SECOND);
}

/** The first tick of machine time at which `clocks` clocks of `hertz` have passed. */
export function ticksAt(clocks: number, hertz: number): number {
  const seconds = Math.floor(clocks / hertz), rest = clocks - seconds * hertz;
  return seconds * TICKS_PER_SECOND + Math.ceil(rest * TICKS_PER_SECOND / hertz);
}
