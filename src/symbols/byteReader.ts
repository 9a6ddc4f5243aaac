import { fromKey } from './address.js';

/** A read past the end of the data. Callers turn it into a message that names the section. */
export class OutOfData extends Error {
  constructor(readonly offset: number, readonly limit: number) {
    super(`needs bytes at offset 0x${offset.toString(16)}, but the data ends at 0x${limit.toString(16)}`);
  }
}

const latin = new TextDecoder('utf-8');

/** The NUL-terminated string at `offset`, or '' outside the data. */
export function stringAt(bytes: Uint8Array, offset: number): string {
  if (offset < 0 || offset >= bytes.length) return '';
  let end = bytes.indexOf(0, offset);
  if (end < 0) end = bytes.length;
  // Names are nearly always short ASCII, for which this is several times faster than TextDecoder.
  let text = '';
  for (let i = offset; i < end; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x80) return latin.decode(bytes.subarray(offset, end));
    text += String.fromCharCode(byte);
  }
  return text;
}

/** A cursor over little-endian data with the variable-length numbers of DWARF (DWARF 5 section 7.6). */
export class ByteReader {
  private readonly view: DataView;

  constructor(readonly bytes: Uint8Array, public offset = 0, public limit = bytes.length) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (limit > bytes.length) this.limit = bytes.length;
  }

  get done(): boolean {
    return this.offset >= this.limit;
  }

  private take(size: number): number {
    const at = this.offset;
    if (size < 0 || at + size > this.limit) throw new OutOfData(at, this.limit);
    this.offset = at + size;
    return at;
  }

  u8(): number {
    if (this.offset >= this.limit) throw new OutOfData(this.offset, this.limit);
    return this.bytes[this.offset++]!;
  }

  i8(): number {
    return (this.u8() << 24) >> 24;
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u24(): number {
    const at = this.take(3);
    return this.bytes[at]! | (this.bytes[at + 1]! << 8) | (this.bytes[at + 2]! << 16);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  i32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true);
  }

  /** A 64-bit value as a signed number: exact for canonical addresses, see address.ts. */
  key64(): number {
    const at = this.take(8);
    return this.view.getInt32(at + 4, true) * 0x1_0000_0000 + this.view.getUint32(at, true);
  }

  /** A 64-bit offset or size as a number; throws OutOfData when it can be no offset into a file. */
  offset64(): number {
    const at = this.offset;
    const value = this.key64();
    if (value < 0 || !Number.isSafeInteger(value)) throw new OutOfData(Number(fromKey(value)), this.limit);
    this.offset = at + 8;
    return value;
  }

  /** An unsigned LEB128 as a number. Values past 2^53 lose precision; DWARF uses none where it would matter. */
  uleb(): number {
    let result = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) return result;
      scale *= 128;
    }
  }

  /** A signed LEB128 as a number. */
  sleb(): number {
    let result = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      result += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return byte & 0x40 ? result - scale : result;
    }
  }

  skip(size: number): void {
    this.take(size);
  }

  slice(size: number): Uint8Array {
    const at = this.take(size);
    return this.bytes.subarray(at, at + size);
  }

  cstring(): string {
    const end = this.bytes.indexOf(0, this.offset);
    if (end < 0 || end >= this.limit) throw new OutOfData(this.limit, this.limit);
    const text = stringAt(this.bytes, this.offset);
    this.offset = end + 1;
    return text;
  }

  /** The initial length of a DWARF unit (DWARF 5 section 7.4): the size and whether the unit is 64-bit DWARF. */
  initialLength(): { length: number; dwarf64: boolean } {
    const first = this.u32();
    if (first === 0xffffffff) return { length: this.offset64(), dwarf64: true };
    return { length: first, dwarf64: false };
  }

  sectionOffset(dwarf64: boolean): number {
    return dwarf64 ? this.offset64() : this.u32();
  }
}
