import * as L from '../cpu/layout.js';
import { CodeMode, Seg } from '../cpu/layout.js';
import { endsBlock } from './decoded.js';
import { findOpcode, type Form, opcodeKey, Place, RegisterClass } from './forms.js';
import type { InstructionSet } from './instructionSet.js';
import { plainDefinition } from './meaning.js';
import { NOP, selected } from './quickDecode.js';
import * as R from './record.js';
import type { Templates } from './templates.js';
import { MAX_INSTRUCTION } from './tooLong.js';

/** Where the record of a form finds an operand: at a constant offset of the CPU state, or in ModRM or the opcode; -1 where the form is not for records. */
const enum From { Constant, Reg, Rm, Opcode }

/** What is the same in the records of all instructions of a form. */
interface Plan {
  form: Form;
  /** Whether execution does not simply go on behind it. */
  ends: boolean;
  /** For each operand `From`, and the constant offset or the bytes of the register. */
  from: readonly number[];
  value: readonly number[];
  /** `Place` of the immediate or branch target, 0 if there is none. */
  immediate: number;
  /** Template by what the operands in memory are and by mode, 0 where it has not been looked for. */
  templates: number[];
}

/** Kinds of bytes in front of an opcode in 64-bit code: prefixes by their bit in `opcodeKey`, and those that are left to `decode`. */
const SEGMENT = 0x20, OTHER = 0x40;
const prefixes = new Uint8Array(256);
for (const [byte, bit] of [[0x66, 1], [0xf2, 2], [0xf3, 4], [0xf0, 8], [0x64, SEGMENT], [0x65, SEGMENT], [0x26, OTHER], [0x2e, OTHER], [0x36, OTHER], [0x3e, OTHER], [0x67, OTHER]] as const) prefixes[byte] = bit;

/**
 * Makes records of 64-bit code for the interpreter from the bytes alone. Most code is run a few times or once, and for that an `Insn` costs much more than
 * its record: five objects, and arithmetic on bigints. What this class does not know is left to `decode` and `RecordWriter`, whose records
 * are the same.
 */
export class QuickRecords {
  /** Instruction pointer of the next instruction: the caller sets it, and each record that is written moves it on. */
  low = 0;
  high = 0;
  /** Whether the instruction written last ends its block. */
  ends = false;
  private readonly plans = new Map<Form, Plan | undefined>();
  private readonly u16: Uint16Array;

  constructor(private readonly u8: Uint8Array, private readonly i32: Int32Array, private readonly set: InstructionSet, private readonly templates: Templates) {
    this.u16 = new Uint16Array(u8.buffer);
  }

  /**
   * Writes the record of the instruction whose bytes stand at `host`, and end before `end`, to address `record`.
   * @param handler its number, as `RecordWriter.write` is given it
   * @returns its length, or 0 if it is left to others: then nothing is changed
   */
  write(record: number, host: number, end: number, mode: number, handler: number): number {
    const { u8, i32, u16 } = this;
    let at = host, byte = u8[at++]!, prefix = 0, rex = 0, map = 0, segment = -1;
    for (let bit = prefixes[byte]!; bit; bit = prefixes[byte]!) {
      if (bit === OTHER || prefix & bit || bit & 6 && prefix & 6) return 0;
      if (bit === SEGMENT) segment = byte === 0x64 ? Seg.FS : Seg.GS;
      prefix |= bit;
      byte = u8[at++]!;
    }
    prefix &= 15;
    if ((byte & 0xf0) === 0x40) {
      rex = byte;
      if (rex & 8) prefix |= 16;
      byte = u8[at++]!;
    }
    if (byte === 0x0f) {
      byte = u8[at++]!;
      if (byte === 0x38 || byte === 0x3a) return 0;
      map = 1;
    } else if (rex && ((byte & 0xf0) === 0x40 || byte === NOP || prefixes[byte])) return 0;
    const opcode = findOpcode(opcodeKey(byte, map, 2, prefix));
    if (!opcode) return 0;
    let form = opcode.plain, modrm = -1;
    if (!form) {
      modrm = u8[at++]!;
      const selection = modrm >= 0xc0 ? opcode.register : opcode.memory;
      if (!selection) return 0;
      form = selection.forms[selected(selection.by, modrm, rex)];
      if (!form) return 0;
    }
    let plan = this.plans.get(form);
    if (plan === undefined) {
      if (this.plans.has(form)) return 0;
      this.plans.set(form, plan = this.planOf(form));
      if (!plan) return 0;
    }

    // The address of an operand in memory (SDM Vol. 2A, tables 2-2 and 2-3).
    let base = L.ZERO as number, index = L.ZERO as number, scale = 0, displacement = 0, isRelative = false;
    const hasMemory = modrm >= 0 && modrm < 0xc0;
    if (hasMemory) {
      const mod = modrm >> 6;
      let rm = modrm & 7, defaultSegment = Seg.DS as number;
      if (rm === 4) {
        const sib = u8[at++]!, number = sib >> 3 & 7 | (rex & 2) << 2;
        if (number !== 4) index = L.GPR + number * 8;
        scale = sib >> 6;
        rm = sib & 7;
      } else isRelative = rm === 5 && mod === 0;
      if (rm !== 5 || mod !== 0) {
        rm |= (rex & 1) << 3;
        base = L.GPR + rm * 8;
        if (rm === 4 || rm === 5) defaultSegment = Seg.SS;
      }
      if (mod === 1) displacement = u8[at++]! << 24 >> 24;
      else if (mod === 2 || rm === 5 && mod === 0) {
        displacement = u8[at]! | u8[at + 1]! << 8 | u8[at + 2]! << 16 | u8[at + 3]! << 24;
        at += 4;
      }
      if (segment < 0) segment = defaultSegment;
    } else segment = Seg.DS;

    const variant = (hasMemory ? segment === Seg.SS ? 3 : 1 : 0) << 2 | (mode & CodeMode.Watched ? 1 : 0) | (mode & CodeMode.AlignmentCheck ? 2 : 0);
    const template = plan.templates[variant]! || this.templateOf(plan, variant, hasMemory, segment, mode);
    if (!template) return 0;

    let low = 0, high = 0;
    const { immediate } = plan;
    if (immediate) {
      switch (immediate) {
        case Place.Byte: low = u8[at++]!; break;
        case Place.Branch64Byte: case Place.SignByte: low = u8[at++]! << 24 >> 24; high = low >> 31; break;
        case Place.Word: low = u8[at]! | u8[at + 1]! << 8; at += 2; break;
        case Place.One: low = 1; break;
        default:
          low = u8[at]! | u8[at + 1]! << 8 | u8[at + 2]! << 16 | u8[at + 3]! << 24;
          at += 4;
          if (immediate === Place.Quad) {
            high = u8[at]! | u8[at + 1]! << 8 | u8[at + 2]! << 16 | u8[at + 3]! << 24;
            at += 4;
          } else if (immediate !== Place.Double) high = low >> 31;
      }
    }
    const length = at - host;
    if (at > end || length > MAX_INSTRUCTION) return 0;
    const nextLow = this.low + length, carries = nextLow >= 0x1_0000_0000 ? 1 : 0, nextHigh = this.high + carries;
    // Around the end of the address space.
    if (carries && nextHigh > -1 && this.high < 0) return 0;
    if (immediate >= Place.Branch16Byte && immediate < Place.Fixed) {
      const target = (nextLow >>> 0) + (low >>> 0);
      high = nextHigh + high + (target >= 0x1_0000_0000 ? 1 : 0);
      low = target;
    }

    const double = record >> 2, word = record >> 1, { from, value } = plan;
    i32[double + (R.R_TEMPLATE >> 2)] = template;
    i32[double + (R.R_LENGTH >> 2)] = length;
    i32[double + (R.R_NEXT >> 2)] = nextLow;
    i32[double + (R.R_NEXT >> 2) + 1] = nextHigh;
    i32[double + (R.R_IMMEDIATE >> 2)] = low;
    i32[double + (R.R_IMMEDIATE >> 2) + 1] = high;
    if (isRelative) {
      const address = (nextLow >>> 0) + (displacement >>> 0);
      i32[double + (R.R_DISPLACEMENT >> 2)] = address;
      i32[double + (R.R_DISPLACEMENT >> 2) + 1] = nextHigh + (displacement >> 31) + (address >= 0x1_0000_0000 ? 1 : 0);
    } else {
      i32[double + (R.R_DISPLACEMENT >> 2)] = displacement;
      i32[double + (R.R_DISPLACEMENT >> 2) + 1] = displacement >> 31;
    }
    for (let n = 0; n < 4; n++) {
      let offset = value[n]!;
      switch (from[n]!) {
        case From.Reg: offset = registerAt(modrm >> 3 & 7 | (rex & 4) << 1, offset, rex); break;
        case From.Rm: offset = hasMemory ? L.ZERO : registerAt(modrm & 7 | (rex & 1) << 3, offset, rex); break;
        case From.Opcode: offset = registerAt(byte & 7 | (rex & 1) << 3, offset, rex); break;
      }
      u16[word + (R.R_OPERAND >> 1) + n] = offset;
    }
    u16[word + (R.R_BASE >> 1)] = base;
    u16[word + (R.R_INDEX >> 1)] = index;
    u16[word + (R.R_SEGMENT_BASE >> 1)] = segment >= Seg.FS ? L.SEG + segment * L.SEG_SIZE + L.SEG_BASE : L.ZERO;
    u16[word + (R.R_SCALE >> 1)] = scale | segment << 8;
    i32[double + (R.R_ADDRESS_MASK >> 2)] = -1;
    i32[double + (R.R_ADDRESS_MASK >> 2) + 1] = -1;
    i32[double + (R.R_HANDLER >> 2)] = handler;
    i32[double + (R.R_IMMEDIATE2 >> 2)] = 0;
    this.low = nextLow >>> 0;
    this.high = nextHigh | 0;
    this.ends = plan.ends;
    return length;
  }

  /** Finds out about a form; undefined if its instructions are for others. */
  private planOf(form: Form): Plan | undefined {
    if (form.places.length > 4 || !plainDefinition(form) || !this.set.provides(form.code, form.features)) return undefined;
    const from: number[] = [], value: number[] = [];
    let immediate = 0;
    for (let n = 0; n < 4; n++) {
      const place = form.places[n];
      let how = From.Constant, what: number = L.ZERO;
      if (place === undefined) how = From.Constant;
      else if (place < Place.Byte) {
        how = place < Place.Rm ? From.Reg : place < Place.Opcode ? From.Rm : From.Opcode;
        what = place & 7;
        if (what > RegisterClass.Bits64) return undefined;
      } else if (place === Place.Fixed) {
        const operand = form.operands[n];
        if (operand?.kind !== 'register' || operand.register.class !== 'general' && operand.register.class !== 'high8') return undefined;
        what = R.registerOffset(operand.register);
      } else if (immediate || place > Place.One || place >= Place.Branch16Byte && place < Place.Fixed && place !== Place.Branch64Byte && place !== Place.Branch64Double) return undefined;
      else immediate = place;
      from.push(how);
      value.push(what);
    }
    return { form, ends: endsBlock(form), from, value, immediate, templates: new Array<number>(16).fill(0) };
  }

  private templateOf(plan: Plan, variant: number, hasMemory: boolean, segment: number, mode: number): number {
    return plan.templates[variant] = this.templates.find(plan.form.code, hasMemory ? segment : -1, mode) ?? 0;
  }
}

/** The offset of a general register in the CPU state. AH, CH, DH, BH are what 4 to 7 mean in bytes without a REX prefix. */
function registerAt(number: number, bits: number, rex: number): number {
  return bits === RegisterClass.Bits8 && !rex && number >= 4 ? L.GPR + (number - 4) * 8 + 1 : L.GPR + number * 8;
}
