import { ByteReader, OutOfData, stringAt } from './byteReader.js';

/** The sections that attribute values of .debug_info refer to; absent ones are empty. */
export interface InfoSections {
  info: Uint8Array;
  abbreviations: Uint8Array;
  strings: Uint8Array;
  lineStrings: Uint8Array;
  stringOffsets: Uint8Array;
  addresses: Uint8Array;
  ranges: Uint8Array;
  rangeLists: Uint8Array;
}

/** What a unit's header and first entry say that the forms of its other entries need. */
export interface UnitContext {
  version: number;
  dwarf64: boolean;
  addressSize: number;
  /** Offset of the unit in .debug_info, to which DW_FORM_ref4 and its like are relative. */
  offset: number;
  end: number;
  stringOffsetsBase: number;
  addressBase: number;
  rangeListsBase: number;
}

/** A value as its form gives it. Strings are resolved, references are offsets into .debug_info, addresses are keys. */
export type AttributeValue =
  | { class: 'address' | 'constant' | 'reference' | 'offset' | 'index'; value: number }
  | { class: 'string'; text: string }
  | { class: 'none' };

const none: AttributeValue = { class: 'none' };
const constant = (value: number): AttributeValue => ({ class: 'constant', value });
const text = (value: string): AttributeValue => ({ class: 'string', text: value });

/** Reads one attribute value (DWARF 5 section 7.5.6 and table 7.6). Values that nobody here needs come back as 'none'. */
export function readForm(reader: ByteReader, form: number, implicit: number, unit: UnitContext, sections: InfoSections): AttributeValue {
  switch (form) {
    case 0x01: return { class: 'address', value: unit.addressSize === 8 ? reader.key64() : reader.u32() }; // addr
    case 0x0b: return constant(reader.u8()); // data1
    case 0x05: return constant(reader.u16()); // data2
    case 0x06: return constant(reader.u32()); // data4
    case 0x07: return constant(reader.key64()); // data8
    case 0x0d: return constant(reader.sleb()); // sdata
    case 0x0f: return constant(reader.uleb()); // udata
    case 0x21: return constant(implicit); // implicit_const
    case 0x0c: return constant(reader.u8()); // flag
    case 0x19: return constant(1); // flag_present
    case 0x08: return text(reader.cstring()); // string
    case 0x0e: return text(stringAt(sections.strings, reader.sectionOffset(unit.dwarf64))); // strp
    case 0x1f: return text(stringAt(sections.lineStrings, reader.sectionOffset(unit.dwarf64))); // line_strp
    case 0x1a: return text(indexedString(reader.uleb(), unit, sections)); // strx
    case 0x25: return text(indexedString(reader.u8(), unit, sections)); // strx1
    case 0x26: return text(indexedString(reader.u16(), unit, sections)); // strx2
    case 0x27: return text(indexedString(reader.u24(), unit, sections)); // strx3
    case 0x28: return text(indexedString(reader.u32(), unit, sections)); // strx4
    case 0x1b: return indexedAddress(reader.uleb(), unit, sections); // addrx
    case 0x29: return indexedAddress(reader.u8(), unit, sections); // addrx1
    case 0x2a: return indexedAddress(reader.u16(), unit, sections); // addrx2
    case 0x2b: return indexedAddress(reader.u24(), unit, sections); // addrx3
    case 0x2c: return indexedAddress(reader.u32(), unit, sections); // addrx4
    case 0x11: return { class: 'reference', value: unit.offset + reader.u8() }; // ref1
    case 0x12: return { class: 'reference', value: unit.offset + reader.u16() }; // ref2
    case 0x13: return { class: 'reference', value: unit.offset + reader.u32() }; // ref4
    case 0x14: return { class: 'reference', value: unit.offset + reader.offset64() }; // ref8
    case 0x15: return { class: 'reference', value: unit.offset + reader.uleb() }; // ref_udata
    case 0x10: return { class: 'reference', value: reader.sectionOffset(unit.dwarf64) }; // ref_addr
    case 0x17: return { class: 'offset', value: reader.sectionOffset(unit.dwarf64) }; // sec_offset
    case 0x23: return { class: 'index', value: reader.uleb() }; // rnglistx
    case 0x22: reader.uleb(); return none; // loclistx
    case 0x18: case 0x09: reader.skip(reader.uleb()); return none; // exprloc, block
    case 0x0a: reader.skip(reader.u8()); return none; // block1
    case 0x03: reader.skip(reader.u16()); return none; // block2
    case 0x04: reader.skip(reader.u32()); return none; // block4
    case 0x1e: reader.skip(16); return none; // data16
    case 0x20: case 0x24: reader.skip(8); return none; // ref_sig8, ref_sup8
    case 0x1c: reader.skip(4); return none; // ref_sup4
    case 0x1d: reader.sectionOffset(unit.dwarf64); return none; // strp_sup
    case 0x16: return readForm(reader, reader.uleb(), 0, unit, sections); // indirect
    default: throw new OutOfData(reader.offset, reader.offset); // no known size: the rest of the unit cannot be found
  }
}

function indexedString(index: number, unit: UnitContext, sections: InfoSections): string {
  const size = unit.dwarf64 ? 8 : 4;
  const at = unit.stringOffsetsBase + index * size;
  if (at + size > sections.stringOffsets.length) return '';
  return stringAt(sections.strings, new ByteReader(sections.stringOffsets, at).sectionOffset(unit.dwarf64));
}

/** The value of .debug_addr for an index, as an address key. */
export function indexedAddress(index: number, unit: UnitContext, sections: InfoSections): AttributeValue {
  const at = unit.addressBase + index * unit.addressSize;
  if (at + unit.addressSize > sections.addresses.length) return none;
  const reader = new ByteReader(sections.addresses, at);
  return { class: 'address', value: unit.addressSize === 8 ? reader.key64() : reader.u32() };
}
