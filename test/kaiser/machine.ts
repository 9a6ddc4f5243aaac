import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findEntryPoints } from '../../src/kaiser/index.js';
import type { CrashFacts, ExceptionRecord } from '../../src/kaiser/index.js';
import { defaultFeatures, type PhysicalReader, readerOf } from '../../src/paging/index.js';
import { loadSymbols, parseElf, PT_LOAD, type Symbols } from '../../src/symbols/index.js';
import { NX, P, RW, Tables, US } from '../paging/tables.js';

const here = fileURLToPath(new URL('fixtures', import.meta.url));
const linkScript = fileURLToPath(new URL('../symbols/fixtures/link.ld', import.meta.url));

/** Assembles and links an image from a file of the fixtures. */
export function buildImage(source: string): Symbols {
  const folder = mkdtempSync(join(tmpdir(), 'kaiserscope-kaiser-'));
  try {
    execFileSync('gcc', ['-nostdlib', '-static', '-no-pie', '-g', '-Wl,--build-id=none', '-Wl,-e,0', '-T', linkScript, '-o', join(folder, 'image'), join(here, source)], { stdio: 'pipe' });
    return loadSymbols(parseElf(new Uint8Array(readFileSync(join(folder, 'image'))), source));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Addresses of the hand-built machine. */
export const KERNEL_ROOT = 0x20_0000;
export const SHADOW_ROOT = 0x20_1000;
export const ENTRY_AREA = 0xffff_fe00_0000_0000n;
export const ENTRY_STACK_TOP = ENTRY_AREA + 0x2000n;
export const TSS = ENTRY_AREA + 0x3000n;
export const IDT = ENTRY_AREA + 0x4000n;
export const DIRECT_MAP = 0xffff_8880_0000_0000n;
export const USER_CODE = 0x40_1000n;
const AREA_PHYSICAL = 0x21_0000n;

/**
 * RAM with the fixture's kernel loaded at 1 MiB and the two halves of a KAISER pair: the shadow half has the user page,
 * the entry text and the entry area (a stack, a TSS, an IDT), the kernel half all of memory and the poison.
 */
export class HandBuilt {
  readonly tables = new Tables(0x40_0000);
  readonly reader: PhysicalReader;
  readonly points;

  constructor(readonly symbols: Symbols) {
    const { tables } = this;
    this.reader = readerOf(tables.ram);
    this.points = findEntryPoints(symbols);
    for (const segment of symbols.image.programHeaders) {
      if (segment.type !== PT_LOAD) continue;
      const bytes = symbols.image.bytes.subarray(segment.offset, segment.offset + segment.fileSize);
      new Uint8Array(tables.ram.buffer).set(bytes, Number(segment.physicalAddress));
    }
    tables.map(KERNEL_ROOT, USER_CODE, 0x22_0000n, P | US);
    tables.map(KERNEL_ROOT, USER_CODE + 0x1000n, 0x22_1000n, P | US | RW | NX);
    tables.set(SHADOW_ROOT, 0, tables.get(KERNEL_ROOT, 0));
    this.poison(true);
    for (let at = 0n; at < 0x40_0000n; at += 0x20_0000n) {
      tables.map(KERNEL_ROOT, DIRECT_MAP + at, at, P | RW | NX, 2, P | RW);
      tables.map(KERNEL_ROOT, 0xffff_ffff_8000_0000n + at, at, P | RW, 2, P | RW);
    }
    for (let page = 1n; page < 5n; page++) tables.map(KERNEL_ROOT, ENTRY_AREA + page * 0x1000n, AREA_PHYSICAL + page * 0x1000n, P | RW | NX, 1, P | RW);
    tables.set(SHADOW_ROOT, 508, tables.get(KERNEL_ROOT, 508));
    const start = this.at('__entry_text_start');
    for (let at = start; at < this.at('__entry_text_end'); at += 0x1000n) tables.map(SHADOW_ROOT, at, at - 0xffff_ffff_8000_0000n, P, 1, P | RW);
    this.put(TSS + 4n, ENTRY_STACK_TOP);
  }

  at(symbol: string): bigint {
    const address = this.symbols.table.addressOf(symbol);
    if (address === undefined) throw new Error(`no symbol ${symbol}`);
    return address;
  }

  poison(on: boolean): void {
    const entry = this.tables.get(KERNEL_ROOT, 0);
    this.tables.set(KERNEL_ROOT, 0, on ? entry | NX : entry & ~NX);
  }

  /** Writes words into the entry area, at linear addresses. */
  put(address: bigint, ...words: bigint[]): void {
    words.forEach((word, i) => this.tables.ram.setBigUint64(Number(address - ENTRY_AREA + AREA_PHYSICAL) + i * 8, word, true));
  }

  record(part: Partial<ExceptionRecord>): ExceptionRecord {
    return { cpu: 1, vector: 14, errorCode: 0, rip: 0n, cpl: 0, cr3: BigInt(SHADOW_ROOT) | 0x801n, position: 1000, ...part };
  }

  facts(part: Partial<CrashFacts> & Pick<CrashFacts, 'exceptions'>): CrashFacts {
    return {
      event: 'exception', cpu: 1, pcidEnabled: true, paired: true, reader: this.reader, features: defaultFeatures, symbols: this.symbols,
      entryPoints: this.points, tss: TSS, idt: IDT, ...part,
    };
  }
}
