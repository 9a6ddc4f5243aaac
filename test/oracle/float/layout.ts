/** The state of a case as the harness (`harness.c`) reads and writes it: the numbers are the contract with it. */

export const CODE = 0x40100000, DATA = 0x40200000, CODE_BYTES = 16, DATA_BYTES = 128;

/** Offsets in the state. */
export const AT = {
  code: 0, control: 16, status: 18, tags: 20, opcode: 22, ip: 24, dataPointer: 32, mxcsr: 40, vector: 44, rax: 48, rflags: 56, st: 64, xmm: 192, memory: 256,
} as const;
export const STATE_BYTES = AT.memory + DATA_BYTES;

/** RFLAGS bits that are compared: CF PF AF ZF SF OF. */
export const FLAGS = 0x8d5;

/** Registers, memory and what happened; a case is the state it starts from. */
export class FloatState {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array = new Uint8Array(STATE_BYTES)) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, STATE_BYTES);
  }
  copy(): FloatState { return new FloatState(this.bytes.slice()); }

  get code(): Uint8Array {
    let length = CODE_BYTES;
    while (length && !this.bytes[length - 1]) length--;
    return this.bytes.subarray(0, length);
  }
  set code(code: Uint8Array) {
    if (!code.length || code.length > CODE_BYTES - 1 || !code[code.length - 1]) throw new Error('this instruction has no place in a case');
    this.bytes.set(code);
  }
  u16(at: number): number { return this.view.getUint16(at, true); }
  u32(at: number): number { return this.view.getUint32(at, true); }
  u64(at: number): bigint { return this.view.getBigUint64(at, true); }
  /** The 80 bits of ST(i). */
  st(i: number): bigint { return this.u64(AT.st + 16 * i) | BigInt(this.u16(AT.st + 16 * i + 8)) << 64n; }
  setSt(i: number, bits: bigint): void {
    this.view.setBigUint64(AT.st + 16 * i, BigInt.asUintN(64, bits), true);
    this.view.setUint16(AT.st + 16 * i + 8, Number(bits >> 64n), true);
  }
}

const hex = (n: number | bigint) => n.toString(16);

/** What differs, in words. Of a register that is empty in both states the contents do not count. */
export function differences(expected: FloatState, actual: FloatState): string[] {
  const found: string[] = [];
  const check = (name: string, a: number | bigint, b: number | bigint) => { if (a !== b) found.push(`${name} is ${hex(b)} instead of ${hex(a)}`); };
  check('vector', expected.u32(AT.vector), actual.u32(AT.vector));
  for (const name of ['control', 'status', 'opcode'] as const) check(name, expected.u16(AT[name]), actual.u16(AT[name]));
  check('tags', expected.bytes[AT.tags]!, actual.bytes[AT.tags]!);
  for (const name of ['ip', 'dataPointer', 'rax'] as const) check(name, expected.u64(AT[name]), actual.u64(AT[name]));
  check('mxcsr', expected.u32(AT.mxcsr), actual.u32(AT.mxcsr));
  check('rflags', expected.u64(AT.rflags) & BigInt(FLAGS), actual.u64(AT.rflags) & BigInt(FLAGS));
  for (let i = 0; i < 8; i++) check(`st${i}`, expected.st(i), actual.st(i));
  for (let n = 0; n < 8; n++) check(`xmm${n >> 1}${n & 1 ? ' high' : ' low'}`, expected.u64(AT.xmm + 8 * n), actual.u64(AT.xmm + 8 * n));
  for (let n = 0; n < DATA_BYTES; n += 8) check(`memory+${n}`, expected.u64(AT.memory + n), actual.u64(AT.memory + n));
  return found;
}

/** A case with all that is needed to look into it. */
export function describe(text: string, s: FloatState): string {
  const st = Array.from({ length: 8 }, (_, i) => `st${i}=${s.bytes[AT.tags]! >> ((s.u16(AT.status) >> 11) + i & 7) & 1 ? '' : '(empty)'}${hex(s.st(i))}`).slice(0, 2);
  const xmm = [0, 1].map(n => `xmm${n}=${hex(s.u64(AT.xmm + 16 * n + 8))}:${hex(s.u64(AT.xmm + 16 * n))}`);
  return `${text} [${Array.from(s.code, b => hex(b).padStart(2, '0')).join(' ')}] cw=${hex(s.u16(AT.control))} sw=${hex(s.u16(AT.status))} mxcsr=${hex(s.u32(AT.mxcsr))} `
    + `${st.join(' ')} ${xmm.join(' ')} m=${hex(s.u64(AT.memory + 8))}:${hex(s.u64(AT.memory))} rax=${hex(s.u64(AT.rax))}`;
}
