import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Adapter } from '../adapter.js';
import { hex } from '../debuggee.js';
import type { Debuggee } from '../debuggee.js';
import { RequestError } from '../errors.js';
import { accessTypes } from '../expression/ast.js';
import { evaluate } from '../expression/evaluate.js';
import { machineScope } from '../expression/machineScope.js';
import { parseExpression } from '../expression/parser.js';

/** Bytes at a linear address, in whatever address space. */
export interface DataLocation {
  address: bigint;
  size: number;
}

/** What a word of memory has where nothing says how large the data is. */
const WORD = 8;
const MAX_SIZE = 1 << 20;

/** The id by which a client sets a breakpoint on a location: `0xffffffff81002000/8`. */
export function dataId({ address, size }: DataLocation): string {
  return `${hex(address)}/${size}`;
}

/** Throws a RequestError for what is no data id. */
export function parseDataId(id: string): DataLocation {
  const match = /^(0x[0-9a-fA-F]+)\/(\d+)$/.exec(id);
  if (!match)
    throw new RequestError(`"${id}" is no data id. Ask for one with dataBreakpointInfo; they read 0xffffffff81002000/8 (address and bytes).`);
  return checked({ address: BigInt(match[1]!), size: Number(match[2]) });
}

/** Where the data of a dataBreakpointInfo request lies; throws a RequestError that says why it has no place in memory. */
export function dataLocation(adapter: Adapter, args: DebugProtocol.DataBreakpointInfoArguments): DataLocation {
  const found = args.variablesReference ? variableLocation(adapter, args.variablesReference, args.name) : textLocation(adapter, args);
  return checked(args.bytes === undefined ? found : { ...found, size: args.bytes });
}

/** Data in words: `8 bytes at 0xffffffff81002000 <jiffies>`. */
export function describeData({ address, size }: DataLocation, debuggee: Debuggee): string {
  return `${size} byte${size === 1 ? '' : 's'} at ${debuggee.formatAddress(address)}`;
}

/** A variable has a place in memory if it tells one: a register that holds an address stands for what it points to. */
function variableLocation(adapter: Adapter, reference: number, name: string): DataLocation {
  const variable = adapter.variables.container(reference)?.variables().find(one => one.name === name);
  if (!variable) throw new RequestError(`There is no variable ${name} any more: the machine has run since.`, false);
  if (!variable.memoryReference)
    throw new RequestError(`${name} is no place in memory, and its value is no address either. Registers cannot be watched; give an address.`, false);
  return sized(BigInt(variable.memoryReference), adapter.debuggee);
}

/** `u32(counter)`, a symbol, or any expression whose value is an address. */
function textLocation(adapter: Adapter, { name, frameId, asAddress }: DebugProtocol.DataBreakpointInfoArguments): DataLocation {
  const { debuggee } = adapter;
  const scope = machineScope(debuggee, adapter.variables.frame(frameId)?.cpu ?? adapter.focus);
  const expression = parseExpression(name);
  const isMemory = expression.kind === 'memory' && !asAddress;
  const value = evaluate(isMemory ? expression.address : expression, scope, name);
  if (typeof value !== 'bigint') throw new RequestError(`"${name}" is the word '${value}'; an address is needed.`);
  return isMemory ? { address: value, size: accessTypes[expression.type].size } : sized(value, debuggee);
}

/** An address with the size of the object that begins there, if it is not more than a word, else a word. */
function sized(address: bigint, debuggee: Debuggee): DataLocation {
  const hit = debuggee.symbols.table.symbolAt(debuggee.linked(address));
  const size = hit?.offset === 0 ? hit.symbol.size : 0;
  return { address, size: size > 0 && size <= WORD ? size : WORD };
}

function checked(location: DataLocation): DataLocation {
  const { address, size } = location;
  if (!Number.isInteger(size) || size < 1 || size > MAX_SIZE) throw new RequestError(`${size} bytes cannot be watched: give 1 to ${MAX_SIZE}.`);
  if (address >> 64n !== 0n || address + BigInt(size) > 1n << 64n)
    throw new RequestError(`${size} bytes at ${hex(address)} go beyond the last address.`);
  return location;
}
