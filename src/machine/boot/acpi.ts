/**
 * The ACPI tables by which a kernel finds its processors: RSDP, XSDT, RSDT and MADT (ACPI 6.5, sections 5.2.5, 5.2.7,
 * 5.2.8 and 5.2.12).
 */

/** Builds the tables for `cpus` processors, laid out from physical address `base` (16-byte aligned), the RSDP first. */
export function acpiTables(cpus: number, base: number): Uint8Array {
  const rsdtAt = base + 0x40, xsdtAt = base + 0x80, madtAt = base + 0xc0;
  const ioApic = 44 + 8 * cpus, timer = ioApic + 12, local = timer + 10;
  const madt = table('APIC', 3, local, view => {
    view.setUint32(36, 0xfee00000, true);
    view.setUint32(40, 1, true); // there are 8259s as well
    for (let n = 0; n < cpus; n++) {
      const at = 44 + 8 * n;
      view.setUint8(at, 0); // processor local APIC
      view.setUint8(at + 1, 8);
      view.setUint8(at + 2, n);
      view.setUint8(at + 3, n);
      view.setUint32(at + 4, 1, true); // enabled
    }
    view.setUint8(ioApic, 1);
    view.setUint8(ioApic + 1, 12);
    view.setUint32(ioApic + 4, 0xfec00000, true);
    // Interrupt source override: the timer's ISA line 0 is at pin 2.
    view.setUint8(timer, 2);
    view.setUint8(timer + 1, 10);
    view.setUint32(timer + 4, 2, true);
  });
  const rsdt = table('RSDT', 1, 40, view => view.setUint32(36, madtAt, true));
  const xsdt = table('XSDT', 1, 44, view => view.setBigUint64(36, BigInt(madtAt), true));
  const out = new Uint8Array(madtAt - base + local);
  out.set(rsdp(rsdtAt, xsdtAt));
  out.set(rsdt, rsdtAt - base);
  out.set(xsdt, xsdtAt - base);
  out.set(madt, madtAt - base);
  return out;
}

function rsdp(rsdt: number, xsdt: number): Uint8Array {
  const bytes = new Uint8Array(36), view = new DataView(bytes.buffer);
  text(bytes, 0, 'RSD PTR ');
  text(bytes, 9, 'KSCOPE');
  view.setUint8(15, 2);
  view.setUint32(16, rsdt, true);
  view.setUint32(20, 36, true);
  view.setBigUint64(24, BigInt(xsdt), true);
  bytes[8] = checksum(bytes.subarray(0, 20));
  bytes[32] = checksum(bytes);
  return bytes;
}

function table(signature: string, revision: number, length: number, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length), view = new DataView(bytes.buffer);
  text(bytes, 0, signature);
  view.setUint32(4, length, true);
  bytes[8] = revision;
  text(bytes, 10, 'KSCOPE');
  text(bytes, 16, 'MACHINE ');
  view.setUint32(24, 1, true);
  fill(view);
  bytes[9] = checksum(bytes);
  return bytes;
}

function text(bytes: Uint8Array, at: number, value: string): void { for (let i = 0; i < value.length; i++) bytes[at + i] = value.charCodeAt(i); }

/** The byte that makes the sum of all bytes zero. */
function checksum(bytes: Uint8Array): number { return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff; }
