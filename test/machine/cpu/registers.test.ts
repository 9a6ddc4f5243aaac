import { beforeEach, describe, expect, it } from 'vitest';
import { Vector } from '../../../src/machine/core.js';
import { cpuid } from '../../../src/machine/cpu/cpuid.js';
import { writeFlags } from '../../../src/machine/cpu/flags.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { CodeMode, Seg } from '../../../src/machine/cpu/layout.js';
import { Msr, readMsr, writeMsr } from '../../../src/machine/cpu/msrs.js';
import { expectFault, S, TestCore } from './testCore.js';

const movToCr = (n: number) => n < 8 ? [0x0f, 0x22, 0xc0 | n << 3] : [0x44, 0x0f, 0x22, 0xc0];
const movFromCr = (n: number) => n < 8 ? [0x0f, 0x20, 0xc0 | n << 3] : [0x44, 0x0f, 0x20, 0xc0];

let t: TestCore;
beforeEach(() => { t = new TestCore().longMode(); });

function setCr(n: number, value: bigint) {
  t.cpu.setGpr(0, value);
  return t.exec(movToCr(n));
}
const getCr = (n: number) => { t.exec(movFromCr(n)); return t.cpu.gpr(0); };

/** A core in protected mode with the long-mode tables ready and paging still off. */
function beforePaging(): TestCore {
  const core = new TestCore().longMode();
  core.cpu.set(L.CR0, 0x31n);
  core.cpu.set(L.CR4, 0n);
  core.cpu.set(L.EFER, 0n);
  core.cpu.set(L.CR3, 0n);
  core.protectedMode();
  return core;
}

describe('CR0', () => {
  it('PG with EFER.LME activates long mode, and needs PAE', () => {
    t = beforePaging();
    t.cpu.set(L.EFER, 0x100n);
    t.cpu.set(L.CR3, 0x1000n);
    expectFault(setCr(0, 0x80000031n), Vector.GP, 0);
    setCr(4, 0x20n);
    expect(setCr(0, 0x80000031n)).toBeUndefined();
    expect(t.cpu.get(L.EFER)).toBe(0x500n);
    expect(t.cpu.int(L.MODE)).toBe(CodeMode.Code32 | CodeMode.Stack32);
  });
  it('PG without EFER.LME turns on 32-bit paging, with CR4.PAE PAE paging', () => {
    t = beforePaging();
    t.cpu.set(L.CR3, 0x300000n);
    t.memory.writeU32(0x300000, 0x301003);
    t.memory.writeU32(0x301004, 0x5003);
    expect(setCr(0, 0x80000031n)).toBeUndefined();
    expect(t.cpu.get(L.EFER)).toBe(0n);
    t.memory.writeU32(0x5000, 0x12345678);
    expect(t.access.read32(t.cpu, 0x1000n)).toBe(0x12345678);
    expect(setCr(0, 0x31n)).toBeUndefined();
    setCr(4, 0x20n);
    t.write64(0x300000, 0x302001n);
    t.write64(0x302000, 0x303003n);
    t.write64(0x303008, 0x6003n);
    t.memory.writeU32(0x6000, 0x9abcdef);
    expect(setCr(0, 0x80000031n)).toBeUndefined();
    expect(t.cpu.get(L.EFER)).toBe(0n);
    expect(t.access.read32(t.cpu, 0x1000n)).toBe(0x9abcdef);
    expect(t.cpu.get(L.PDPTE)).toBe(0x302001n);
  });
  it('PAE paging loads the PDPTE registers with CR3, and where CR0 and CR4 say so; a reserved bit in a present one is #GP(0)', () => {
    t = beforePaging();
    setCr(4, 0x20n);
    for (const n of [0, 1, 2, 3]) t.write64(0x300020 + 8 * n, BigInt(0x302000 + 0x1000 * n) | 1n);
    t.cpu.set(L.CR3, 0x300020n);
    t.write64(0x302000, 0x83n);
    t.write64(0x302400, 0x83n);
    expect(setCr(0, 0x80000031n)).toBeUndefined();
    const loaded = () => [0, 1, 2, 3].map(n => t.cpu.get(L.PDPTE + 8 * n));
    expect(loaded()).toEqual([0x302001n, 0x303001n, 0x304001n, 0x305001n]);
    // A change of the table counts from the next load on.
    t.write64(0x300038, 0x306001n);
    expect(loaded()[3]).toBe(0x305001n);
    expect(setCr(4, 0x30n)).toBeUndefined();
    expect(loaded()[3]).toBe(0x306001n);
    t.write64(0x300038, 0x307001n);
    expect(setCr(0, 0xc0000031n)).toBeUndefined();
    expect(loaded()[3]).toBe(0x307001n);
    t.write64(0x300038, 0x308001n);
    expect(setCr(3, 0x300020n)).toBeUndefined();
    expect(loaded()[3]).toBe(0x308001n);
    for (const bad of [2n, 4n, 0x20n, 0x40n, 0x80n, 0x100n, 1n << 40n, 1n << 52n, 1n << 63n]) {
      t.write64(0x300038, 0x308001n | bad);
      expectFault(setCr(3, 0x300020n), Vector.GP, 0);
      expectFault(setCr(4, 0x20n), Vector.GP, 0);
      expectFault(setCr(0, 0x80000031n), Vector.GP, 0);
      expect(loaded()[3]).toBe(0x308001n);
    }
    t.write64(0x300038, ~1n);
    expect(setCr(3, 0x300020n)).toBeUndefined();
  });
  it('clearing PG in compatibility mode leaves long mode, in 64-bit code it is #GP', () => {
    expectFault(setCr(0, 0x31n), Vector.GP, 0);
    t.compatibility(0);
    expect(setCr(0, 0x31n)).toBeUndefined();
    expect(t.cpu.get(L.EFER) & 0x400n).toBe(0n);
  });
  it.each([['bits above 31', 0x1_8000_0031n], ['PG without PE', 0x80000030n], ['NW without CD', 0xa0000031n]])('%s: #GP(0)', (_what, value) => {
    expectFault(setCr(0, value), Vector.GP, 0);
  });
  it('ET stays set and reserved bits clear', () => {
    setCr(0, 0x8001_0021n | 0x100n);
    expect(getCr(0)).toBe(0x80010031n);
  });
  it('WP takes effect at once', () => {
    t.setPage(0x50000n, 1n);
    t.cpu.set(L.GDTR_BASE, 0x1234n);
    t.cpu.setGpr(3, 0x50000n);
    expectFault(t.exec([0x0f, 0x01, 0x03]), Vector.PF, 3);
    setCr(0, 0x80000031n);
    expect(t.exec([0x0f, 0x01, 0x03])).toBeUndefined();
  });
  it('LMSW sets PE but never clears it; SMSW and CLTS', () => {
    t.cpu.setGpr(0, 0xen);
    expect(t.exec([0x0f, 0x01, 0xf0])).toBeUndefined();
    expect(getCr(0) & 15n).toBe(15n);
    t.exec([0x0f, 0x06]);
    expect(getCr(0) & 15n).toBe(7n);
    t.exec([0x0f, 0x01, 0xe0]);
    expect(t.cpu.gpr(0)).toBe(0x80010037n);
  });
});

describe('CR3', () => {
  it('bits above the physical address width are reserved', () => {
    expectFault(setCr(3, 1n << 40n), Vector.GP, 0);
  });
  it('bit 63 needs PCIDE and is not kept', () => {
    expectFault(setCr(3, 1n << 63n | 0x1000n), Vector.GP, 0);
    setCr(4, 0x20020n);
    expect(setCr(3, 1n << 63n | 0x1005n)).toBeUndefined();
    expect(getCr(3)).toBe(0x1005n);
  });
});

describe('CR4', () => {
  it('PCIDE needs long mode and a CR3 with PCID 0; PG cannot be cleared while it is set', () => {
    t.cpu.set(L.CR3, 0x1018n);
    expectFault(setCr(4, 0x20020n), Vector.GP, 0);
    t.cpu.set(L.CR3, 0x1000n);
    expect(setCr(4, 0x20020n)).toBeUndefined();
    t.compatibility(0);
    expectFault(setCr(0, 0x31n), Vector.GP, 0);
    const early = beforePaging();
    early.cpu.setGpr(0, 0x20020n);
    expectFault(early.exec(movToCr(4)), Vector.GP, 0);
  });
  it('PAE cannot be cleared in long mode', () => expectFault(setCr(4, 0n), Vector.GP, 0));
  it.each([
    ['pcid', 17], ['pge', 7], ['smep', 20], ['smap', 21], ['umip', 11], ['fsgsbase', 16], ['pku', 22],
  ] as const)('bit of %s is reserved on a processor without it', (feature, bit) => {
    expect(setCr(4, 0x20n | 1n << BigInt(bit))).toBeUndefined();
    t = new TestCore({ features: { [feature]: false } }).longMode();
    expectFault(setCr(4, 0x20n | 1n << BigInt(bit)), Vector.GP, 0);
  });
  it.each([[0, 'VME'], [13, 'VMXE'], [12, 'LA57']])('bit %i (%s) is reserved', bit => {
    expectFault(setCr(4, 0x20n | 1n << BigInt(bit)), Vector.GP, 0);
  });
  it('a change of PGE drops global entries, a write without one does not', () => {
    setCr(4, 0xa0n);
    t.setPage(0x50000n, 0x103n);
    t.access.read8(t.cpu, 0x50000n);
    const global = () => t.mmu.entries(t.cpu).filter(e => e.global).length;
    expect(global()).toBe(1);
    setCr(3, 0x1000n);
    setCr(4, 0xa4n);
    expect(global()).toBe(1);
    setCr(4, 0x24n);
    expect(global()).toBe(0);
  });
});

describe('CR2, CR8 and absent ones', () => {
  it('CR2 keeps any value', () => { setCr(2, 0xdead_beef_0000_1234n); expect(getCr(2)).toBe(0xdead_beef_0000_1234n); });
  it('CR8 is the task priority class', () => {
    expect(setCr(8, 9n)).toBeUndefined();
    expect(t.apics[0]!.taskPriority).toBe(0x90);
    expect(getCr(8)).toBe(9n);
    expect(t.cpu.get(L.CR8)).toBe(9n);
    expectFault(setCr(8, 16n), Vector.GP, 0);
  });
  it('all need CPL 0', () => {
    t.user();
    for (const n of [0, 2, 3, 4, 8]) {
      expectFault(t.exec(movToCr(n)), Vector.GP, 0);
      expectFault(t.exec(movFromCr(n)), Vector.GP, 0);
    }
  });
});

describe('debug registers', () => {
  const write = (n: number, value: bigint) => { t.cpu.setGpr(0, value); return t.exec([0x0f, 0x23, 0xc0 | n << 3]); };
  const read = (n: number) => { const fault = t.exec([0x0f, 0x21, 0xc0 | n << 3]); return fault ?? t.cpu.gpr(0); };
  it('keep addresses; DR6 and DR7 keep their fixed bits', () => {
    write(0, 0xffff_8000_0000_1000n);
    write(6, 0n);
    write(7, 0n);
    expect([read(0), read(6), read(7)]).toEqual([0xffff_8000_0000_1000n, 0xffff0ff0n, 0x400n]);
  });
  it('DR4 and DR5 are aliases unless CR4.DE', () => {
    expect(read(4)).toBe(0xffff0ff0n);
    setCr(4, 0x28n);
    expect(t.exec([0x0f, 0x21, 0xe0])!.vector).toBe(Vector.UD);
  });
  it('upper halves of DR6 and DR7 are reserved', () => {
    expectFault(write(6, 1n << 32n), Vector.GP, 0);
    expectFault(write(7, 1n << 32n), Vector.GP, 0);
  });
  it('general detect turns the next access into #DB', () => {
    write(7, 0x2000n);
    expect(read(7)).toMatchObject({ vector: Vector.DB, address: 0x2000n });
    expectFault(write(0, 1n), Vector.DB);
    t.compatibility(3);
    expectFault(write(0, 1n), Vector.GP, 0);
  });
});

describe('MSRs', () => {
  const wrmsr = (index: number, value: bigint) => {
    t.cpu.setGpr(1, BigInt(index));
    t.cpu.setGpr(0, value & 0xffffffffn);
    t.cpu.setGpr(2, value >> 32n);
    return t.exec([0x0f, 0x30]);
  };
  const rdmsr = (index: number) => {
    t.cpu.setGpr(1, BigInt(index));
    return t.exec([0x0f, 0x32]) ?? (t.cpu.gpr(2) << 32n | t.cpu.gpr(0));
  };
  it.each([Msr.Star, Msr.Lstar, Msr.Cstar, Msr.FsBase, Msr.GsBase, Msr.KernelGsBase, Msr.SysenterEsp, Msr.SysenterEip])('0x%x keeps 64 bits', index => {
    expect(wrmsr(index, 0xffff_8123_4567_89abn)).toBeUndefined();
    expect(rdmsr(index)).toBe(0xffff_8123_4567_89abn);
  });
  it.each([Msr.Lstar, Msr.Cstar, Msr.FsBase, Msr.GsBase, Msr.KernelGsBase, Msr.SysenterEsp, Msr.SysenterEip])('0x%x refuses a non-canonical address', index => {
    expectFault(wrmsr(index, 0x8000_0000_0000n), Vector.GP, 0);
  });
  it.each([Msr.Sfmask, Msr.TscAux, Msr.SysenterCs])('0x%x has 32 bits', index => expectFault(wrmsr(index, 1n << 32n), Vector.GP, 0));
  it('unknown ones are #GP(0), and all are privileged', () => {
    expectFault(wrmsr(0x12345, 0n), Vector.GP, 0);
    t.cpu.setGpr(1, 0x12345n);
    expectFault(t.exec([0x0f, 0x32]), Vector.GP, 0);
    t.user();
    expectFault(wrmsr(Msr.Lstar, 0n), Vector.GP, 0);
  });
  it('EFER: LMA is read-only, LME fixed while paging is on, reserved bits and absent features fault', () => {
    expect(wrmsr(Msr.Efer, 0x100n)).toBeUndefined();
    expect(rdmsr(Msr.Efer)).toBe(0x500n);
    expectFault(wrmsr(Msr.Efer, 0n), Vector.GP, 0);
    expectFault(wrmsr(Msr.Efer, 0x1500n), Vector.GP, 0);
    t = new TestCore({ features: { nx: false } }).longMode();
    expectFault(wrmsr(Msr.Efer, 0xd01n), Vector.GP, 0);
  });
  it('PAT refuses memory types that do not exist', () => {
    expect(wrmsr(Msr.Pat, 0x0007010600070406n)).toBeUndefined();
    expectFault(wrmsr(Msr.Pat, 0x0207010600070406n), Vector.GP, 0);
    expectFault(wrmsr(Msr.Pat, 0x08n), Vector.GP, 0);
  });
  it('the TSC counts machine time from where it was set', () => {
    t.time = 5000;
    expect(rdmsr(Msr.Tsc)).toBe(5000n);
    wrmsr(Msr.Tsc, 0x1_0000_0000n);
    t.time = 5010;
    expect(rdmsr(Msr.Tsc)).toBe(0x1_0000_000an);
    t.exec([0x0f, 0x31]);
    expect([t.cpu.gpr(0), t.cpu.gpr(2)]).toEqual([10n, 1n]);
    wrmsr(Msr.TscAux, 7n);
    t.exec([0x0f, 0x01, 0xf9]);
    expect(t.cpu.gpr(1)).toBe(7n);
  });
  it('CR4.TSD keeps user code from the TSC', () => {
    setCr(4, 0x24n);
    expect(t.exec([0x0f, 0x31])).toBeUndefined();
    t.user();
    expectFault(t.exec([0x0f, 0x31]), Vector.GP, 0);
    expectFault(t.exec([0x0f, 0x01, 0xf9]), Vector.GP, 0);
  });
  it('APIC base: modes change only along the allowed ways', () => {
    const xapic = 0xfee00900n, x2apic = 0xfee00d00n, off = 0xfee00100n;
    expect(rdmsr(Msr.ApicBase)).toBe(xapic);
    expectFault(wrmsr(Msr.ApicBase, 0xfee00500n), Vector.GP, 0);
    expect(wrmsr(Msr.ApicBase, x2apic)).toBeUndefined();
    expectFault(wrmsr(Msr.ApicBase, xapic), Vector.GP, 0);
    expect(wrmsr(Msr.ApicBase, off)).toBeUndefined();
    expectFault(wrmsr(Msr.ApicBase, x2apic), Vector.GP, 0);
    expect(wrmsr(Msr.ApicBase, xapic)).toBeUndefined();
    expect(() => wrmsr(Msr.ApicBase, 0xfed00900n)).toThrow(/stays at 0xfee00000/);
  });
  it('functions are usable without an instruction', () => {
    writeMsr(t, t.cpu, Msr.Lstar, 0x1234n);
    expect(readMsr(t, t.cpu, Msr.Lstar)).toBe(0x1234n);
  });
});

describe('segment bases', () => {
  it('SWAPGS exchanges GS.base and KERNEL_GS_BASE, at CPL 0 in 64-bit code only', () => {
    t.cpu.set(L.KERNEL_GS_BASE, 0xffff_8000_0000_0000n);
    t.exec([0x0f, 0x01, 0xf8]);
    expect([t.cpu.segBase(Seg.GS), t.cpu.get(L.KERNEL_GS_BASE)]).toEqual([0xffff_8000_0000_0000n, 0n]);
    t.user();
    expectFault(t.exec([0x0f, 0x01, 0xf8]), Vector.GP, 0);
  });
  it('RD/WRFSBASE need CR4.FSGSBASE and check the address', () => {
    const wrgsbase = [0xf3, 0x48, 0x0f, 0xae, 0xd8], rdgsbase = [0xf3, 0x48, 0x0f, 0xae, 0xc8];
    expectFault(t.exec(wrgsbase), Vector.UD);
    setCr(4, 0x10020n);
    t.user();
    t.cpu.setGpr(0, 0x7fff_0000_1234n);
    expect(t.exec(wrgsbase)).toBeUndefined();
    t.cpu.setGpr(0, 0n);
    t.exec(rdgsbase);
    expect(t.cpu.gpr(0)).toBe(0x7fff_0000_1234n);
    t.cpu.setGpr(0, 0x8000_0000_0000n);
    expectFault(t.exec(wrgsbase), Vector.GP, 0);
    expect(t.exec([0xf3, 0x0f, 0xae, 0xd8])).toBeUndefined(); // 32-bit form: zero-extended
    expect(t.cpu.segBase(Seg.GS)).toBe(0n);
  });
});

describe('INVLPG and INVPCID', () => {
  const invpcid = [0x66, 0x0f, 0x38, 0x82, 0x03]; // invpcid rax, [rbx]
  const run = (type: bigint, pcid: bigint, address: bigint) => {
    t.write64(0x50000, pcid);
    t.write64(0x50008, address);
    t.cpu.setGpr(0, type);
    t.cpu.setGpr(3, 0x50000n);
    return t.exec(invpcid);
  };
  it('INVLPG drops the page and ignores non-canonical addresses', () => {
    t.access.read8(t.cpu, 0x60000n);
    const cached = () => t.mmu.entries(t.cpu).some(e => e.linear === 0x60000n);
    expect(cached()).toBe(true);
    t.cpu.setGpr(0, 0x60123n);
    expect(t.exec([0x0f, 0x01, 0x38])).toBeUndefined();
    expect(cached()).toBe(false);
    t.cpu.setGpr(0, 0x8000_0000_0000n);
    expect(t.exec([0x0f, 0x01, 0x38])).toBeUndefined();
    t.user();
    expectFault(t.exec([0x0f, 0x01, 0x38]), Vector.GP, 0);
  });
  it('INVPCID checks type, reserved bits, PCID without PCIDE and the address', () => {
    expect(run(2n, 0n, 0n)).toBeUndefined();
    expectFault(run(4n, 0n, 0n), Vector.GP, 0);
    expectFault(run(2n, 0x1000n, 0n), Vector.GP, 0);
    expectFault(run(1n, 5n, 0n), Vector.GP, 0);
    expectFault(run(0n, 0n, 0x8000_0000_0000n), Vector.GP, 0);
    setCr(4, 0x20020n);
    expect(run(1n, 5n, 0n)).toBeUndefined();
    t.user();
    expectFault(run(2n, 0n, 0n), Vector.GP, 0);
    t = new TestCore({ features: { invpcid: false } }).longMode();
    expectFault(run(2n, 0n, 0n), Vector.UD);
  });
});

describe('CPUID', () => {
  it('names the vendor and clears the upper halves', () => {
    for (let n = 0; n < 4; n++) t.cpu.setGpr(n, 0xffff_ffff_0000_0000n);
    t.exec([0x0f, 0xa2]);
    expect([t.cpu.gpr(3), t.cpu.gpr(2), t.cpu.gpr(1)]).toEqual([0x756e6547n, 0x49656e69n, 0x6c65746en]);
    expect(t.cpu.gpr(0)).toBe(0xdn);
  });
  it('tells each feature exactly if the processor has it', () => {
    const bits: [keyof TestCore['features'], number, number, 'eax' | 'ebx' | 'ecx' | 'edx', number][] = [
      ['pcid', 1, 0, 'ecx', 17], ['x2apic', 1, 0, 'ecx', 21], ['pge', 1, 0, 'edx', 13], ['fsgsbase', 7, 0, 'ebx', 0], ['smep', 7, 0, 'ebx', 7],
      ['invpcid', 7, 0, 'ebx', 10], ['smap', 7, 0, 'ebx', 20], ['umip', 7, 0, 'ecx', 2], ['syscall', 0x80000001, 0, 'edx', 11],
      ['nx', 0x80000001, 0, 'edx', 20], ['pages1g', 0x80000001, 0, 'edx', 26], ['rdtscp', 0x80000001, 0, 'edx', 27],
    ];
    for (const [feature, leaf, subleaf, register, bit] of bits) {
      for (const present of [true, false]) {
        const core = new TestCore({ features: { [feature]: present } }).longMode();
        expect([feature, cpuid(core, core.cpu, leaf, subleaf)[register] >>> bit & 1]).toEqual([feature, present ? 1 : 0]);
      }
    }
  });
  it('gives APIC IDs and the number of CPUs', () => {
    t = new TestCore({ cpus: 3 });
    expect(cpuid(t, t.cpus[2]!, 1, 0).ebx >>> 24).toBe(2);
    expect(cpuid(t, t.cpus[2]!, 0xb, 1)).toEqual({ eax: 2, ebx: 3, ecx: 0x201, edx: 2 });
    expect(cpuid(t, t.cpus[2]!, 0xb, 2)).toEqual({ eax: 0, ebx: 0, ecx: 2, edx: 2 });
  });
  it('has address widths, a brand, and answers unknown leaves like the highest', () => {
    expect(cpuid(t, t.cpu, 0x80000008, 0).eax).toBe(0x3028);
    expect(cpuid(t, t.cpu, 0x7fffffff, 1)).toEqual(cpuid(t, t.cpu, 0xd, 1));
    expect(cpuid(t, t.cpu, 0x80000002, 0).eax).toBe(0x7369614b); // "Kais"
  });
  it('shows SYSCALL in 64-bit code only', () => {
    t.compatibility(0);
    expect(cpuid(t, t.cpu, 0x80000001, 0).edx >>> 11 & 1).toBe(0);
  });
});

describe('LOCK', () => {
  it('on a system instruction is no instruction', () => {
    expect(() => t.exec([0xf0, 0x0f, 0x01, 0xf8])).toThrow(/invalid/);
    writeFlags(t.cpu, 2);
    expect(t.cpu.segSelector(Seg.CS)).toBe(S.code64);
  });
});

describe('RDPKRU and WRPKRU', () => {
  const rdpkru = [0x0f, 0x01, 0xee], wrpkru = [0x0f, 0x01, 0xef];
  it('are #UD without CR4.PKE, and want zero in ECX, WRPKRU in EDX too', () => {
    expectFault(t.exec(rdpkru), Vector.UD);
    expectFault(t.exec(wrpkru), Vector.UD);
    setCr(4, 0x400020n);
    expect(cpuid(t, t.cpu, 7, 0).ecx & 0x18).toBe(0x18);
    t.user();
    for (const [n, value] of [[1, 0x1_0000_0000n], [2, 0xffffffff_00000000n]] as const) t.cpu.setGpr(n, value);
    t.cpu.setGpr(0, 0xabcdef01_55555554n);
    expect(t.exec(wrpkru)).toBeUndefined();
    expect(t.exec(rdpkru)).toBeUndefined();
    expect([t.cpu.gpr(0), t.cpu.gpr(2)]).toEqual([0x55555554n, 0n]);
    t.cpu.setGpr(2, 1n);
    expectFault(t.exec(wrpkru), Vector.GP, 0);
    t.cpu.setGpr(1, 1n);
    expectFault(t.exec(rdpkru), Vector.GP, 0);
  });
  it('forbid data accesses to user pages by the next instruction on', () => {
    setCr(4, 0x400020n);
    t.setPage(0x150000n, 7n | 2n << 59n);
    t.user();
    expect(t.access.read8(t.cpu, 0x150000n)).toBe(0);
    t.cpu.setGpr(0, 0x20n);
    t.cpu.setGpr(1, 0n);
    t.cpu.setGpr(2, 0n);
    t.exec(wrpkru);
    expect(t.access.read8(t.cpu, 0x150000n)).toBe(0);
    expect(() => t.access.write8(t.cpu, 0x150000n, 1)).toThrow(expect.objectContaining({ vector: Vector.PF, errorCode: 0x27 }));
    t.cpu.setGpr(0, 0x10n);
    t.exec(wrpkru);
    expect(() => t.access.read8(t.cpu, 0x150000n)).toThrow(expect.objectContaining({ vector: Vector.PF, errorCode: 0x25 }));
  });
});
