import { ByteReader, OutOfData } from './byteReader.js';
import { type AttributeValue, type InfoSections, indexedAddress, readForm, type UnitContext } from './dwarfForms.js';

/** A function as compiled: one DW_TAG_subprogram with code. */
export interface FunctionInfo {
  name: string;
  /** Address keys, see address.ts; the first range holds the entry. */
  ranges: { start: number; end: number }[];
  external: boolean;
  /** Where functions were inlined into this one, outermost before inner. */
  inlined: InlinedCall[];
}

/** One inlined copy of a function (DW_TAG_inlined_subroutine). */
export interface InlinedCall {
  name: string;
  ranges: { start: number; end: number }[];
  /** Where the call stood: DWARF file number in the unit's line table, and line. */
  callFile: string;
  callLine: number;
  depth: number;
}

const DW_TAG_inlined_subroutine = 0x1d;
const DW_TAG_compile_unit = 0x11;
const DW_TAG_partial_unit = 0x3c;
const DW_TAG_skeleton_unit = 0x4a;
const DW_TAG_subprogram = 0x2e;

interface Abbreviation {
  tag: number;
  children: boolean;
  /** Triples: attribute, form, value of DW_FORM_implicit_const. */
  specifications: number[];
}

interface Entry {
  offset: number;
  tag: number;
  name: string;
  lowPc: number | undefined;
  highPc: AttributeValue;
  ranges: AttributeValue;
  origin: number;
  external: boolean;
  callFile: number;
  callLine: number;
  statementList: number;
  compilationDirectory: string;
  stringOffsetsBase: number;
  addressBase: number;
  rangeListsBase: number;
  declaration: boolean;
}

/** Reads .debug_info (DWARF 4 and 5) as far as functions and inlined calls need it. */
export class DebugInfo {
  readonly problems: string[] = [];
  private readonly abbreviations = new Map<number, Map<number, Abbreviation>>();

  /** @param unitFiles for the files of inlined calls: offset in .debug_line -> names by DWARF file number */
  constructor(private readonly sections: InfoSections, private readonly unitFiles: (statementList: number) => string[] | undefined = () => undefined) {}

  /** Offset in .debug_line -> DW_AT_comp_dir, from the first entry of each unit; fast, since the rest is skipped. */
  compilationDirectories(): Map<number, string> {
    const directories = new Map<number, string>();
    this.eachUnit((unit, reader) => {
      const root = this.readRoot(unit, reader);
      if (root && root.statementList >= 0) directories.set(root.statementList, root.compilationDirectory);
    });
    return directories;
  }

  /** Every function that has code, sorted by the address of its first range. */
  functions(): FunctionInfo[] {
    const functions: FunctionInfo[] = [];
    const names = new Map<number, { name: string; origin: number }>();
    const pending: { origin: number; target: { name: string } }[] = [];
    this.eachUnit((unit, reader) => {
      const root = this.readRoot(unit, reader);
      if (!root || (root.tag !== DW_TAG_compile_unit && root.tag !== DW_TAG_partial_unit)) return;
      const base = root.lowPc ?? 0;
      const files = root.statementList >= 0 ? this.unitFiles(root.statementList) : undefined;
      const table = this.abbreviationsAt(unit);
      // The stack holds, for each open level, the function it belongs to and the depth of inlining.
      const stack: { owner: FunctionInfo | undefined; depth: number }[] = [{ owner: undefined, depth: 0 }];
      while (reader.offset < unit.end && stack.length > 0) {
        const offset = reader.offset;
        const code = reader.uleb();
        if (code === 0) {
          stack.pop();
          continue;
        }
        const abbreviation = table.get(code);
        if (!abbreviation) throw new OutOfData(offset, offset);
        const outer = stack[stack.length - 1]!;
        let inner = outer;
        if (abbreviation.tag === DW_TAG_subprogram || abbreviation.tag === DW_TAG_inlined_subroutine) {
          const entry = this.readEntry(reader, abbreviation, offset, unit);
          if (abbreviation.tag === DW_TAG_subprogram) {
            names.set(offset, { name: entry.name, origin: entry.origin });
            const ranges = this.rangesOf(entry, base, unit);
            inner = { owner: undefined, depth: 0 };
            if (ranges.length > 0) {
              inner.owner = { name: entry.name, ranges, external: entry.external, inlined: [] };
              functions.push(inner.owner);
              if (entry.name === '' && entry.origin >= 0) pending.push({ origin: entry.origin, target: inner.owner });
            }
          } else if (outer.owner) {
            const call = { name: entry.name, ranges: this.rangesOf(entry, base, unit), callFile: files?.[entry.callFile] ?? '', callLine: entry.callLine, depth: outer.depth };
            inner = { owner: outer.owner, depth: outer.depth + 1 };
            if (call.ranges.length > 0) outer.owner.inlined.push(call);
            if (entry.origin >= 0) pending.push({ origin: entry.origin, target: call });
          }
        } else this.skipEntry(reader, abbreviation, unit);
        if (abbreviation.children) stack.push(inner);
      }
    });
    for (const { origin, target } of pending) {
      let at = origin;
      for (let hops = 0; hops < 8 && target.name === '' && at >= 0; hops++) {
        const found = names.get(at);
        if (!found) break;
        target.name = found.name;
        at = found.origin;
      }
    }
    return functions.sort((a, b) => a.ranges[0]!.start - b.ranges[0]!.start);
  }

  private eachUnit(visit: (unit: UnitContext, reader: ByteReader) => void): void {
    const { info } = this.sections;
    let offset = 0;
    while (offset + 4 < info.length) {
      const start = offset;
      try {
        const reader = new ByteReader(info, offset);
        const { length, dwarf64 } = reader.initialLength();
        const end = reader.offset + length;
        offset = end;
        if (end > info.length) throw new OutOfData(end, info.length);
        reader.limit = end;
        const version = reader.u16();
        if (version < 4 || version > 5) {
          this.problems.push(`.debug_info unit at 0x${start.toString(16)}: version ${version} is not known (4 and 5 are)`);
          continue;
        }
        let addressSize: number;
        let abbreviationOffset: number;
        if (version === 5) {
          const kind = reader.u8();
          addressSize = reader.u8();
          abbreviationOffset = reader.sectionOffset(dwarf64);
          if (kind === 4 || kind === 5) reader.skip(8); // skeleton and split units: dwo_id
          if (kind === 2 || kind === 6) continue; // type units hold no code
        } else {
          abbreviationOffset = reader.sectionOffset(dwarf64);
          addressSize = reader.u8();
        }
        const unit: UnitContext & { abbreviationOffset: number } = {
          version, dwarf64, addressSize, offset: start, end, stringOffsetsBase: 8, addressBase: 8, rangeListsBase: 12, abbreviationOffset,
        };
        visit(unit, reader);
      } catch (error) {
        if (!(error instanceof OutOfData)) throw error;
        this.problems.push(`.debug_info unit at 0x${start.toString(16)} is damaged: ${error.message}`);
        if (offset <= start) return;
      }
    }
  }

  private readRoot(unit: UnitContext, reader: ByteReader): Entry | undefined {
    const offset = reader.offset;
    const abbreviation = this.abbreviationsAt(unit).get(reader.uleb());
    if (!abbreviation) return undefined;
    const root = this.readEntry(reader, abbreviation, offset, unit);
    const based = root.stringOffsetsBase >= 0 || root.addressBase >= 0 || root.rangeListsBase >= 0;
    if (!based) return root;
    // Bases may stand behind the attributes that need them, so the entry is read once more with them known.
    if (root.stringOffsetsBase >= 0) unit.stringOffsetsBase = root.stringOffsetsBase;
    if (root.addressBase >= 0) unit.addressBase = root.addressBase;
    if (root.rangeListsBase >= 0) unit.rangeListsBase = root.rangeListsBase;
    reader.offset = offset;
    reader.uleb();
    return abbreviation.tag === DW_TAG_skeleton_unit ? undefined : this.readEntry(reader, abbreviation, offset, unit);
  }

  private abbreviationsAt(unit: UnitContext): Map<number, Abbreviation> {
    const offset = (unit as UnitContext & { abbreviationOffset: number }).abbreviationOffset;
    const known = this.abbreviations.get(offset);
    if (known) return known;
    const table = new Map<number, Abbreviation>();
    const reader = new ByteReader(this.sections.abbreviations, offset);
    for (let code = reader.uleb(); code !== 0; code = reader.uleb()) {
      const abbreviation: Abbreviation = { tag: reader.uleb(), children: reader.u8() !== 0, specifications: [] };
      for (;;) {
        const attribute = reader.uleb();
        const form = reader.uleb();
        const implicit = form === 0x21 ? reader.sleb() : 0;
        if (attribute === 0 && form === 0) break;
        abbreviation.specifications.push(attribute, form, implicit);
      }
      table.set(code, abbreviation);
    }
    this.abbreviations.set(offset, table);
    return table;
  }

  private skipEntry(reader: ByteReader, abbreviation: Abbreviation, unit: UnitContext): void {
    const { specifications } = abbreviation;
    for (let i = 0; i < specifications.length; i += 3) skipForm(reader, specifications[i + 1]!, unit, this.sections);
  }

  private readEntry(reader: ByteReader, abbreviation: Abbreviation, offset: number, unit: UnitContext): Entry {
    const entry: Entry = {
      offset, tag: abbreviation.tag, name: '', lowPc: undefined, highPc: { class: 'none' }, ranges: { class: 'none' }, origin: -1, external: false,
      callFile: 0, callLine: 0, statementList: -1, compilationDirectory: '', stringOffsetsBase: -1, addressBase: -1, rangeListsBase: -1, declaration: false,
    };
    const { specifications } = abbreviation;
    for (let i = 0; i < specifications.length; i += 3) {
      const value = readForm(reader, specifications[i + 1]!, specifications[i + 2]!, unit, this.sections);
      const number = 'value' in value ? value.value : 0;
      switch (specifications[i]) {
        case 0x03: if (value.class === 'string') entry.name = value.text; break; // DW_AT_name
        case 0x10: entry.statementList = number; break; // DW_AT_stmt_list
        case 0x11: if (value.class === 'address') entry.lowPc = number; break; // DW_AT_low_pc
        case 0x12: entry.highPc = value; break; // DW_AT_high_pc
        case 0x1b: if (value.class === 'string') entry.compilationDirectory = value.text; break; // DW_AT_comp_dir
        case 0x31: case 0x47: if (value.class === 'reference') entry.origin = number; break; // DW_AT_abstract_origin, DW_AT_specification
        case 0x3c: entry.declaration = number !== 0; break; // DW_AT_declaration
        case 0x3f: entry.external = number !== 0; break; // DW_AT_external
        case 0x55: entry.ranges = value; break; // DW_AT_ranges
        case 0x58: entry.callFile = number; break; // DW_AT_call_file
        case 0x59: entry.callLine = number; break; // DW_AT_call_line
        case 0x72: entry.stringOffsetsBase = number; break; // DW_AT_str_offsets_base
        case 0x73: entry.addressBase = number; break; // DW_AT_addr_base
        case 0x74: entry.rangeListsBase = number; break; // DW_AT_rnglists_base
      }
    }
    return entry;
  }

  private rangesOf(entry: Entry, base: number, unit: UnitContext): { start: number; end: number }[] {
    if (entry.ranges.class === 'offset' || entry.ranges.class === 'index' || entry.ranges.class === 'constant') {
      return unit.version >= 5 ? this.rangeList(entry.ranges, base, unit) : this.rangesBefore5(entry.ranges.value, base, unit);
    }
    if (entry.lowPc === undefined) return [];
    const end = entry.highPc.class === 'address' ? entry.highPc.value : entry.highPc.class === 'constant' ? entry.lowPc + entry.highPc.value : entry.lowPc;
    return end > entry.lowPc ? [{ start: entry.lowPc, end }] : [];
  }

  /** .debug_ranges, DWARF 4 section 2.17.3. */
  private rangesBefore5(offset: number, base: number, unit: UnitContext): { start: number; end: number }[] {
    const reader = new ByteReader(this.sections.ranges, offset);
    const ranges: { start: number; end: number }[] = [];
    for (;;) {
      const start = unit.addressSize === 8 ? reader.key64() : reader.u32();
      const end = unit.addressSize === 8 ? reader.key64() : reader.u32();
      if (start === 0 && end === 0) return ranges;
      if (start === -1) base = end;
      else if (end > start) ranges.push({ start: base + start, end: base + end });
    }
  }

  /** .debug_rnglists, DWARF 5 section 7.25. */
  private rangeList(where: AttributeValue & { value: number }, base: number, unit: UnitContext): { start: number; end: number }[] {
    let offset = where.value;
    if (where.class === 'index') {
      const size = unit.dwarf64 ? 8 : 4;
      offset = unit.rangeListsBase + new ByteReader(this.sections.rangeLists, unit.rangeListsBase + where.value * size).sectionOffset(unit.dwarf64);
    }
    const reader = new ByteReader(this.sections.rangeLists, offset);
    const ranges: { start: number; end: number }[] = [];
    const add = (start: number, end: number): void => void (end > start && ranges.push({ start, end }));
    const address = (): number => (unit.addressSize === 8 ? reader.key64() : reader.u32());
    const byIndex = (): number => {
      const found = indexedAddress(reader.uleb(), unit, this.sections);
      return 'value' in found ? found.value : 0;
    };
    for (;;) {
      switch (reader.u8()) {
        case 0: return ranges; // DW_RLE_end_of_list
        case 1: base = byIndex(); break; // DW_RLE_base_addressx
        case 2: add(byIndex(), byIndex()); break; // DW_RLE_startx_endx
        case 3: { const start = byIndex(); add(start, start + reader.uleb()); break; } // DW_RLE_startx_length
        case 4: add(base + reader.uleb(), base + reader.uleb()); break; // DW_RLE_offset_pair
        case 5: base = address(); break; // DW_RLE_base_address
        case 6: add(address(), address()); break; // DW_RLE_start_end
        case 7: { const start = address(); add(start, start + reader.uleb()); break; } // DW_RLE_start_length
        default: throw new OutOfData(reader.offset, reader.offset);
      }
    }
  }
}

/** Skips a value; strings are the costly forms and are not built. */
function skipForm(reader: ByteReader, form: number, unit: UnitContext, sections: InfoSections): void {
  if (form === 0x0e || form === 0x1f) reader.sectionOffset(unit.dwarf64);
  else if (form === 0x1a || form === 0x1b) reader.uleb();
  else if (form === 0x25 || form === 0x29) reader.skip(1);
  else readForm(reader, form, 0, unit, sections);
}
