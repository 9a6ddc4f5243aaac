/** Rounding modes, numbered as in MXCSR.RC and in the x87 control word (SDM Vol. 1, table 4-8). */
export const enum Rounding { Nearest = 0, Down = 1, Up = 2, Zero = 3 }

/** Exceptions, as bits of MXCSR and of the x87 status word (SDM Vol. 1, 8.1.3.3 and 10.2.3). */
export const enum FloatException { Invalid = 1, Denormal = 2, DivideByZero = 4, Overflow = 8, Underflow = 16, Inexact = 32 }
/** Those found in the operands: if one of them is unmasked nothing is computed (SDM Vol. 1, 4.9.2). */
export const PRE_COMPUTATION = FloatException.Invalid | FloatException.Denormal | FloatException.DivideByZero;
export const ALL_EXCEPTIONS = 63;

/** How an operation rounds and what it is to do about exceptions; it reports here what happened. */
export class Environment {
  /** `FloatException` bits that the operations have met since the environment was made. */
  exceptions = 0;
  /** The last rounding made the magnitude larger (C1 of the x87). */
  roundedUp = false;

  constructor(
    readonly rounding: Rounding = Rounding.Nearest,
    /** Masked exceptions: a set bit asks for the default result. */
    readonly masks: number = ALL_EXCEPTIONS,
    /** Which NaN a result takes over: the x87 has a rule of its own (SDM Vol. 1, table 4-7). */
    readonly unit: 'sse' | 'x87' = 'sse',
    /** Denormal operands count as zeros, without #D (MXCSR.DAZ). */
    readonly denormalsAreZero = false,
    /** Tiny results become zeros while underflow is masked (MXCSR.FTZ). */
    readonly flushToZero = false,
  ) {}

  raise(exceptions: number): void { this.exceptions |= exceptions; }

  /** The exceptions to report: an unmasked one of the operands keeps the others from happening. */
  get reported(): number {
    return this.stopped ? this.exceptions & PRE_COMPUTATION : this.exceptions;
  }
  /** An unmasked exception of the operands: there is no result. */
  get stopped(): boolean { return (this.exceptions & ~this.masks & PRE_COMPUTATION) !== 0; }
}
