import { beforeEach, describe, expect, it } from 'vitest';
import { Unimplemented, Vector } from '../../../src/machine/core.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { CodeMode, RunState, Seg } from '../../../src/machine/cpu/layout.js';
import { Msr, readMsr, timeStamp, writeMsr } from '../../../src/machine/cpu/msrs.js';
import { ApicRegister as R } from '../../../src/machine/devices/apicRegisters.js';
import { LocalApic } from '../../../src/machine/devices/localApic.js';
import { LocalApicPage } from '../../../src/machine/devices/localApicPage.js';
import { TestCore } from '../cpu/testCore.js';

let t: TestCore;
let apic: LocalApic;
beforeEach(() => {
  t = new TestCore({ cpus: 4 });
  apic = t.apics[0]!;
  for (const each of t.apics) each.write(R.Svr, 0x1ff);
});

const PERIODIC = 1 << 17, MASKED = 1 << 16;
const requests = (n: number) => t.apics[n]!.pendingVector();

describe('after reset', () => {
  it('is software-disabled with all LVT entries masked', () => {
    apic.reset();
    expect(apic.read(R.Svr)).toBe(0xff);
    for (let n = R.LvtTimer; n <= R.LvtError; n++) expect(apic.read(n)).toBe(MASKED);
    expect(apic.read(R.Dfr)).toBe(0xffffffff);
    expect([0, 1, 2, 3].map(n => t.apics[n]!.read(R.Id) >>> 24)).toEqual([0, 1, 2, 3]);
    expect(apic.read(R.Version)).toBe(0x50014);
  });
  it('fixed interrupts are lost, LVT entries cannot be unmasked', () => {
    apic.reset();
    apic.accept(0x40);
    expect(apic.pendingVector()).toBe(-1);
    apic.write(R.LvtTimer, 0x40);
    expect(apic.read(R.LvtTimer)).toBe(MASKED | 0x40);
  });
});

describe('priorities', () => {
  it('the highest vector is next, and only above the class in service', () => {
    for (const vector of [0x31, 0x45, 0x41]) apic.accept(vector);
    expect(apic.pendingVector()).toBe(0x45);
    expect(apic.acknowledge()).toBe(0x45);
    expect(apic.pendingVector()).toBe(-1);
    apic.accept(0x50);
    expect(apic.acknowledge()).toBe(0x50);
    apic.write(R.Eoi, 0);
    expect(apic.pendingVector()).toBe(-1);
    apic.write(R.Eoi, 0);
    expect(apic.pendingVector()).toBe(0x41);
    apic.acknowledge();
    apic.write(R.Eoi, 0);
    expect(apic.acknowledge()).toBe(0x31);
  });
  it('TPR holds back its class and those below', () => {
    apic.write(R.Tpr, 0x4f);
    apic.accept(0x4f);
    expect(apic.pendingVector()).toBe(-1);
    apic.accept(0x50);
    expect(apic.pendingVector()).toBe(0x50);
    expect(apic.read(R.Ppr)).toBe(0x4f);
    apic.acknowledge();
    expect(apic.read(R.Ppr)).toBe(0x50);
    expect(t.cpu.get(L.CR8)).toBe(4n);
  });
  it('ISR and IRR show what is in service and requested', () => {
    apic.accept(0x41);
    apic.accept(0xef);
    apic.acknowledge();
    expect(apic.read(R.Isr + 7)).toBe(1 << 15);
    expect(apic.read(R.Irr + 2)).toBe(2);
  });
  it('an interrupt that is no longer there is the spurious vector, without ISR', () => {
    expect(apic.acknowledge()).toBe(0xff);
    expect(apic.read(R.Isr + 7)).toBe(0);
  });
});

describe('timer', () => {
  it.each([[0b1011, 1], [0b0000, 2], [0b0001, 4], [0b0010, 8], [0b0011, 16], [0b1000, 32], [0b1001, 64], [0b1010, 128]])('divide configuration %i counts every %i clocks', (code, divisor) => {
    apic.write(R.Divide, code);
    apic.write(R.LvtTimer, 0x40);
    apic.write(R.InitialCount, 100);
    expect(apic.nextDeadline()).toBe(100 * divisor);
    t.time = 100 * divisor - 1;
    apic.advance(t.time);
    expect([apic.read(R.CurrentCount), requests(0)]).toEqual([1, -1]);
    t.time++;
    apic.advance(t.time);
    expect([apic.read(R.CurrentCount), requests(0)]).toEqual([0, 0x40]);
  });
  it('one-shot fires once', () => {
    apic.write(R.Divide, 0b1011);
    apic.write(R.LvtTimer, 0x40);
    apic.write(R.InitialCount, 10);
    apic.advance(t.time = 10);
    apic.acknowledge();
    apic.write(R.Eoi, 0);
    apic.advance(t.time = 1000);
    expect([requests(0), apic.nextDeadline(), apic.read(R.CurrentCount)]).toEqual([-1, Infinity, 0]);
  });
  it('periodic keeps its phase whenever it is looked at', () => {
    apic.write(R.Divide, 0b1011);
    apic.write(R.LvtTimer, PERIODIC | 0x40);
    t.time = 7;
    apic.write(R.InitialCount, 10);
    expect(apic.nextDeadline()).toBe(17);
    apic.advance(t.time = 40);
    expect([apic.acknowledge(), apic.nextDeadline(), apic.read(R.CurrentCount)]).toEqual([0x40, 47, 7]);
  });
  it('masked it counts but does not interrupt, and what expired masked stays lost', () => {
    apic.write(R.Divide, 0b1011);
    apic.write(R.LvtTimer, MASKED | 0x40);
    apic.write(R.InitialCount, 10);
    expect(apic.nextDeadline()).toBe(Infinity);
    t.time = 4;
    expect(apic.read(R.CurrentCount)).toBe(6);
    t.time = 20;
    apic.write(R.LvtTimer, 0x40);
    expect(requests(0)).toBe(-1);
  });
  it('an initial count of 0 stops it', () => {
    apic.write(R.LvtTimer, PERIODIC | 0x40);
    apic.write(R.InitialCount, 10);
    apic.write(R.InitialCount, 0);
    expect([apic.nextDeadline(), apic.read(R.CurrentCount)]).toEqual([Infinity, 0]);
  });
  it('a change of the divisor goes on from the current count', () => {
    apic.write(R.Divide, 0b1011);
    apic.write(R.LvtTimer, 0x40);
    apic.write(R.InitialCount, 100);
    t.time = 40;
    apic.write(R.Divide, 0);
    expect([apic.read(R.CurrentCount), apic.nextDeadline()]).toEqual([60, 160]);
  });
});

describe('interprocessor interrupts', () => {
  const icr = (low: number, destination = 0) => { apic.write(R.IcrHigh, destination << 24); apic.write(R.Icr, low); };
  const got = () => [0, 1, 2, 3].map(requests);
  it('physical destination', () => { icr(0x40, 2); expect(got()).toEqual([-1, -1, 0x40, -1]); });
  it('broadcast', () => { icr(0x40, 0xff); expect(got()).toEqual([0x40, 0x40, 0x40, 0x40]); });
  it('shorthands: self, all, all but self', () => {
    icr(0x41 | 1 << 18);
    expect(got()).toEqual([0x41, -1, -1, -1]);
    icr(0x42 | 3 << 18);
    expect(got()).toEqual([0x41, 0x42, 0x42, 0x42]);
    icr(0x43 | 2 << 18);
    expect(got()).toEqual([0x43, 0x43, 0x43, 0x43]);
  });
  it('logical destination, flat and cluster', () => {
    t.apics.forEach((each, n) => each.write(R.Ldr, 1 << 24 + n));
    icr(0x40 | 1 << 11, 0b1010);
    expect(got()).toEqual([-1, 0x40, -1, 0x40]);
    t.apics.forEach((each, n) => { each.write(R.Dfr, 0); each.write(R.Ldr, (n >> 1) << 28 | 1 << 24 + (n & 1)); });
    icr(0x50 | 1 << 11, 0x13);
    expect(got()).toEqual([-1, 0x40, 0x50, 0x50]);
  });
  it('lowest priority goes to one', () => {
    t.apics[0]!.write(R.Tpr, 0x20);
    icr(0x40 | 1 << 8, 0xff);
    expect(got()).toEqual([-1, 0x40, -1, -1]);
  });
  it('NMI', () => {
    icr(4 << 8, 1);
    expect(t.cpus.map(cpu => cpu.int(L.NMI_PENDING))).toEqual([0, 1, 0, 0]);
  });
  it('a vector below 16 is an error: sent, received, and by LVT error', () => {
    apic.write(R.LvtError, 0x60);
    icr(5, 1);
    expect(requests(0)).toBe(0x60);
    expect(apic.read(R.Esr)).toBe(0);
    apic.write(R.Esr, 0);
    expect(apic.read(R.Esr)).toBe(0x20);
    apic.accept(3);
    apic.write(R.Esr, 0);
    expect(apic.read(R.Esr)).toBe(0x40);
  });
  it('INIT puts a CPU to wait for SIPI and resets its APIC; a second SIPI is ignored', () => {
    const cpu = t.cpus[1]!;
    icr(5 << 8 | 1 << 14 | 1 << 15, 1);
    icr(6 << 8 | 0x9a, 1);
    expect([cpu.runState, cpu.rip, cpu.segSelector(Seg.CS), cpu.segBase(Seg.CS)]).toEqual([RunState.Running, 0n, 0x9a00, 0x9a000n]);
    expect(cpu.int(L.MODE)).toBe(CodeMode.Real);
    expect(t.apics[1]!.softwareEnabled).toBe(false);
    cpu.rip = 0x123n;
    icr(6 << 8 | 0x10, 1);
    expect(cpu.rip).toBe(0x123n);
  });
  it('INIT keeps MSRs and the TSC, drops registers, paging and EFER', () => {
    const cpu = t.cpus[1]!;
    cpu.runState = RunState.Running;
    cpu.set(L.LSTAR, 0x1234n);
    cpu.set(L.TSC_OFFSET, 55n);
    cpu.set(L.EFER, 0xd01n);
    cpu.set(L.CR4, 0x20n);
    cpu.set(L.CR0, 0x80010011n);
    cpu.setGpr(5, 77n);
    cpu.setInt(L.NMI_BLOCKED, 1);
    icr(5 << 8 | 1 << 14, 1);
    expect(cpu.runState).toBe(RunState.WaitForSipi);
    expect([cpu.get(L.LSTAR), cpu.get(L.TSC_OFFSET), cpu.get(L.EFER), cpu.get(L.CR4), cpu.get(L.CR0), cpu.gpr(5), cpu.int(L.NMI_BLOCKED)])
      .toEqual([0x1234n, 55n, 0n, 0n, 0x10n, 0n, 0]);
  });
  it('INIT revives a CPU that has shut down; level de-assert does nothing', () => {
    const cpu = t.cpus[2]!;
    cpu.runState = RunState.Shutdown;
    icr(5 << 8 | 1 << 15, 2);
    expect(cpu.runState).toBe(RunState.Shutdown);
    icr(5 << 8 | 1 << 14, 2);
    expect(cpu.runState).toBe(RunState.WaitForSipi);
  });
  it('INIT to the boot processor and SMI stop the machine with a message', () => {
    expect(() => icr(5 << 8 | 1 << 14, 0)).toThrow(Unimplemented);
    expect(() => icr(2 << 8, 1)).toThrow(/SMI/);
  });
});

describe('the xAPIC page', () => {
  it('each CPU sees its own registers', () => {
    const page = new LocalApicPage(t);
    expect(page.read(2, 0x20, 4)).toBe(2 << 24);
    page.write(1, 0x80, 4, 0x30);
    expect([t.apics[0]!.taskPriority, t.apics[1]!.taskPriority]).toEqual([0, 0x30]);
  });
  it('answers through the MMU', () => {
    const core = new TestCore().longMode();
    core.bus.add(new LocalApicPage(core));
    core.write64(0x4000 + 8 * 0x60, 0xfee00000n | 0x13n);
    core.mmu.flushAll(core.cpu, { globals: true });
    expect(core.access.read32(core.cpu, 0x60030n)).toBe(0x50014);
    core.access.write32(core.cpu, 0x60080n, 0x20);
    expect(core.apics[0]!.taskPriority).toBe(0x20);
  });
  it('other accesses than aligned words stop the machine', () => {
    const page = new LocalApicPage(t);
    expect(() => page.read(0, 0x20, 1)).toThrow(Unimplemented);
    expect(() => page.write(0, 0x84, 4, 0)).toThrow(Unimplemented);
  });
  it('unknown registers set ESR', () => {
    expect(apic.read(0x3f)).toBe(0);
    apic.write(R.Esr, 0);
    expect(apic.read(R.Esr)).toBe(0x80);
  });
});

describe('x2APIC', () => {
  const set = (register: number, value: bigint, n = 0) => writeMsr(t, t.cpus[n]!, 0x800 + register, value);
  const get = (register: number, n = 0) => readMsr(t, t.cpus[n]!, 0x800 + register);
  const faults = (f: () => unknown) => expect(f).toThrow(expect.objectContaining({ vector: Vector.GP, errorCode: 0 }));
  const enable = () => t.cpus.forEach(cpu => writeMsr(t, cpu, Msr.ApicBase, cpu.get(L.APIC_BASE) | 0x400n));

  it('MSRs exist in x2APIC mode only, the page then does not', () => {
    faults(() => get(R.Id));
    enable();
    expect([get(R.Id, 3), get(R.Version)]).toEqual([3n, 0x50014n]);
    expect(new LocalApicPage(t).read(0, 0x20, 4)).toBe(0xffffffff);
  });
  it('ICR is one 64-bit register with a 32-bit destination', () => {
    enable();
    set(R.Icr, 2n << 32n | 0x40n);
    expect([requests(1), requests(2)]).toEqual([-1, 0x40]);
    expect(get(R.Icr)).toBe(2n << 32n | 0x40n);
    set(R.Icr, 0xffffffffn << 32n | 0x41n);
    expect([0, 1, 3].map(requests)).toEqual([0x41, 0x41, 0x41]);
  });
  it('logical IDs follow from the APIC ID', () => {
    enable();
    expect(get(R.Ldr, 3)).toBe(8n);
    set(R.Icr, 0b1010n << 32n | 0x40n | 1n << 11n);
    expect([0, 1, 2, 3].map(requests)).toEqual([-1, 0x40, -1, 0x40]);
  });
  it('reserved bits, read-only and absent registers fault', () => {
    enable();
    faults(() => set(R.Tpr, 0x100n));
    faults(() => set(R.Eoi, 1n));
    faults(() => set(R.Esr, 1n));
    faults(() => set(R.Id, 0n));
    faults(() => get(R.Eoi));
    faults(() => get(R.Dfr));
    faults(() => get(R.IcrHigh));
    faults(() => set(R.Icr, 1n << 31n));
    faults(() => set(0x40, 0n));
  });
  it('self IPI and EOI', () => {
    enable();
    set(R.SelfIpi, 0x55n);
    expect(t.apics[0]!.acknowledge()).toBe(0x55);
    set(R.Eoi, 0n);
    expect(get(R.Isr + 2)).toBe(0n);
  });
});

describe('state', () => {
  it('goes through save and restore and behaves the same', () => {
    apic.write(R.Divide, 0b1011);
    apic.write(R.LvtTimer, PERIODIC | 0x40);
    apic.write(R.InitialCount, 100);
    apic.write(R.Tpr, 0x10);
    apic.accept(0x80);
    apic.acknowledge();
    apic.accept(0x91);
    const other = new LocalApic(new TestCore(), new TestCore().cpu);
    other.restore(apic.save());
    expect(other.save()).toEqual(apic.save());
    expect([other.pendingVector(), other.processorPriority(), other.nextDeadline()]).toEqual([0x91, 0x80, 100]);
  });
});

describe('TSC-deadline mode of the timer', () => {
  const DEADLINE = 1 << 18, deadline = () => readMsr(t, t.cpu, Msr.TscDeadline), arm = (value: bigint) => writeMsr(t, t.cpu, Msr.TscDeadline, value);
  const letTimePass = (ticks: number) => {
    t.time += ticks;
    apic.advance(t.now());
  };

  it('requests the interrupt once, when the counter reaches the value, which then reads as 0', () => {
    apic.write(R.LvtTimer, DEADLINE | 0x40);
    arm(timeStamp(t, t.cpu) + 100n);
    expect(deadline()).toBe(timeStamp(t, t.cpu) + 100n);
    expect(apic.nextDeadline()).toBe(t.now() + 100);
    letTimePass(99);
    expect(requests(0)).toBe(-1);
    letTimePass(1);
    expect([requests(0), deadline(), apic.nextDeadline()]).toEqual([0x40, 0n, Infinity]);
  });

  it('a moment in the past expires at once, 0 disarms', () => {
    apic.write(R.LvtTimer, DEADLINE | 0x40);
    t.time = 500;
    arm(timeStamp(t, t.cpu) + 100n);
    arm(0n);
    letTimePass(200);
    expect(requests(0)).toBe(-1);
    arm(1n);
    letTimePass(0);
    expect(requests(0)).toBe(0x40);
  });

  it('in other modes the MSR reads as 0 and cannot be written; a change of mode disarms; counts do not matter', () => {
    arm(1000n);
    expect(deadline()).toBe(0n);
    apic.write(R.LvtTimer, DEADLINE | 0x40);
    arm(timeStamp(t, t.cpu) + 100n);
    apic.write(R.InitialCount, 5);
    expect([apic.read(R.CurrentCount), apic.nextDeadline()]).toEqual([0, t.now() + 100]);
    apic.write(R.LvtTimer, 0x40);
    expect([deadline(), apic.nextDeadline()]).toEqual([0n, Infinity]);
  });

  it('follows the counter when that is written, and a mask holds the interrupt back only', () => {
    apic.write(R.LvtTimer, DEADLINE | MASKED | 0x40);
    arm(5000n);
    writeMsr(t, t.cpu, Msr.Tsc, 4990n);
    letTimePass(9);
    expect(deadline()).toBe(5000n);
    letTimePass(1);
    expect([deadline(), requests(0)]).toEqual([0n, -1]);
  });

  it('is kept by save and restore, and absent without the feature', () => {
    apic.write(R.LvtTimer, DEADLINE | 0x40);
    arm(timeStamp(t, t.cpu) + 100n);
    const state = apic.save();
    apic.write(R.LvtTimer, PERIODIC | 0x41);
    apic.restore(state);
    expect(apic.nextDeadline()).toBe(t.now() + 100);
    t.features.tscDeadline = false;
    expect(() => deadline()).toThrow(expect.objectContaining({ vector: Vector.GP }) as Error);
    apic.write(R.LvtTimer, DEADLINE | 0x40);
    expect(apic.read(R.LvtTimer)).toBe(0x40);
  });
});
