import { afterAll, describe, expect, it } from 'vitest';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { loadSymbols, parseElf, type ReadMemory, type Symbols, unwind } from '../../src/symbols/index.js';
import { buildKernel, bytesOf, fixtures, run, temporaryFolder } from './build.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

/** Memory made of the image and of words laid down by the test. */
class Memory {
  private readonly words = new Map<bigint, bigint>();
  constructor(private readonly symbols: Symbols) {}

  put(address: bigint, ...values: bigint[]): this {
    values.forEach((value, i) => this.words.set(address + BigInt(i * 8), BigInt.asUintN(64, value)));
    return this;
  }

  readonly read: ReadMemory = (address, size) => {
    const code = this.symbols.bytesAt(address, size);
    if (code) return code;
    const result = new Uint8Array(size);
    for (let i = 0; i < size; i++) {
      const at = address + BigInt(i);
      const word = this.words.get(at & ~7n);
      if (word === undefined) return undefined;
      result[i] = Number((word >> ((at & 7n) * 8n)) & 0xffn);
    }
    return result;
  };
}

/** Each step of the traced run: registers, the stack above RSP, and the return addresses that calls really pushed. */
interface Step { rip: bigint; rsp: bigint; rbp: bigint; stack: bigint[]; expected: bigint[] }

function trace(flags: string[]): { symbols: Symbols; steps: Step[] } {
  const image = join(folder.path, `traced${flags.join('')}`);
  run('gcc', '-no-pie', '-fcf-protection=none', '-g', ...flags, '-o', image, ...['tracer.c', 'main.c', 'other.c'].map((file) => join(fixtures, file)));
  const output = new Uint8Array(execFileSync(image, { maxBuffer: 1 << 28 }));
  const symbols = loadSymbols(parseElf(bytesOf(image)));
  const words = new BigUint64Array(output.buffer.slice(output.byteOffset, output.byteOffset + output.byteLength));
  const steps: Step[] = [];
  const calls: { at: bigint; address: bigint }[] = [];
  for (let i = 0; i + 67 <= words.length; i += 67) {
    const step = { rip: words[i]!, rsp: words[i + 1]!, rbp: words[i + 2]!, stack: [...words.subarray(i + 3, i + 67)], expected: [] as bigint[] };
    const before = steps[steps.length - 1];
    // A call pushes the address of the next instruction; the code at the step before says whether it was one.
    const opcode = before && symbols.bytesAt(before.rip, 2)!;
    const called = !before || opcode![0] === 0xe8 || (opcode![0] === 0xff && (opcode![1]! & 0x38) === 0x10);
    if (called) calls.push({ at: step.rsp, address: step.stack[0]! });
    while (calls.length > 0 && calls[calls.length - 1]!.at < step.rsp) calls.pop();
    step.expected = calls.map((call) => call.address).reverse();
    steps.push(step);
  }
  return { symbols, steps };
}

describe.each([
  ['-O2 and .eh_frame', ['-O2']],
  ['-O2, frame pointers and .debug_frame', ['-O2', '-fno-omit-frame-pointer', '-fno-asynchronous-unwind-tables', '-fno-exceptions']],
  ['-O0 and frame pointers alone', ['-O0', '-fno-asynchronous-unwind-tables', '-Wl,--strip-debug']],
  ['-O1 and frame pointers alone', ['-O1', '-fno-omit-frame-pointer', '-mno-omit-leaf-frame-pointer', '-fno-schedule-insns2', '-fno-shrink-wrap', '-fno-asynchronous-unwind-tables', '-Wl,--strip-debug']],
])(
  'unwinding a program compiled with %s', (_name, flags) => {
    it('gives at every instruction the callers that really called', () => {
      const { symbols, steps } = trace(flags);
      expect(steps.length).toBeGreaterThan(100);
      const main = symbols.table.byName('main')!;
      const wrong = new Map<string, string>();
      for (const step of steps) {
        const memory = new Memory(symbols).put(step.rsp, ...step.stack);
        const frames = unwind(step, memory.read, symbols);
        expect(frames[0]).toMatchObject({ pc: step.rip, how: 'registers' });
        const callers = frames.slice(1).map((frame) => frame.pc);
        const upToMain = callers.slice(0, callers.findIndex((pc) => pc > main.address && pc < main.address + BigInt(main.size)) + 1);
        const show = (pcs: bigint[]): string => pcs.map((pc) => symbols.table.format(pc)).join(' < ');
        if (show(upToMain) !== show(step.expected)) wrong.set(symbols.table.format(step.rip)!, `${show(callers)} instead of ${show(step.expected)}`);
      }
      expect([...wrong]).toEqual([]);
    });
  });

describe('unwinding by hand-built stacks', () => {
  const symbols = loadSymbols(parseElf(bytesOf(buildKernel(folder.path, 'kernel', '-O2', '-gdwarf-5', '-fno-omit-frame-pointer'))));
  const at = (name: string): bigint => symbols.table.addressOf(name)!;
  const top = 0xffffc90000001000n;
  /** The address behind the call in _start and in the trampoline. */
  const behindCall = (name: string, end: bigint): bigint => {
    for (let address = at(name); address < end; address++) if (symbols.bytesAt(address, 1)![0] === 0xe8) return address + 5n;
    throw new Error('no call');
  };
  const inStart = behindCall('_start', at('_start') + 32n);
  const inTrampoline = behindCall('entry_syscall64', at('_start'));

  it('takes the return address at RSP on the first instruction of a function', () => {
    const memory = new Memory(symbols).put(top, inStart, 0n);
    const frames = unwind({ rip: at('kernel_main'), rsp: top, rbp: 0n }, memory.read, symbols);
    expect(frames.map((frame) => [frame.pc, frame.how])).toEqual([[at('kernel_main'), 'registers'], [inStart, 'return address']]);
    expect(frames[1]).toMatchObject({ lookup: inStart - 1n, sp: top + 8n });
  });

  it('takes it behind the saved RBP when only the push has run', () => {
    const memory = new Memory(symbols).put(top, 0x1234n, inStart, 0n);
    const frames = unwind({ rip: at('kernel_main') + 1n, rsp: top, rbp: 0x9999n }, memory.read, symbols);
    expect(frames[1]).toMatchObject({ pc: inStart, fp: 0x1234n, sp: top + 16n });
  });

  it('goes from C through the trampoline, that has no frame, to the user code that the hardware frame names', () => {
    const code = symbols.bytesAt(at('kernel_main'), 64)!;
    const built = at('kernel_main') + BigInt(code.findIndex((byte, i) => byte === 0x48 && code[i + 1] === 0x89 && code[i + 2] === 0xe5) + 3);
    const memory = new Memory(symbols)
      .put(top, 0x7ffe1000n, inTrampoline) // kernel_main's frame: the user's RBP and the return address
      .put(top + 16n, 0xdeadn, 0x1n, 0x401234n, 0x33n, 0x246n, 0x7ffe0ff0n, 0x2bn); // two saved words and the hardware frame
    const frames = unwind({ rip: built, rsp: top, rbp: top }, memory.read, symbols);
    expect(frames.map((frame) => [frame.pc, frame.how, frame.cpl])).toEqual([
      [built, 'registers', undefined], [inTrampoline, 'frame pointer', undefined], [0x401234n, 'interrupt frame', 3]]);
    expect(frames[2]).toMatchObject({ sp: 0x7ffe0ff0n, fp: 0x7ffe1000n, lookup: 0x401234n });
  });

  it('finds the interrupted code on the first instruction of a trampoline, with and without an error code', () => {
    const frame = [at('kernel_main') + 4n, 0x10n, 0x46n, top + 0x100n, 0n];
    const plain = unwind({ rip: at('entry_syscall64'), rsp: top, rbp: 0n }, new Memory(symbols).put(top, ...frame).read, symbols);
    expect(plain[1]).toMatchObject({ pc: at('kernel_main') + 4n, how: 'interrupt frame', cpl: 0, sp: top + 0x100n });
    const withCode = unwind({ rip: at('entry_syscall64'), rsp: top, rbp: 0n }, new Memory(symbols).put(top, 0x15n, ...frame).read, symbols);
    expect(withCode[1]).toMatchObject({ pc: at('kernel_main') + 4n, how: 'interrupt frame' });
  });

  it('takes RBP of the interrupted code from the registers that the entry has saved below the hardware frame', () => {
    const memory = new Memory(symbols)
      .put(top, inTrampoline, ...Array.from({ length: 20 }, (_, i) => BigInt(i + 0x100)), 0x15n, 0x401234n, 0x33n, 0x246n, 0x7ffe0ff0n, 0x2bn);
    const frames = unwind({ rip: at('kernel_main'), rsp: top, rbp: 0n }, memory.read, symbols);
    // Of the 20 words and the error code below the frame, RBP is the twelfth below RIP.
    expect(frames[2]).toMatchObject({ pc: 0x401234n, how: 'interrupt frame', cpl: 3, fp: 0x100n + 20n - 11n });
  });

  it('shows who made the system call while RSP is still the user\'s, by the SYSCALL instruction before RCX', () => {
    const user = new Memory(symbols).put(0x401000n, 0x050f_9090_9090_9090n).put(0x7ffe1000n, 0x409999n, 0n);
    const registers = { rip: at('entry_syscall64'), rsp: 0x7ffe1000n, rbp: 0x7ffe1010n };
    expect(unwind({ ...registers, rcx: 0x401008n }, user.read, symbols)[1]).toMatchObject({ pc: 0x401008n, lookup: 0x401008n, sp: 0x7ffe1000n, fp: 0x7ffe1010n, how: 'interrupt frame', cpl: 3 });
    expect(unwind({ ...registers, rcx: 0x401007n }, user.read, symbols)[1]?.how).not.toBe('interrupt frame');
    // On the way out the stack pointer is a small stack's, with the user's on top of a word.
    user.put(top, 0x77n, 0x7ffe1000n);
    expect(unwind({ rip: at('entry_syscall64_cr3'), rsp: top, rbp: 1n, rcx: 0x401008n }, user.read, symbols)[1]).toMatchObject({ pc: 0x401008n, sp: 0x7ffe1000n, cpl: 3 });
  });

  it.each([
    ['no stack at all', 0n, 0n],
    ['a frame pointer below the stack', top, top - 64n],
    ['a frame pointer that is not aligned', top, top + 3n],
    ['a frame pointer to itself', top, top],
    ['a frame pointer far away', top, top + 0x100000n],
    ['a non-canonical frame pointer', top, 0x8000000000000000n],
  ])('stops with the innermost frame on %s', (_what, rsp, rbp) => {
    const memory = new Memory(symbols).put(top, top, 0x41414141n, 0x42424242n);
    const frames = unwind({ rip: at('kernel_main') + 0x20n, rsp, rbp }, memory.read, symbols);
    expect(frames).toHaveLength(1);
  });

  it('stops at a return address that is no code or follows no call', () => {
    for (const address of [0n, 1n, at('counter'), at('kernel_main') + 1n, 0x0000800000000000n]) {
      const memory = new Memory(symbols).put(top, top + 32n, address, 0n, 0n, top + 64n, inStart);
      expect(unwind({ rip: at('kernel_main') + 0x20n, rsp: top, rbp: top }, memory.read, symbols)).toHaveLength(1);
    }
  });

  it('ends a ring of frames and an endless recursion', () => {
    const ring = new Memory(symbols).put(top, top + 16n, inTrampoline, top, inTrampoline);
    expect(unwind({ rip: at('kernel_main') + 0x20n, rsp: top, rbp: top }, ring.read, symbols).length).toBeLessThan(5);
    const deep = new Memory(symbols);
    const inOther = behindCall('other', at('other') + 64n);
    for (let i = 0n; i < 200n; i++) deep.put(top + i * 16n, top + (i + 1n) * 16n, inOther);
    expect(unwind({ rip: at('kernel_main') + 0x20n, rsp: top, rbp: top }, deep.read, symbols)).toHaveLength(64);
    expect(unwind({ rip: at('kernel_main') + 0x20n, rsp: top, rbp: top }, deep.read, symbols, { limit: 7 })).toHaveLength(7);
  });

  it('works by frame pointers alone where there are no symbols', () => {
    const memory = new Memory(symbols).put(top, top + 32n, inStart, 0n, 0n, 0n, 0n);
    expect(unwind({ rip: at('kernel_main') + 0x20n, rsp: top, rbp: top }, memory.read).map((frame) => frame.pc)).toEqual([at('kernel_main') + 0x20n, inStart]);
  });

  it('ends on any garbage, and never throws', () => {
    let state = 12345;
    const next = (): bigint => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return BigInt(state);
    };
    const text = symbols.image.sections.find((section) => section.name === '.text')!;
    const value = (): bigint => [next(), top + (next() % 64n) * 8n, text.address + next() % BigInt(text.size), next() << 32n, 0n, 0x33n, 0x246n][Number(next() % 7n)]!;
    for (let i = 0; i < 2000; i++) {
      const memory = new Memory(symbols).put(top, ...Array.from({ length: 64 }, value));
      const frames = unwind({ rip: value(), rsp: value(), rbp: value(), rcx: value() }, memory.read, symbols);
      expect(frames.length).toBeLessThanOrEqual(64);
    }
  });
});
