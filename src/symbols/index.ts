import { type ElfImage, imageBytesAt, SHF_ALLOC, SHF_COMPRESSED, SHF_EXECINSTR, virtualAddressOf } from './elf.js';
import { toKey } from './address.js';
import { CallFrames } from './callFrames.js';
import { type LineRows, readLinePrograms } from './dwarfLine.js';
import { DebugInfo } from './functions.js';
import { FunctionTable } from './functionTable.js';
import { LineTable } from './lineTable.js';
import { SymbolTable } from './symbolTable.js';

export * from './elf.js';
export { type AddressRange, type LineBreakpoint, LineTable, type SourceLocation, type StepRange } from './lineTable.js';
export { type SymbolHit, type SymbolInfo, SymbolTable } from './symbolTable.js';
export type { FunctionInfo, InlinedCall } from './functions.js';
export { FunctionTable } from './functionTable.js';
export { type SourceFrame, sourceFrames } from './inlines.js';
export { type Frame, type FrameRegisters, type ReadMemory, unwind, type UnwindOptions } from './frames.js';

/** All that a debugger asks about an image's symbols. */
export interface Symbols {
  image: ElfImage;
  table: SymbolTable;
  /** Line numbers of .debug_line; read on first use. */
  readonly lines: LineTable;
  /** Functions and inlined calls of .debug_info; read on first use. */
  readonly functions: FunctionTable;
  /** Call frame information of .debug_frame and .eh_frame; read on first use. */
  readonly callFrames: CallFrames;
  /** What could not be read of the debug information, in words; empty when all is well. Reads the line numbers if that has not been done. */
  readonly problems: string[];
  /** The bytes of the image itself at a linked address, for when memory is not loaded or not mapped. */
  bytesAt(address: bigint, size: number): Uint8Array | undefined;
  /** The linked address of a physical one (code that runs before paging is on), or undefined. */
  linkedAddress(physical: bigint): bigint | undefined;
}

/**
 * Reads the symbols and line numbers of an image. Damaged or missing debug information never throws: it is told in
 * `problems` and the rest works.
 */
export function loadSymbols(image: ElfImage): Symbols {
  const problems: string[] = [];
  const empty = new Uint8Array(0);
  const data = (name: string): Uint8Array => {
    const section = image.sections.find((one) => one.name === name);
    if (section && section.flags & SHF_COMPRESSED) {
      problems.push(`${image.name}: ${name} is compressed and is not read; link with --compress-debug-sections=none`);
      return empty;
    }
    return image.sectionData(name) ?? empty;
  };
  const infoSections = {
    info: data('.debug_info'), abbreviations: data('.debug_abbrev'), strings: data('.debug_str'), lineStrings: data('.debug_line_str'),
    stringOffsets: data('.debug_str_offsets'), addresses: data('.debug_addr'), ranges: data('.debug_ranges'), rangeLists: data('.debug_rnglists'),
  };
  const line = data('.debug_line');
  if (image.symbols.length === 0) problems.push(`${image.name} has no symbol table (.symtab): names are not known; do not strip it`);
  if (line.length === 0) problems.push(`${image.name} has no line numbers (.debug_line): sources are not known; build it with -g`);

  // Only DWARF before version 5 needs .debug_info for the directories; reading the units' first entries is cheap.
  let lineRows: LineRows | undefined;
  const readRows = (): LineRows => {
    if (!lineRows) {
      const compilationDirectories = hasOldUnits(line) ? new DebugInfo(infoSections).compilationDirectories() : new Map<number, string>();
      lineRows = readLinePrograms({ line, lineStrings: infoSections.lineStrings, strings: infoSections.strings, compilationDirectories });
      problems.push(...lineRows.problems);
    }
    return lineRows;
  };

  const code = image.sections
    .filter((section) => (section.flags & (SHF_ALLOC | SHF_EXECINSTR)) === (SHF_ALLOC | SHF_EXECINSTR))
    .map((section) => ({ start: toKey(section.address), end: toKey(section.address) + section.size }));
  const keep = (key: number): boolean => code.some((range) => key >= range.start && key < range.end);

  const table = new SymbolTable(image);
  const functionStart = (key: number): number => {
    const hit = table.functionAt(BigInt.asUintN(64, BigInt(key)));
    return hit ? key - hit.offset : NaN;
  };
  let lines: LineTable | undefined;
  let functions: FunctionTable | undefined;
  let callFrames: CallFrames | undefined;
  return {
    image, table,
    get problems() {
      readRows();
      return problems;
    },
    get lines() { return lines ??= new LineTable(readRows(), keep, functionStart); },
    get functions() {
      if (!functions) {
        const rows = readRows();
        const info = new DebugInfo(infoSections, (statementList) => rows.unitFiles.get(statementList)?.map((index) => rows.files[index]!));
        functions = new FunctionTable(info.functions().filter((one) => keep(one.ranges[0]!.start)));
        problems.push(...info.problems);
      }
      return functions;
    },
    get callFrames() {
      const ehFrame = image.sections.find((section) => section.name === '.eh_frame');
      callFrames ??= new CallFrames(image.sectionData('.debug_frame'), ehFrame && image.sectionData('.eh_frame'), ehFrame?.address ?? 0n);
      return callFrames;
    },
    bytesAt: (address, size) => imageBytesAt(image, address, size),
    linkedAddress: (physical) => virtualAddressOf(image, physical),
  };
}

/** Whether the first unit, or any after it, is of a version before 5. Mixed images are common: assembly and C differ. */
function hasOldUnits(line: Uint8Array): boolean {
  const view = new DataView(line.buffer, line.byteOffset, line.byteLength);
  let offset = 0;
  while (offset + 6 <= line.length) {
    const length = view.getUint32(offset, true);
    if (length === 0xffffffff) return true;
    if (view.getUint16(offset + 4, true) < 5) return true;
    offset += 4 + length;
  }
  return false;
}
