import { Decoder, DecoderOptions, Mnemonic } from 'iced-x86';
import { Random } from '../random.js';
import { AT, CODE, FloatState } from './layout.js';
import { binary32, binary64, datum, exponentOf, extended } from './values.js';

/** One way to write an instruction: bytes, with [RDI] as its memory operand if it has one. */
export interface FloatForm { text: string; mnemonic: Mnemonic; code: Uint8Array; unit: 'x87' | 'sse'; }

/** Transcendental functions: processors promise no exact rounding. */
export const INEXACT = new Set([Mnemonic.Fsin, Mnemonic.Fcos, Mnemonic.Fsincos, Mnemonic.Fptan, Mnemonic.Fpatan, Mnemonic.F2xm1, Mnemonic.Fyl2x, Mnemonic.Fyl2xp1]);
/** Approximations that differ from processor to processor. */
export const APPROXIMATE = new Set([Mnemonic.Rcpps, Mnemonic.Rcpss, Mnemonic.Rsqrtps, Mnemonic.Rsqrtss]);

const { Fnstenv, Fnsave, Fldenv, Frstor, Fnstcw, Fnstsw, Frstpm } = Mnemonic;
/** What the SDM does not define. */
const EXCLUDED = new Set([Frstpm]);

function decodeForm(code: readonly number[], unit: 'x87' | 'sse'): FloatForm | undefined {
  const decoder = new Decoder(64, Uint8Array.from([...code, 0x90]), DecoderOptions.None);
  decoder.ip = BigInt(CODE);
  const i = decoder.decode();
  decoder.free();
  const form = i.isInvalid || i.length !== code.length || EXCLUDED.has(i.mnemonic) ? undefined : { text: i.toString(), mnemonic: i.mnemonic, code: Uint8Array.from(code), unit };
  i.free();
  return form;
}

const RDI_OPERAND = 7;

function x87Forms(): FloatForm[] {
  const forms: FloatForm[] = [];
  for (let opcode = 0xd8; opcode <= 0xdf; opcode++) {
    for (let modrm = 0xc0; modrm <= 0xff; modrm++) {
      // Bytes of zero are the end of a case's code.
      const form = decodeForm([opcode, modrm], 'x87');
      if (form) forms.push(form);
    }
    for (let reg = 0; reg < 8; reg++) {
      const form = decodeForm([opcode, reg << 3 | RDI_OPERAND], 'x87');
      if (!form) continue;
      forms.push(form);
      if ([Fnstenv, Fnsave, Fldenv, Frstor].includes(form.mnemonic)) forms.push(decodeForm([0x66, ...form.code], 'x87')!);
    }
  }
  forms.push(decodeForm([0x9b], 'x87')!);
  return forms;
}

const SSE_OPCODES = [0x2a, 0x2c, 0x2d, 0x2e, 0x2f, 0x51, 0x52, 0x53, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x7c, 0x7d, 0xd0, 0xe6];
function sseForms(): FloatForm[] {
  const forms: FloatForm[] = [];
  const add = (code: number[]) => {
    const form = decodeForm(code, 'sse');
    if (form) forms.push(form);
  };
  for (const prefix of [[], [0x66], [0xf2], [0xf3]]) {
    for (const rex of [[], [0x48]]) {
      // XMM0, XMM1 (or EAX, MM1); XMM1, XMM1; XMM0, [RDI].
      for (const modrm of [0xc1, 0xc9, RDI_OPERAND]) {
        for (const opcode of SSE_OPCODES) {
          // A conversion from a general register reads EAX.
          const convertsInteger = opcode === 0x2a && prefix[0]! >= 0xf2;
          if (rex.length && !convertsInteger && !((opcode === 0x2c || opcode === 0x2d) && prefix[0]! >= 0xf2)) continue;
          if (modrm === 0xc9 && (opcode === 0x2c || opcode === 0x2d || convertsInteger)) continue;
          add([...prefix, ...rex, 0x0f, opcode, convertsInteger && modrm === 0xc1 ? 0xc0 : modrm]);
        }
        for (let predicate = 1; predicate < 8 && !rex.length; predicate++) add([...prefix, 0x0f, 0xc2, modrm, predicate]);
      }
    }
  }
  return forms;
}

/** Every form of every floating-point instruction up to SSE3. */
export function floatForms(): FloatForm[] { return [...x87Forms(), ...sseForms()]; }

/** A state for a form to start from. */
export function generate(random: Random, form: FloatForm): FloatState {
  const s = new FloatState(), { view } = s;
  s.code = form.code;
  const masks = random.chance(0.65) ? 0x3f : random.below(64);
  view.setUint16(AT.control, 0x40 | masks | random.below(16) << 8, true);
  const x87 = form.unit === 'x87' || /pi/.test(form.text);
  const raised = x87 ? random.chance(0.75) ? 0 : random.chance(0.5) ? masks & random.below(64) : random.below(64) : 0;
  const waits = raised & ~masks ? 0x8080 : 0;
  const top = x87 ? random.below(8) : 0;
  view.setUint16(AT.status, raised | waits | top << 11 | (random.below(8) << 8 | random.below(2) << 14), true);
  let tags = 0;
  const filled = random.pick([0.5, 0.9, 1]);
  for (let n = 0; n < 8; n++) if (random.chance(filled)) tags |= 1 << n;
  // Pushes want room.
  if (random.chance(0.5)) tags &= ~(1 << (top + 7 & 7));
  if (random.chance(0.8)) tags |= 1 << top | 1 << (top + 1 & 7);
  view.setUint8(AT.tags, tags);
  view.setUint16(AT.opcode, random.below(0x800), true);
  view.setBigUint64(AT.ip, BigInt(random.u32()), true);
  view.setBigUint64(AT.dataPointer, BigInt(random.u32()), true);
  // Mostly what programs have: translated code computes by itself then.
  view.setUint32(AT.mxcsr, random.chance(0.4) ? random.pick([0x1f80, 0x1fa0, 0x1fa0, 0x9fe0]) : (random.chance(0.6) ? 0x3f : random.below(64)) << 7 | random.below(4) << 13 | (random.chance(0.3) ? random.below(64) : 0)
    | (random.chance(0.2) ? 0x8000 : 0) | (random.chance(0.2) ? 0x40 : 0), true);
  view.setBigUint64(AT.rax, random.value(), true);
  view.setBigUint64(AT.rflags, BigInt(random.u32() & 0x8d5), true);
  const first = datum(random, extended), exponent = exponentOf(extended, first);
  s.setSt(0, first);
  for (let i = 1; i < 8; i++) s.setSt(i, random.chance(0.05) ? first ^ 1n << BigInt(random.below(80)) : datum(random, extended, exponent));
  if (INEXACT.has(form.mnemonic)) domain(random, form, s);
  fillVectors(random, form, s, exponent);
  return s;
}

/** Arguments where the functions are defined, mostly. */
function domain(random: Random, form: FloatForm, s: FloatState): void {
  if (random.chance(0.15)) return;
  const value = (low: number, high: number) => BigInt(random.below(2)) << 79n | BigInt(16383 + random.between(low, high)) << 64n | 1n << 63n | random.u64();
  switch (form.mnemonic) {
    case Mnemonic.F2xm1: s.setSt(0, value(random.chance(0.1) ? -80 : -6, -1)); break;
    case Mnemonic.Fyl2x: s.setSt(0, value(random.pick([-1, -6, -60]), random.pick([0, 6, 60])) & ~(1n << 79n)); s.setSt(1, value(-6, 6)); break;
    case Mnemonic.Fyl2xp1: s.setSt(0, value(random.chance(0.2) ? -80 : -8, -3)); s.setSt(1, value(-6, 6)); break;
    case Mnemonic.Fpatan: s.setSt(0, value(-6, 6)); s.setSt(1, value(-6, 6)); break;
    default: s.setSt(0, value(random.chance(0.1) ? -70 : -6, random.chance(0.1) ? 62 : 5));
  }
}

function fillVectors(random: Random, form: FloatForm, s: FloatState, near: number): void {
  const { view } = s, name = form.text;
  const x87Memory = form.unit === 'x87';
  const single = x87Memory ? random.chance(0.5) : /ps|ss/.test(name) && !/pd2ps|sd2ss/.test(name);
  const integers = /^fi|dq2|pi2/.test(name);
  for (const base of [AT.xmm, AT.xmm + 16, AT.memory]) {
    if (integers && (base === AT.memory || !/^fi/.test(name)) && random.chance(0.9)) {
      for (let n = 0; n < 2; n++) view.setBigUint64(base + 8 * n, random.value(), true);
    } else if (single) {
      for (let n = 0; n < 4; n++) view.setUint32(base + 4 * n, Number(datum(random, binary32, base === AT.xmm ? undefined : exponentOf(binary32, BigInt(view.getUint32(AT.xmm + 4 * n, true))))), true);
    } else {
      for (let n = 0; n < 2; n++) view.setBigUint64(base + 8 * n, datum(random, binary64, base === AT.xmm ? undefined : exponentOf(binary64, view.getBigUint64(AT.xmm + 8 * n, true))), true);
    }
  }
  for (let n = 16; n < 128; n += 8) view.setBigUint64(AT.memory + n, random.u64(), true);
  if (!x87Memory) return;
  const { mnemonic } = form;
  if (mnemonic === Mnemonic.Fbld) for (let n = 0; n < 10; n++) view.setUint8(AT.memory + n, random.below(10) | random.below(10) << 4);
  else if (mnemonic === Mnemonic.Fld && form.code[0] === 0xdb) {
    const bits = datum(random, extended, near);
    view.setBigUint64(AT.memory, BigInt.asUintN(64, bits), true);
    view.setUint16(AT.memory + 8, Number(bits >> 64n), true);
  } else if (mnemonic === Fldenv || mnemonic === Frstor) for (let n = 0; n < 16; n += 8) view.setBigUint64(AT.memory + n, random.u64(), true);
  else if (mnemonic === Mnemonic.Fldcw || mnemonic === Fnstcw || mnemonic === Fnstsw) view.setBigUint64(AT.memory, random.u64(), true);
}
