import { ByteReader, OutOfData, stringAt } from './byteReader.js';
import { joinPath } from './paths.js';

/** Row flags. */
export const ROW_IS_STMT = 1;
export const ROW_PROLOGUE_END = 2;
export const ROW_EPILOGUE_BEGIN = 4;
/** The row is no code: its address is the first one past a sequence. */
export const ROW_END_SEQUENCE = 8;

/**
 * The rows of all line-number programs (DWARF 5 section 6.2), as columns. Rows stand in the order of the programs, so
 * each sequence is ascending and ends with a ROW_END_SEQUENCE row; sequences themselves are in no order.
 */
export interface LineRows {
  count: number;
  /** Address keys, see address.ts. */
  address: Float64Array;
  /** Index into `files`. */
  file: Uint32Array;
  line: Uint32Array;
  column: Uint16Array;
  flags: Uint8Array;
  /** Path names, each once: as DWARF joins them, with `.` and `..` resolved. */
  files: string[];
  /** For each unit, by its offset in .debug_line: DWARF file number -> index into `files`. */
  unitFiles: Map<number, number[]>;
  /** What could not be read, in words. */
  problems: string[];
}

/** The sections that line programs refer to; absent ones may be empty. */
export interface LineSections {
  line: Uint8Array;
  lineStrings: Uint8Array;
  strings: Uint8Array;
  /** Unit offset in .debug_line -> DW_AT_comp_dir. DWARF 5 carries it in the line table; before, only .debug_info has it. */
  compilationDirectories?: Map<number, string>;
}

const DW_LNCT_path = 1;
const DW_LNCT_directory_index = 2;

class RowBuilder {
  count = 0;
  address = new Float64Array(4096);
  file = new Uint32Array(4096);
  line = new Uint32Array(4096);
  column = new Uint16Array(4096);
  flags = new Uint8Array(4096);

  push(address: number, file: number, line: number, column: number, flags: number): void {
    if (this.count === this.address.length) this.grow();
    const i = this.count++;
    this.address[i] = address;
    this.file[i] = file;
    this.line[i] = line;
    this.column[i] = column;
    this.flags[i] = flags;
  }

  private grow(): void {
    const size = this.address.length * 2;
    const address = new Float64Array(size);
    const file = new Uint32Array(size);
    const line = new Uint32Array(size);
    const column = new Uint16Array(size);
    const flags = new Uint8Array(size);
    address.set(this.address);
    file.set(this.file);
    line.set(this.line);
    column.set(this.column);
    flags.set(this.flags);
    Object.assign(this, { address, file, line, column, flags });
  }
}

class FileTable {
  readonly files: string[] = [];
  private readonly indices = new Map<string, number>();

  intern(path: string): number {
    let index = this.indices.get(path);
    if (index === undefined) {
      index = this.files.length;
      this.files.push(path);
      this.indices.set(path, index);
    }
    return index;
  }
}

/**
 * Runs every line-number program of .debug_line, versions 2 to 5. A unit that cannot be read is left out and named in
 * `problems`; the others are read all the same.
 */
export function readLinePrograms(sections: LineSections): LineRows {
  const rows = new RowBuilder();
  const table = new FileTable();
  const unitFiles = new Map<number, number[]>();
  const problems: string[] = [];
  const reader = new ByteReader(sections.line);
  while (!reader.done) {
    const unitOffset = reader.offset;
    const rowsBefore = rows.count;
    let unitEnd = sections.line.length;
    try {
      const { length, dwarf64 } = reader.initialLength();
      unitEnd = reader.offset + length;
      if (unitEnd > sections.line.length) throw new OutOfData(unitEnd, sections.line.length);
      const unit = new ByteReader(sections.line, reader.offset, unitEnd);
      const header = readHeader(unit, dwarf64, unitOffset, sections, table);
      if (typeof header === 'string') problems.push(`.debug_line unit at 0x${unitOffset.toString(16)}: ${header}`);
      else {
        unitFiles.set(unitOffset, header.files);
        runProgram(unit, header, table, rows);
      }
    } catch (error) {
      if (!(error instanceof OutOfData)) throw error;
      problems.push(`.debug_line unit at 0x${unitOffset.toString(16)} is damaged: ${error.message}`);
      rows.count = rowsBefore;
    }
    reader.offset = Math.max(unitEnd, unitOffset + 4);
  }
  const { count } = rows;
  return {
    count, files: table.files, unitFiles, problems,
    address: rows.address.subarray(0, count), file: rows.file.subarray(0, count), line: rows.line.subarray(0, count),
    column: rows.column.subarray(0, count), flags: rows.flags.subarray(0, count),
  };
}

interface LineHeader {
  minimumInstructionLength: number;
  defaultIsStmt: boolean;
  lineBase: number;
  lineRange: number;
  opcodeBase: number;
  operandCounts: number[];
  version: number;
  files: number[];
  directories: string[];
}

/** Reads a unit's header; afterwards the reader stands at the first opcode. Returns the reason where it cannot. */
function readHeader(unit: ByteReader, dwarf64: boolean, unitOffset: number, sections: LineSections, table: FileTable): LineHeader | string {
  const version = unit.u16();
  if (version < 2 || version > 5) return `version ${version} is not known (2 to 5 are); its lines are missing`;
  if (version >= 5) {
    unit.u8();
    unit.u8();
  }
  const headerLength = unit.sectionOffset(dwarf64);
  const program = unit.offset + headerLength;
  const minimumInstructionLength = unit.u8();
  if (version >= 4) unit.u8(); // maximum_operations_per_instruction: 1 on every machine that is not VLIW
  const defaultIsStmt = unit.u8() !== 0;
  const lineBase = unit.i8();
  const lineRange = unit.u8();
  const opcodeBase = unit.u8();
  if (lineRange === 0) return 'line_range is 0; its lines are missing';
  const operandCounts = [0];
  for (let i = 1; i < opcodeBase; i++) operandCounts.push(unit.u8());
  const { files, directories } = version >= 5
    ? readTablesV5(unit, dwarf64, sections, table)
    : readTablesV4(unit, sections.compilationDirectories?.get(unitOffset) ?? '', table);
  unit.offset = program;
  return { minimumInstructionLength, defaultIsStmt, lineBase, lineRange, opcodeBase, operandCounts, version, files, directories };
}

/** include_directories and file_names of DWARF 2 to 4: directory 0 is the compilation directory, files count from 1. */
function readTablesV4(unit: ByteReader, compilationDirectory: string, table: FileTable): { files: number[]; directories: string[] } {
  const directories = [compilationDirectory];
  for (let path = unit.cstring(); path !== ''; path = unit.cstring()) directories.push(joinPath(compilationDirectory, path));
  const files = [table.intern(compilationDirectory)];
  for (let name = unit.cstring(); name !== ''; name = unit.cstring()) {
    const directory = directories[unit.uleb()] ?? '';
    unit.uleb();
    unit.uleb();
    files.push(table.intern(joinPath(directory, name)));
  }
  return { files, directories };
}

/** directories and file_names of DWARF 5: tables that describe their own columns; both count from 0. */
function readTablesV5(unit: ByteReader, dwarf64: boolean, sections: LineSections, table: FileTable): { files: number[]; directories: string[] } {
  const directories = readEntries(unit, dwarf64, sections).map((entry) => entry.path);
  const base = directories[0] ?? '';
  for (let i = 0; i < directories.length; i++) directories[i] = i === 0 ? base : joinPath(base, directories[i]!);
  const files = readEntries(unit, dwarf64, sections).map((entry) => table.intern(joinPath(directories[entry.directory] ?? base, entry.path)));
  return { files, directories };
}

function readEntries(unit: ByteReader, dwarf64: boolean, sections: LineSections): { path: string; directory: number }[] {
  const formatCount = unit.u8();
  const columns: { content: number; form: number }[] = [];
  for (let i = 0; i < formatCount; i++) columns.push({ content: unit.uleb(), form: unit.uleb() });
  const count = unit.uleb();
  const entries: { path: string; directory: number }[] = [];
  for (let i = 0; i < count; i++) {
    const entry = { path: '', directory: 0 };
    for (const column of columns) {
      const value = readColumn(unit, column.form, dwarf64, sections);
      if (column.content === DW_LNCT_path) entry.path = String(value);
      else if (column.content === DW_LNCT_directory_index) entry.directory = Number(value);
    }
    entries.push(entry);
    if (columns.length === 0) break; // a count without columns says nothing, however large it is
  }
  return entries;
}

/** The forms that DWARF 5 section 6.2.4.1 allows in a line table; MD5 (data16) and blocks are skipped. */
function readColumn(unit: ByteReader, form: number, dwarf64: boolean, sections: LineSections): string | number {
  switch (form) {
    case 0x08: return unit.cstring(); // DW_FORM_string
    case 0x1f: return stringAt(sections.lineStrings, unit.sectionOffset(dwarf64)); // DW_FORM_line_strp
    case 0x0e: return stringAt(sections.strings, unit.sectionOffset(dwarf64)); // DW_FORM_strp
    case 0x0f: return unit.uleb(); // DW_FORM_udata
    case 0x0b: return unit.u8(); // DW_FORM_data1
    case 0x05: return unit.u16(); // DW_FORM_data2
    case 0x06: return unit.u32(); // DW_FORM_data4
    case 0x07: return unit.offset64(); // DW_FORM_data8
    case 0x1e: unit.skip(16); return 0; // DW_FORM_data16
    case 0x09: unit.skip(unit.uleb()); return 0; // DW_FORM_block
    case 0x0a: unit.skip(unit.u8()); return 0; // DW_FORM_block1
    default: throw new OutOfData(unit.offset, unit.offset); // no known size: the rest of the unit cannot be found
  }
}

/** Runs one program (DWARF 5 section 6.2.5) and appends its rows. */
function runProgram(unit: ByteReader, header: LineHeader, table: FileTable, rows: RowBuilder): void {
  const { lineBase, lineRange, opcodeBase, operandCounts, minimumInstructionLength, files } = header;
  const unknownFile = files[0] ?? table.intern('??');
  const constAdvance = Math.floor((255 - opcodeBase) / lineRange) * minimumInstructionLength;
  let address = 0;
  let file = 1;
  let line = 1;
  let column = 0;
  let isStmt = header.defaultIsStmt;
  let marks = 0;

  const emit = (extra: number): void => {
    rows.push(address, files[file] ?? unknownFile, line < 0 ? 0 : line, column > 0xffff ? 0xffff : column, (isStmt ? ROW_IS_STMT : 0) | marks | extra);
    marks = 0;
  };

  while (!unit.done) {
    const opcode = unit.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      address += Math.floor(adjusted / lineRange) * minimumInstructionLength;
      line += lineBase + (adjusted % lineRange);
      emit(0);
      continue;
    }
    switch (opcode) {
      case 0: {
        const length = unit.uleb();
        const next = unit.offset + length;
        if (length === 0) break;
        const extended = unit.u8();
        if (extended === 1) { // DW_LNE_end_sequence
          emit(ROW_END_SEQUENCE);
          address = 0;
          file = 1;
          line = 1;
          column = 0;
          isStmt = header.defaultIsStmt;
        } else if (extended === 2) { // DW_LNE_set_address
          address = length - 1 === 8 ? unit.key64() : unit.u32();
        } else if (extended === 3) { // DW_LNE_define_file (DWARF 4 and before)
          const name = unit.cstring();
          files.push(table.intern(joinPath(header.directories[unit.uleb()] ?? '', name)));
        }
        unit.offset = next;
        break;
      }
      case 1: emit(0); break; // DW_LNS_copy
      case 2: address += unit.uleb() * minimumInstructionLength; break; // DW_LNS_advance_pc
      case 3: line += unit.sleb(); break; // DW_LNS_advance_line
      case 4: file = unit.uleb(); break; // DW_LNS_set_file
      case 5: column = unit.uleb(); break; // DW_LNS_set_column
      case 6: isStmt = !isStmt; break; // DW_LNS_negate_stmt
      case 7: break; // DW_LNS_set_basic_block
      case 8: address += constAdvance; break; // DW_LNS_const_add_pc
      case 9: address += unit.u16(); break; // DW_LNS_fixed_advance_pc
      case 10: marks |= ROW_PROLOGUE_END; break; // DW_LNS_set_prologue_end
      case 11: marks |= ROW_EPILOGUE_BEGIN; break; // DW_LNS_set_epilogue_begin
      default: // DW_LNS_set_isa and vendor opcodes: the header says how many operands to skip
        for (let i = 0; i < (operandCounts[opcode] ?? 0); i++) unit.uleb();
    }
  }
}
