import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Adapter } from './adapter.js';
import { hex } from './debuggee.js';
import { sourceOf } from './sources.js';
import type { DisassembledInstruction } from '../target/target.js';

/** x86 instructions have at most 15 bytes (SDM Vol. 2A, 2.3.11). */
const LONGEST = 15n;

/**
 * `count` instructions, the first of them `offset` instructions away from the one at `address`. Going back starts at a
 * function's first instruction, since x86 code cannot be decoded backwards. Rows without an instruction fill up.
 */
export function disassembleAround(
  adapter: Adapter,
  address: bigint,
  offset: number,
  count: number,
): DebugProtocol.DisassembledInstruction[] {
  const before = offset < 0 ? decodeBefore(adapter, address, -offset) : [];
  const wantedAfter = Math.max(0, offset + count);
  const after = wantedAfter > 0 ? decode(adapter, address, wantedAfter) : [];
  const rows: (DisassembledInstruction | undefined)[] = [];
  for (let i = offset; i < offset + count; i++) rows.push(i < 0 ? before[before.length + i] : after[i]);
  // Rows that do not exist still need addresses of their own, ascending towards the real ones.
  const firstKnown = rows.findIndex(row => row !== undefined);
  let next = firstKnown >= 0 ? rows[firstKnown]!.address - BigInt(firstKnown) : address + BigInt(offset);
  let lastLocation = '';
  return rows.map(row => {
    const at = BigInt.asUintN(64, row?.address ?? next);
    next = row ? row.address + BigInt(row.bytes.length) : next + 1n;
    if (!row) return { address: hex(at), instruction: '(no instruction)', presentationHint: 'invalid' as const };
    const instruction: DebugProtocol.DisassembledInstruction = {
      address: hex(at),
      instructionBytes: [...row.bytes].map(byte => byte.toString(16).padStart(2, '0')).join(' '),
      instruction: row.text,
    };
    const linked = adapter.debuggee.linked(at);
    const symbol = adapter.debuggee.symbols.table.symbolAt(linked);
    if (symbol?.offset === 0) instruction.symbol = symbol.symbol.name;
    const location = adapter.debuggee.symbols.lines.locationAt(linked);
    if (location && `${location.file}:${location.line}` !== lastLocation) {
      lastLocation = `${location.file}:${location.line}`;
      instruction.location = sourceOf(location.file, adapter.debuggee.launch.sourceRoot ?? adapter.host.builtInSourceRoot);
      instruction.line = location.line;
    }
    return instruction;
  });
}

/** Up to `count` instructions from an address: in the current address space, or where that ends in the kernel's half. */
export function decode(adapter: Adapter, address: bigint, count: number): DisassembledInstruction[] {
  const { target, kaiser } = adapter.debuggee;
  const here = target.disassemble(adapter.focus, address, count);
  if (here.length === count) return here;
  const kernelRoot = kaiser.kernelRootOf(target.cpu(adapter.focus));
  const there = kernelRoot === undefined ? [] : target.disassemble(adapter.focus, address, count, kernelRoot);
  return there.length > here.length ? there : here;
}

/** The instructions from `start` on that begin before `end`. */
function decodeRange(adapter: Adapter, start: bigint, end: bigint): DisassembledInstruction[] {
  const all: DisassembledInstruction[] = [];
  for (let at = start; at < end;) {
    const more = decode(adapter, at, 64);
    all.push(...more.filter(one => one.address < end));
    const last = more.at(-1);
    if (!last) break;
    at = last.address + BigInt(last.bytes.length);
  }
  return all;
}

/** The last `count` instructions that end right before an address, fewer if the code before it is not known. */
function decodeBefore(adapter: Adapter, address: bigint, count: number): DisassembledInstruction[] {
  const { table } = adapter.debuggee.symbols;
  let found: DisassembledInstruction[] = [];
  let end = address;
  while (found.length < count) {
    // Functions that touch are decoded one by one, each from its own start.
    const hit = table.functionAt(end - 1n);
    const start = hit ? end - 1n - BigInt(hit.offset) : end - LONGEST;
    if (end - start > 0x10000n) break;
    const all = decodeRange(adapter, start, end);
    const last = all.at(-1);
    if (!hit || !last || last.address + BigInt(last.bytes.length) !== end) break;
    found = [...all, ...found];
    end = start;
  }
  return found.slice(-count);
}
