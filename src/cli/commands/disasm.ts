import path from 'node:path';
import { loadSymbols, parseElf } from '../../symbols/index.js';
import { disassembleBytes } from '../../target/disassembler.js';
import { readProgram } from '../../dap/readProgram.js';
import { nodeHost } from '../../entry/nodeHost.js';
import type { Command } from '../option.js';
import { integer } from '../parse.js';

export const disasmCommand: Command = {
  name: 'disasm',
  summary: 'Prints instructions of a kernel, with symbols and source lines, as they are in the file.',
  details: ['Nothing is booted. The syntax is AT&T.'],
  positionals: [
    { name: 'SYMBOL|ADDRESS', optional: false, description: 'a symbol, symbol+0x10, or a linked address (0x...)' },
    { name: 'COUNT', optional: true, description: 'how many instructions; without it to the end of the function, or 20' },
  ],
  options: [{ name: 'program', value: 'ELF', description: 'The kernel.', default: 'the built-in kernel' }],
  exitCodes: [{ code: '0', meaning: 'The instructions were printed.' }],
  async run(args, io) {
    const program = args.text('program');
    const name = program === undefined ? 'the built-in kernel' : path.basename(program);
    const symbols = loadSymbols(parseElf(await readProgram(nodeHost(io.installFolder), program), name));
    const count = integer(args.positionals[1], 'COUNT', 1, 1_000_000);
    const { address, size } = place(args.positionals[0]!, symbols, name);
    const bytes = readAsFar(symbols, address, count === undefined ? size || 20 * 15 : count * 15);
    if (bytes.length === 0)
      throw new Error(
        `0x${address.toString(16)} is not in ${name}: no segment of the file holds it. Give an address as linked (for example one that the symbol table lists).`,
      );
    const instructions = disassembleBytes(bytes, address, count ?? (size ? Infinity : 20), 64);
    if (instructions.length === 0) throw new Error(`The bytes at 0x${address.toString(16)} are no instruction.`);
    let line = '';
    for (const instruction of instructions) {
      const symbol = symbols.table.symbolAt(instruction.address);
      if (symbol?.offset === 0) io.stdout(`${symbol.symbol.name}:\n`);
      const location = symbols.lines.locationAt(instruction.address);
      const here = location ? `${location.file}:${location.line}` : '';
      const hex = [...instruction.bytes].map(byte => byte.toString(16).padStart(2, '0')).join(' ');
      const target = /0x[0-9a-f]{8,}/.exec(instruction.text)?.[0];
      const targetName = target ? symbols.table.format(BigInt(target)) : undefined;
      io.stdout(
        `  ${instruction.address.toString(16)}  ${hex.padEnd(30)} ${(instruction.text + (targetName ? ` <${targetName}>` : '')).padEnd(44)}${here !== line && here ? ` # ${here}` : ''}`.trimEnd() +
          '\n',
      );
      line = here;
    }
    return 0;
  },
};

type Symbols = ReturnType<typeof loadSymbols>;

function place(text: string, symbols: Symbols, name: string): { address: bigint; size: number } {
  const match = /^([A-Za-z_.$][\w.$]*)(?:\+(0x[0-9a-fA-F]+|\d+))?$/.exec(text);
  if (match) {
    const symbol = symbols.table.byName(match[1]!);
    if (!symbol) {
      const similar = symbols.table.similar(match[1]!);
      throw new Error(
        `There is no symbol "${match[1]}" in ${name}.${similar.length > 0 ? ` Did you mean ${similar.join(', ')}?` : ''}`,
      );
    }
    const offset = Number(match[2] ?? 0);
    return { address: symbol.address + BigInt(offset), size: Math.max(0, symbol.size - offset) };
  }
  if (!/^(0x[0-9a-fA-F]{1,16}|\d+)$/.test(text))
    throw new Error(`"${text}" is neither a symbol nor an address. Write a symbol, symbol+0x10 or 0x... .`);
  return { address: BigInt(text), size: 0 };
}

/** As many of `size` bytes as the file holds from an address on. */
function readAsFar(symbols: Symbols, address: bigint, size: number): Uint8Array {
  const all = symbols.bytesAt(address, size);
  if (all) return all;
  const bytes: number[] = [];
  for (let i = 0; i < size; i++) {
    const byte = symbols.bytesAt(address + BigInt(i), 1);
    if (!byte) break;
    bytes.push(byte[0]!);
  }
  return Uint8Array.from(bytes);
}
