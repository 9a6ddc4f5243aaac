/** What a floating-point datum is (SDM Vol. 1, 4.8.3 and 8.2.2). */
export const enum Kind {
  Zero, Finite, Infinity, QuietNaN, SignalingNaN,
  /** An encoding of double extended precision that processors since the 80387 refuse: unnormals, pseudo-NaNs, pseudo-infinities. */
  Unsupported,
}

/** A floating-point datum apart from its format. */
export interface Float {
  kind: Kind;
  sign: 0 | 1;
  /** Finite: the value is significand * 2^exponent, both not normalised in any way. */
  exponent: number;
  /** Finite: positive. NaN: the 64-bit significand that it has in double extended precision, bit 62 being the quiet bit. */
  significand: bigint;
  /** The operand was denormal in its format (or pseudo-denormal). */
  denormal: boolean;
}

const INTEGER_BIT = 1n << 63n, QUIET_BIT = 1n << 62n;

export function zero(sign: 0 | 1): Float { return { kind: Kind.Zero, sign, exponent: 0, significand: 0n, denormal: false }; }
export function infinity(sign: 0 | 1): Float { return { kind: Kind.Infinity, sign, exponent: 0, significand: 0n, denormal: false }; }
/** @param significand positive */
export function finite(sign: 0 | 1, significand: bigint, exponent: number): Float { return { kind: Kind.Finite, sign, exponent, significand, denormal: false }; }
/** The QNaN floating-point indefinite (SDM Vol. 1, table 4-3): what a masked invalid operation gives. */
export function indefinite(): Float { return { kind: Kind.QuietNaN, sign: 1, exponent: 0, significand: INTEGER_BIT | QUIET_BIT, denormal: false }; }
/** The NaN made quiet. */
export function quiet(nan: Float): Float { return { ...nan, kind: Kind.QuietNaN, significand: nan.significand | QUIET_BIT }; }
export function isNaN(a: Float): boolean { return a.kind === Kind.QuietNaN || a.kind === Kind.SignalingNaN; }
export function negate(a: Float): Float { return { ...a, sign: a.sign ? 0 : 1 }; }

const double = new Float64Array(1), doubleWords = new Uint32Array(double.buffer);
/** Bits of a positive integer. */
export function bitLength(n: bigint): number {
  // A number tells the exponent, but for rounding up to a power of two; of long ones the upper part.
  const long = n >> 1000n;
  if (long) return 1000 + bitLength(long);
  double[0] = Number(n);
  const bits = (doubleWords[1]! >>> 20) - 1022;
  return bits > 53 && !(n >> BigInt(bits - 1)) ? bits - 1 : bits;
}

/** An integer's value, exactly. */
export function fromInteger(value: bigint): Float {
  return value === 0n ? zero(0) : value < 0n ? finite(1, -value, 0) : finite(0, value, 0);
}

/** Formats to round to: bits of the significand, exponents of the smallest and of the largest normal number. */
export interface Precision { bits: number; minExponent: number; maxExponent: number; }

/** An interchange format. */
export interface Format extends Precision {
  /** Bits of the exponent field. */
  exponentBits: number;
  /** The integer bit of the significand is stored. */
  explicit: boolean;
}

export const binary32: Format = { bits: 24, minExponent: -126, maxExponent: 127, exponentBits: 8, explicit: false };
export const binary64: Format = { bits: 53, minExponent: -1022, maxExponent: 1023, exponentBits: 11, explicit: false };
/** Double extended precision, 80 bits. */
export const extended: Format = { bits: 64, minExponent: -16382, maxExponent: 16383, exponentBits: 15, explicit: true };

/** Reads a datum from its bits. */
export function unpack(format: Format, bits: bigint): Float {
  const { bits: precision, exponentBits, explicit, minExponent } = format;
  const width = BigInt(explicit ? precision : precision - 1), stored = BigInt.asUintN(Number(width), bits);
  const biased = Number(bits >> width) & (1 << exponentBits) - 1, sign = Number(bits >> width + BigInt(exponentBits)) & 1 ? 1 : 0;
  const integerBit = 1n << BigInt(precision - 1), fraction = stored & integerBit - 1n;
  if (biased === (1 << exponentBits) - 1) {
    if (explicit && !(stored & integerBit)) return { kind: Kind.Unsupported, sign, exponent: 0, significand: stored, denormal: false };
    if (fraction === 0n) return infinity(sign);
    const significand = INTEGER_BIT | fraction << BigInt(64 - precision);
    return { kind: significand & QUIET_BIT ? Kind.QuietNaN : Kind.SignalingNaN, sign, exponent: 0, significand, denormal: false };
  }
  if (biased === 0) {
    if (stored === 0n) return zero(sign);
    return { kind: Kind.Finite, sign, exponent: minExponent - precision + 1, significand: stored, denormal: true };
  }
  if (explicit && !(stored & integerBit)) return { kind: Kind.Unsupported, sign, exponent: 0, significand: stored, denormal: false };
  return finite(sign, fraction | integerBit, biased - 1 + minExponent - precision + 1);
}

const EXTENDED_BIAS = 16383 + 63;
/** `unpack` of double extended precision, with the significand and the 16 bits of sign and exponent apart. */
export function unpackExtended(significand: bigint, high: number): Float {
  const biased = high & 0x7fff;
  if (biased !== 0 && biased !== 0x7fff && significand >> 63n) return finite(high & 0x8000 ? 1 : 0, significand, biased - EXTENDED_BIAS);
  return unpack(extended, significand | BigInt(high) << 64n);
}

/** `pack` to double extended precision, in the same two parts. */
export function packExtended(a: Float): { significand: bigint; high: number } {
  if (a.kind === Kind.Finite) {
    const shift = 64 - bitLength(a.significand), biased = a.exponent - shift + EXTENDED_BIAS;
    if (shift >= 0 && biased > 0) return { significand: shift ? a.significand << BigInt(shift) : a.significand, high: biased | a.sign << 15 };
  }
  const bits = pack(extended, a);
  return { significand: BigInt.asUintN(64, bits), high: Number(bits >> 64n) };
}

/** The bits of a datum whose value the format has; NaNs are cut to its significand. Not for unsupported ones. */
export function pack(format: Format, a: Float): bigint {
  const { bits: precision, exponentBits, explicit, minExponent } = format;
  const width = BigInt(explicit ? precision : precision - 1), integerBit = 1n << BigInt(precision - 1);
  const ones = (1n << BigInt(exponentBits)) - 1n, sign = BigInt(a.sign) << width + BigInt(exponentBits);
  const field = (biased: bigint, significand: bigint) => sign | biased << width | (explicit ? significand : significand & integerBit - 1n);
  switch (a.kind) {
    case Kind.Zero: return sign;
    case Kind.Infinity: return field(ones, integerBit);
    case Kind.QuietNaN: case Kind.SignalingNaN: return field(ones, a.significand >> BigInt(64 - precision));
    case Kind.Unsupported: throw new Error('an unsupported encoding is no result');
  }
  const length = bitLength(a.significand), lead = a.exponent + length - 1;
  const lsb = Math.max(lead, minExponent) - precision + 1, shift = BigInt(a.exponent - lsb);
  const significand = shift >= 0n ? a.significand << shift : a.significand >> -shift;
  return field(lead < minExponent ? 0n : BigInt(lead - minExponent + 1), significand);
}
