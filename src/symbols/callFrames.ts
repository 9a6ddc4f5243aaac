import { lastAtOrBelow, toKey } from './address.js';
import { ByteReader, OutOfData } from './byteReader.js';

/** DWARF numbers of the registers that matter here (System V x86-64 psABI, figure 3.36). */
const RBP = 6;
const RSP = 7;

/** Where the caller's value of a register is at some instruction. */
export type RegisterRule = { kind: 'same' } | { kind: 'undefined' } | { kind: 'at'; offset: number } | { kind: 'unknown' };

/** How to find the caller's frame at one instruction (DWARF 5 section 6.4): CFA = base register + offset. */
export interface FrameRules {
  base: 'rsp' | 'rbp';
  offset: number;
  rbp: RegisterRule;
  returnAddress: RegisterRule;
}

interface CommonEntry {
  codeAlign: number;
  dataAlign: number;
  returnRegister: number;
  pointerEncoding: number;
  hasAugmentationData: boolean;
  start: number;
  end: number;
}

interface FrameEntry { start: number; end: number; common: CommonEntry; programStart: number; programEnd: number; section: Uint8Array }

interface Row { cfaRegister: number; cfaOffset: number; rules: Map<number, RegisterRule> }

/** Call frame information from .debug_frame and .eh_frame. Damaged entries are left out. */
export class CallFrames {
  private readonly entries: FrameEntry[] = [];
  private readonly starts: Float64Array;

  /** @param ehFrameAddress the address at which .eh_frame is linked, to which its pointers are relative */
  constructor(debugFrame: Uint8Array | undefined, ehFrame: Uint8Array | undefined, ehFrameAddress: bigint) {
    if (debugFrame) this.read(debugFrame, false, 0);
    if (ehFrame) this.read(ehFrame, true, toKey(ehFrameAddress));
    this.entries.sort((a, b) => a.start - b.start);
    this.starts = Float64Array.from(this.entries, (entry) => entry.start);
  }

  /** The rules at an instruction, or undefined where there is no information, or none that this reader understands. */
  rulesAt(address: bigint): FrameRules | undefined {
    const key = toKey(address);
    const entry = this.entries[lastAtOrBelow(this.starts, this.starts.length, key)];
    if (!entry || key >= entry.end) return undefined;
    let row: Row | undefined;
    try {
      row = execute(entry, key);
    } catch (error) {
      if (!(error instanceof OutOfData)) throw error;
    }
    if (!row || (row.cfaRegister !== RSP && row.cfaRegister !== RBP)) return undefined;
    return {
      base: row.cfaRegister === RSP ? 'rsp' : 'rbp',
      offset: row.cfaOffset,
      rbp: row.rules.get(RBP) ?? { kind: 'same' },
      returnAddress: row.rules.get(entry.common.returnRegister) ?? { kind: 'unknown' },
    };
  }

  private read(section: Uint8Array, isEh: boolean, sectionKey: number): void {
    const commons = new Map<number, CommonEntry | undefined>();
    let offset = 0;
    while (offset + 4 < section.length) {
      const start = offset;
      const reader = new ByteReader(section, offset);
      const { length, dwarf64 } = reader.initialLength();
      if (length === 0) return;
      const end = reader.offset + length;
      offset = end;
      if (end > section.length) return;
      reader.limit = end;
      try {
        const idAt = reader.offset;
        const id = dwarf64 && !isEh ? reader.key64() : reader.u32();
        const isCommon = isEh ? id === 0 : id === 0xffffffff || id === -1;
        if (isCommon) {
          commons.set(start, readCommon(reader, end));
          continue;
        }
        const common = commons.get(isEh ? idAt - id : id);
        if (!common) continue;
        const from = readPointer(reader, common.pointerEncoding, sectionKey);
        const size = readPointer(reader, common.pointerEncoding & 0x0f, 0);
        if (common.hasAugmentationData) reader.skip(reader.uleb());
        if (size > 0) this.entries.push({ start: from, end: from + size, common, programStart: reader.offset, programEnd: end, section });
      } catch (error) {
        if (!(error instanceof OutOfData)) throw error;
      }
    }
  }
}

function readCommon(reader: ByteReader, end: number): CommonEntry | undefined {
  const version = reader.u8();
  const augmentation = reader.cstring();
  if (version === 4) {
    if (reader.u8() !== 8) return undefined; // address size
    reader.u8();
  }
  if (augmentation !== '' && !augmentation.startsWith('z')) return undefined;
  const codeAlign = reader.uleb();
  const dataAlign = reader.sleb();
  const returnRegister = version === 1 ? reader.u8() : reader.uleb();
  let pointerEncoding = 0;
  if (augmentation !== '') {
    const dataEnd = reader.uleb() + reader.offset;
    for (const letter of augmentation.slice(1)) {
      if (letter === 'R') pointerEncoding = reader.u8();
      else if (letter === 'L') reader.u8();
      else if (letter === 'P') readPointer(reader, reader.u8(), 0);
      else if (letter !== 'S') return undefined;
    }
    reader.offset = dataEnd;
  }
  return { codeAlign, dataAlign, returnRegister, pointerEncoding, hasAugmentationData: augmentation !== '', start: reader.offset, end };
}

/** A pointer of .eh_frame (Linux Standard Base, "DWARF Exception Header Encoding"), as an address key. */
function readPointer(reader: ByteReader, encoding: number, sectionKey: number): number {
  const at = reader.offset;
  let value: number;
  switch (encoding & 0x0f) {
    case 0x00: case 0x04: case 0x0c: value = reader.key64(); break;
    case 0x01: value = reader.uleb(); break;
    case 0x02: value = reader.u16(); break;
    case 0x03: value = reader.u32(); break;
    case 0x09: value = reader.sleb(); break;
    case 0x0a: value = (reader.u16() << 16) >> 16; break;
    case 0x0b: value = reader.i32(); break;
    default: throw new OutOfData(at, at);
  }
  return (encoding & 0x70) === 0x10 ? value + sectionKey + at : value;
}

/** Runs the common program and then the entry's own up to the row that holds `key`. Undefined for what is not understood. */
function execute(entry: FrameEntry, key: number): Row | undefined {
  const row: Row = { cfaRegister: -1, cfaOffset: 0, rules: new Map() };
  const { common } = entry;
  if (!runProgram(new ByteReader(entry.section, common.start, common.end), entry, row, undefined, Infinity)) return undefined;
  const initial = new Map(row.rules);
  if (!runProgram(new ByteReader(entry.section, entry.programStart, entry.programEnd), entry, row, initial, key)) return undefined;
  return row;
}

function runProgram(reader: ByteReader, entry: FrameEntry, row: Row, initial: Map<number, RegisterRule> | undefined, key: number): boolean {
  const { codeAlign, dataAlign } = entry.common;
  const saved: Row[] = [];
  let location = entry.start;
  const restore = (register: number): void => {
    const rule = initial?.get(register);
    if (rule) row.rules.set(register, rule);
    else row.rules.delete(register);
  };
  while (!reader.done) {
    const opcode = reader.u8();
    const low = opcode & 0x3f;
    let advance = -1;
    switch (opcode >> 6) {
      case 1: advance = low; break; // DW_CFA_advance_loc
      case 2: row.rules.set(low, { kind: 'at', offset: reader.uleb() * dataAlign }); continue; // DW_CFA_offset
      case 3: restore(low); continue; // DW_CFA_restore
    }
    if (advance < 0) {
      switch (opcode) {
        case 0x00: break; // DW_CFA_nop
        case 0x01: { // DW_CFA_set_loc
          const to = readPointer(reader, entry.common.pointerEncoding, 0);
          if (to > key) return true;
          location = to;
          break;
        }
        case 0x02: advance = reader.u8(); break; // DW_CFA_advance_loc1
        case 0x03: advance = reader.u16(); break; // DW_CFA_advance_loc2
        case 0x04: advance = reader.u32(); break; // DW_CFA_advance_loc4
        case 0x05: row.rules.set(reader.uleb(), { kind: 'at', offset: reader.uleb() * dataAlign }); break; // DW_CFA_offset_extended
        case 0x06: restore(reader.uleb()); break; // DW_CFA_restore_extended
        case 0x07: row.rules.set(reader.uleb(), { kind: 'undefined' }); break; // DW_CFA_undefined
        case 0x08: row.rules.set(reader.uleb(), { kind: 'same' }); break; // DW_CFA_same_value
        case 0x09: row.rules.set(reader.uleb(), { kind: 'unknown' }); reader.uleb(); break; // DW_CFA_register
        case 0x0a: saved.push({ ...row, rules: new Map(row.rules) }); break; // DW_CFA_remember_state
        case 0x0b: Object.assign(row, saved.pop() ?? row); break; // DW_CFA_restore_state
        case 0x0c: row.cfaRegister = reader.uleb(); row.cfaOffset = reader.uleb(); break; // DW_CFA_def_cfa
        case 0x0d: row.cfaRegister = reader.uleb(); break; // DW_CFA_def_cfa_register
        case 0x0e: row.cfaOffset = reader.uleb(); break; // DW_CFA_def_cfa_offset
        case 0x0f: row.cfaRegister = -1; reader.skip(reader.uleb()); break; // DW_CFA_def_cfa_expression
        case 0x10: case 0x16: row.rules.set(reader.uleb(), { kind: 'unknown' }); reader.skip(reader.uleb()); break; // DW_CFA_(val_)expression
        case 0x11: row.rules.set(reader.uleb(), { kind: 'at', offset: reader.sleb() * dataAlign }); break; // DW_CFA_offset_extended_sf
        case 0x12: row.cfaRegister = reader.uleb(); row.cfaOffset = reader.sleb() * dataAlign; break; // DW_CFA_def_cfa_sf
        case 0x13: row.cfaOffset = reader.sleb() * dataAlign; break; // DW_CFA_def_cfa_offset_sf
        case 0x14: case 0x15: row.rules.set(reader.uleb(), { kind: 'unknown' }); reader.uleb(); break; // DW_CFA_val_offset(_sf)
        case 0x2e: reader.uleb(); break; // DW_CFA_GNU_args_size
        default: return false;
      }
    }
    if (advance >= 0) {
      location += advance * codeAlign;
      if (location > key) return true;
    }
  }
  return true;
}
