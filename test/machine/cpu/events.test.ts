import { beforeEach, describe, expect, it } from 'vitest';
import { GuestFault, Vector } from '../../../src/machine/core.js';
import { Delivery, deliverFault, deliverInterrupt, deliverNmi, exceptionLog, interruptsOpen, nmiReady, takeFault } from '../../../src/machine/cpu/events.js';
import { combine, FaultClass, faultClass } from '../../../src/machine/cpu/exceptions.js';
import { readFlags, writeFlags } from '../../../src/machine/cpu/flags.js';
import * as L from '../../../src/machine/cpu/layout.js';
import { Flag, RunState, Seg } from '../../../src/machine/cpu/layout.js';
import { updateMode } from '../../../src/machine/cpu/modes.js';
import { expectFault, HANDLER, IDT, ist, KERNEL_CODE, KERNEL_STACK, RSP0, S, TestCore, TSS, UNMAPPED, USER_CODE, USER_STACK } from './testCore.js';

let t: TestCore;
beforeEach(() => { t = new TestCore().longMode(); });

describe('delivery through the 64-bit IDT', () => {
  it('pushes SS RSP RFLAGS CS RIP and the error code, on a stack aligned to 16', () => {
    t.cpu.setGpr(4, KERNEL_STACK - 5n);
    writeFlags(t.cpu, Flag.IF | Flag.CF | Flag.ZF);
    expect(deliverFault(t, t.cpu, new GuestFault(Vector.GP, 0x1234))).toBe(Delivery.Delivered);
    const top = KERNEL_STACK - 16n;
    expect(t.cpu.gpr(4)).toBe(top - 48n);
    expect(t.frame(top - 48n, 6)).toEqual([0x1234n, KERNEL_CODE, BigInt(S.code64), BigInt(Flag.IF | Flag.CF | Flag.ZF | Flag.RF | 2), KERNEL_STACK - 5n, BigInt(S.data)]);
    expect(t.cpu.rip).toBe(HANDLER + 16n * 13n);
    expect(t.cpu.segSelector(Seg.SS)).toBe(S.data);
  });

  it.each([[Vector.DE, undefined], [Vector.UD, undefined], [Vector.BP, undefined], [Vector.TS, 0x40], [Vector.NP, 0x60], [Vector.SS, 0], [Vector.GP, 0], [Vector.PF, 2], [Vector.DF, 0], [Vector.AC, 0]])(
    'vector %i with error code %s makes a frame of the right length', (vector, error) => {
      deliverFault(t, t.cpu, new GuestFault(vector, error, 0x5000n));
      const length = error === undefined ? 40n : 48n;
      expect(t.cpu.gpr(4)).toBe(KERNEL_STACK - length);
      expect(t.read64(t.cpu.gpr(4))).toBe(error === undefined ? KERNEL_CODE : BigInt(error));
    });

  it('pushes RF for faults and not for traps and interrupts', () => {
    const pushed = () => Number(t.read64(t.cpu.gpr(4) + (t.cpu.rip === HANDLER + 16n * 14n ? 24n : 16n))) & Flag.RF;
    deliverFault(t, t.cpu, new GuestFault(Vector.UD));
    expect(pushed()).toBe(Flag.RF);
    t.kernel();
    deliverInterrupt(t, t.cpu, 0x40);
    expect(pushed()).toBe(0);
    t.kernel();
    deliverNmi(t, t.cpu);
    expect(pushed()).toBe(0);
  });

  it('interrupt gates clear IF, trap gates keep it; TF and NT go in both', () => {
    writeFlags(t.cpu, Flag.IF | Flag.NT | Flag.DF | Flag.AC);
    deliverInterrupt(t, t.cpu, 0x40);
    expect(readFlags(t.cpu)).toBe(Flag.DF | Flag.AC | 2);
    t.kernel();
    t.gate(0x41, { type: 15 });
    writeFlags(t.cpu, Flag.IF | Flag.NT | Flag.TF);
    deliverInterrupt(t, t.cpu, 0x41);
    expect(readFlags(t.cpu)).toBe(Flag.IF | 2);
  });

  it('from user mode switches to RSP0 with a null SS at CPL 0', () => {
    t.user();
    writeFlags(t.cpu, Flag.IF);
    deliverInterrupt(t, t.cpu, 0x40);
    expect(t.cpu.cpl).toBe(0);
    expect(t.cpu.segSelector(Seg.SS)).toBe(0);
    expect(t.cpu.segSelector(Seg.CS)).toBe(S.code64);
    expect(t.cpu.gpr(4)).toBe(RSP0 - 40n);
    expect(t.frame(RSP0 - 40n, 5)).toEqual([USER_CODE, BigInt(S.userCode64), BigInt(Flag.IF | 2), USER_STACK, BigInt(S.userData)]);
    expect(t.cpu.int(L.MODE)).toBe(L.CodeMode.Long);
  });

  it('an IST entry is used with and without a change of privilege', () => {
    t.gate(2, { ist: 3 });
    deliverNmi(t, t.cpu);
    expect(t.cpu.gpr(4)).toBe(ist(3) - 40n);
    expect(t.cpu.segSelector(Seg.SS)).toBe(S.data);
    t.user();
    t.cpu.setInt(L.NMI_BLOCKED, 0);
    deliverNmi(t, t.cpu);
    expect(t.cpu.gpr(4)).toBe(ist(3) - 40n);
    expect(t.cpu.segSelector(Seg.SS)).toBe(0);
  });

  it('a conforming handler keeps CPL 3 and the user stack', () => {
    t.user();
    t.gate(0x40, { selector: S.conforming64, offset: USER_CODE + 0x1000n });
    deliverInterrupt(t, t.cpu, 0x40);
    expect(t.cpu.cpl).toBe(3);
    expect(t.cpu.gpr(4)).toBe(USER_STACK - 40n);
    expect(t.cpu.segSelector(Seg.CS)).toBe(S.conforming64 | 3);
  });

  it('from compatibility mode enters 64-bit code', () => {
    t.compatibility(3);
    deliverInterrupt(t, t.cpu, 0x40);
    expect(t.cpu.int(L.MODE)).toBe(L.CodeMode.Long);
    expect(t.read64(RSP0 - 32n)).toBe(BigInt(S.userCode32));
  });

  it('sets CR2 when it delivers a page fault', () => {
    deliverFault(t, t.cpu, new GuestFault(Vector.PF, 6, 0xffff_8000_1234_5678n));
    expect(t.cpu.get(L.CR2)).toBe(0xffff_8000_1234_5678n);
  });
});

describe('faults of the delivery itself', () => {
  const second = (vector: number): readonly number[] => {
    deliverInterrupt(t, t.cpu, vector);
    const record = exceptionLog(t).recent(0).at(-1)!;
    return [record.vector, record.errorCode!];
  };
  it.each([
    ['a vector beyond the IDT limit', () => t.cpu.set(L.IDTR_LIMIT, 0x40n * 16n + 14n), Vector.GP, 0x40 * 8 + 3],
    ['a gate of another type', () => t.gate(0x40, { type: 12 }), Vector.GP, 0x40 * 8 + 3],
    ['an absent gate', () => t.gate(0x40, { present: false }), Vector.NP, 0x40 * 8 + 3],
    ['a null code selector', () => t.gate(0x40, { selector: 0 }), Vector.GP, 1],
    ['a code selector beyond the GDT', () => t.gate(0x40, { selector: 0x1000 }), Vector.GP, 0x1001],
    ['a data segment as code', () => t.gate(0x40, { selector: S.data }), Vector.GP, S.data | 1],
    ['a 32-bit code segment', () => t.gate(0x40, { selector: S.code32 }), Vector.GP, S.code32 | 1],
    ['an outer code segment', () => t.gate(0x40, { selector: S.userCode64 }), Vector.GP, S.userCode64 & ~3 | 1],
    ['an absent code segment', () => t.gate(0x40, { selector: S.absentCode }), Vector.NP, S.absentCode | 1],
    ['a non-canonical handler', () => t.gate(0x40, { offset: 0x8000_0000_0000n }), Vector.GP, 1],
    ['a TSS too short for the IST', () => { t.gate(0x40, { ist: 7 }); t.cpu.setSegment(Seg.TR, S.tss, 0x8b, 0x5a, BigInt(TSS)); }, Vector.TS, S.tss | 1],
    ['a non-canonical stack', () => t.cpu.setGpr(4, 0x8000_0000_0000_1000n), Vector.SS, 1],
  ])('%s: vector and error code with EXT', (_what, prepare, vector, error) => {
    prepare();
    // The handler of the second exception gets a good stack whatever is wrong with the first.
    t.gate(vector, { ist: 1 });
    expect(second(0x40)).toEqual([vector, error]);
    expect(t.cpu.rip).toBe(HANDLER + BigInt(vector) * 16n);
    expect(t.frame(t.cpu.gpr(4), 2)).toEqual([BigInt(error), KERNEL_CODE]);
  });

  it('leaves registers and the stack as they were when a push faults on its second page', () => {
    t.setPage(KERNEL_STACK - 0x1000n, 0n);
    t.cpu.setGpr(4, KERNEL_STACK + 0x10n);
    t.gate(14, { ist: 2 });
    deliverInterrupt(t, t.cpu, 0x40);
    const record = exceptionLog(t).recent(0)[0]!;
    expect([record.vector, record.errorCode, record.address]).toEqual([Vector.PF, 2, KERNEL_STACK - 8n]);
    expect(t.cpu.rip).toBe(HANDLER + 14n * 16n);
    expect(t.read64(ist(2) - 16n)).toBe(KERNEL_STACK + 0x10n);
    expect(t.frame(KERNEL_STACK, 2)).toEqual([0n, 0n]);
  });

  it('pushes no error code for a vector of an exception raised as an interrupt', () => {
    deliverInterrupt(t, t.cpu, Vector.GP);
    expect(t.cpu.gpr(4)).toBe(KERNEL_STACK - 40n);
  });
});

describe('double and triple faults', () => {
  it('classes and combinations are those of SDM table 6-5', () => {
    const vectors = Array.from({ length: 20 }, (_, n) => n);
    expect(vectors.filter(v => faultClass(v) === FaultClass.Contributory)).toEqual([0, 10, 11, 12, 13]);
    expect(vectors.filter(v => faultClass(v) === FaultClass.PageFault)).toEqual([14]);
    const table = [FaultClass.Benign, FaultClass.Contributory, FaultClass.PageFault].map(first =>
      [FaultClass.Benign, FaultClass.Contributory, FaultClass.PageFault].map(second => combine(first, second)));
    expect(table).toEqual([['serial', 'serial', 'serial'], ['serial', 'double', 'serial'], ['serial', 'double', 'double']]);
    expect(combine(FaultClass.DoubleFault, FaultClass.Contributory)).toBe('shutdown');
    expect(combine(FaultClass.DoubleFault, FaultClass.PageFault)).toBe('shutdown');
  });

  it('#GP during delivery of #GP is a double fault with error code 0', () => {
    t.gate(13, { selector: 0 });
    deliverFault(t, t.cpu, new GuestFault(Vector.GP, 0x30));
    expect(t.cpu.rip).toBe(HANDLER + 8n * 16n);
    expect(t.frame(t.cpu.gpr(4), 2)).toEqual([0n, KERNEL_CODE]);
    expect(exceptionLog(t).recent(0).map(r => [r.vector, r.errorCode])).toEqual([[13, 0x30], [13, 1], [8, 0]]);
  });

  it('#PF during delivery of #GP is delivered as #PF', () => {
    t.cpu.setGpr(4, UNMAPPED + 0x800n);
    t.gate(14, { ist: 1 });
    deliverFault(t, t.cpu, new GuestFault(Vector.GP, 0));
    expect(t.cpu.rip).toBe(HANDLER + 14n * 16n);
    expect(t.cpu.get(L.CR2)).toBe(UNMAPPED + 0x800n - 8n);
  });

  it('#PF during delivery of #PF is a double fault, CR2 that of the second', () => {
    t.cpu.setGpr(4, UNMAPPED + 0x800n);
    t.gate(8, { ist: 1 });
    deliverFault(t, t.cpu, new GuestFault(Vector.PF, 0, 0x1234n));
    expect(t.cpu.rip).toBe(HANDLER + 8n * 16n);
    expect(t.cpu.get(L.CR2)).toBe(UNMAPPED + 0x800n - 8n);
  });

  it('a fault during delivery of the double fault shuts the CPU down with its registers as they were', () => {
    t.cpu.setGpr(4, UNMAPPED + 0x800n);
    expect(deliverFault(t, t.cpu, new GuestFault(Vector.PF, 0, 0x1234n))).toBe(Delivery.Shutdown);
    expect(t.cpu.runState).toBe(RunState.Shutdown);
    expect(t.cpu.rip).toBe(KERNEL_CODE);
    expect(t.cpu.gpr(4)).toBe(UNMAPPED + 0x800n);
    expect(exceptionLog(t).recent(0).map(r => r.vector)).toEqual([14, 14, 8, 14]);
  });

  it('an empty IDT ends in shutdown', () => {
    t.cpu.set(L.IDTR_LIMIT, 0n);
    expect(deliverFault(t, t.cpu, new GuestFault(Vector.UD))).toBe(Delivery.Shutdown);
  });
});

describe('the exception log and its hook', () => {
  it('keeps the last 32 with the state of the moment', () => {
    t.user();
    for (let n = 0; n < 40; n++) {
      t.cpu.steps = n;
      deliverFault(t, t.cpu, new GuestFault(Vector.PF, 4, BigInt(n)));
      t.user();
    }
    const recent = exceptionLog(t).recent(0);
    expect(recent.length).toBe(32);
    expect(recent.at(-1)).toEqual({ cpu: 0, vector: 14, errorCode: 4, address: 39n, rip: USER_CODE, cpl: 3, cr3: 0x1000n, position: 39 });
  });

  it('stops before delivery without a trace, and delivers when asked again', () => {
    const before = t.snapshot();
    exceptionLog(t).onException = () => true;
    expect(deliverFault(t, t.cpu, new GuestFault(Vector.PF, 0, 0x42n))).toBe(Delivery.Stopped);
    expect(t.snapshot()).toBe(before);
    expect(exceptionLog(t).recent(0)).toEqual([]);
    exceptionLog(t).onException = () => false;
    expect(deliverFault(t, t.cpu, new GuestFault(Vector.PF, 0, 0x42n))).toBe(Delivery.Delivered);
  });

  it('an interrupt that ran into a stop is requested again', () => {
    const apic = t.apics[0]!;
    apic.write(0x0f, 0x1ff);
    apic.accept(0x40);
    t.gate(0x40, { present: false });
    exceptionLog(t).onException = record => record.vector === Vector.NP;
    t.cpu.runState = RunState.Halted;
    expect(deliverInterrupt(t, t.cpu, apic.acknowledge())).toBe(Delivery.Stopped);
    expect(apic.pendingVector()).toBe(0x40);
    expect(t.cpu.runState).toBe(RunState.Halted);
  });

  it('takes the fault that a memory access has left', () => {
    t.cpu.setInt(L.FAULT_VECTOR, Vector.PF);
    t.cpu.setInt(L.FAULT_ERROR, 7);
    t.cpu.setInt(L.FAULT_HAS_ERROR, 1);
    t.cpu.set(L.FAULT_ADDRESS, 0x77n);
    const fault = takeFault(t.cpu);
    expect([fault.vector, fault.errorCode, fault.address]).toEqual([14, 7, 0x77n]);
    expect(t.cpu.int(L.FAULT_VECTOR)).toBe(-1);
  });
});

describe('NMI', () => {
  it('is blocked until IRET, and by the shadow of STI and MOV SS', () => {
    t.cpu.setInt(L.NMI_PENDING, 1);
    t.cpu.setInt(L.SHADOW, 1);
    expect(nmiReady(t.cpu)).toBe(false);
    t.cpu.setInt(L.SHADOW, 0);
    expect(nmiReady(t.cpu)).toBe(true);
    deliverNmi(t, t.cpu);
    expect(t.cpu.int(L.NMI_PENDING)).toBe(0);
    t.cpu.setInt(L.NMI_PENDING, 1);
    expect(nmiReady(t.cpu)).toBe(false);
    expect(t.exec([0x48, 0xcf])).toBeUndefined();
    expect(t.cpu.rip).toBe(KERNEL_CODE);
    expect(nmiReady(t.cpu)).toBe(true);
  });

  it('is unblocked by an IRET that faults', () => {
    deliverNmi(t, t.cpu);
    t.write64(Number(t.cpu.gpr(4)) + 8, 0n);
    const fault = t.exec([0x48, 0xcf]);
    expectFault(fault, Vector.GP, 0);
    // A debugger may look in between: only the delivery counts.
    exceptionLog(t).onException = () => true;
    deliverFault(t, t.cpu, fault!);
    expect(t.cpu.int(L.NMI_BLOCKED)).toBe(1);
    exceptionLog(t).onException = () => false;
    deliverFault(t, t.cpu, t.exec([0x48, 0xcf])!);
    expect(t.cpu.int(L.NMI_BLOCKED)).toBe(0);
  });

  it('stays blocked over an ordinary fault, and is pending again if its delivery stops', () => {
    t.cpu.setInt(L.NMI_PENDING, 1);
    t.gate(2, { present: false });
    exceptionLog(t).onException = () => true;
    t.cpu.runState = RunState.Halted;
    const before = t.snapshot();
    expect(deliverNmi(t, t.cpu)).toBe(Delivery.Stopped);
    expect([t.cpu.int(L.NMI_PENDING), t.cpu.int(L.NMI_BLOCKED), t.cpu.runState]).toEqual([1, 0, RunState.Halted]);
    expect(t.snapshot()).toBe(before);
    exceptionLog(t).onException = () => false;
    t.gate(2);
    deliverNmi(t, t.cpu);
    deliverFault(t, t.cpu, new GuestFault(Vector.UD));
    expect(t.cpu.int(L.NMI_BLOCKED)).toBe(1);
  });

  it('wakes a halted CPU', () => {
    t.exec([0xf4]);
    expect(t.cpu.runState).toBe(RunState.Halted);
    t.cpu.setInt(L.NMI_PENDING, 1);
    deliverNmi(t, t.cpu);
    expect(t.cpu.runState).toBe(RunState.Running);
    expect(t.read64(t.cpu.gpr(4))).toBe(KERNEL_CODE + 1n);
  });
});

describe('software interrupts', () => {
  it('INT n pushes the next address and no RF', () => {
    expect(t.exec([0xcd, 0x40])).toBeUndefined();
    expect(t.frame(t.cpu.gpr(4), 3)).toEqual([KERNEL_CODE + 2n, BigInt(S.code64), 2n]);
  });
  it('checks the DPL of the gate for INT n and INT3, not for INT1 and interrupts', () => {
    t.user();
    expect(t.exec([0xcd, 0x80])).toBeUndefined();
    t.user();
    expect(t.exec([0xcc])).toBeUndefined();
    expect(t.cpu.rip).toBe(HANDLER + 3n * 16n);
    t.user();
    const before = t.snapshot();
    expectFault(t.exec([0xcd, 0x40]), Vector.GP, 0x40 * 8 + 2);
    expect(t.snapshot()).toBe(before);
    expect(t.exec([0xf1])).toBeUndefined();
    expect(t.cpu.rip).toBe(HANDLER + 16n);
  });
  it('its faults have EXT clear', () => {
    t.gate(0x40, { present: false });
    expectFault(t.exec([0xcd, 0x40]), Vector.NP, 0x40 * 8 + 2);
  });
  it('INTO traps on OF only', () => {
    t.compatibility(3);
    expect(t.exec([0xce])).toBeUndefined();
    expect(t.cpu.rip).toBe(USER_CODE + 1n);
    writeFlags(t.cpu, Flag.OF);
    t.exec([0xce]);
    expect(t.cpu.rip).toBe(HANDLER + 4n * 16n);
  });
  it('UD2 and RSM are #UD', () => {
    expectFault(t.exec([0x0f, 0x0b]), Vector.UD);
    expectFault(t.exec([0x0f, 0xaa]), Vector.UD);
  });
});

describe('other modes', () => {
  it('protected mode delivers to the same level with 4-byte frames', () => {
    t = new TestCore().protectedMode();
    t.write64(IDT + 13 * 8, 0x0003_8e00_0000_0000n | BigInt(S.code32) << 16n | 0x00d0n);
    deliverFault(t, t.cpu, new GuestFault(Vector.GP, 0x18));
    const view = new DataView(t.memory.read(Number(t.cpu.gpr(4)), 16).buffer);
    expect([0, 4, 8, 12].map(n => view.getUint32(n, true))).toEqual([0x18, Number(KERNEL_CODE), S.code32, 2 | Flag.RF]);
    expect(t.cpu.gpr(4)).toBe(KERNEL_STACK - 16n);
    expect(t.cpu.rip).toBe(0x300d0n);
  });

  it('a gate that the machine lacks leaves everything as it was, an interrupt requested again', () => {
    t = new TestCore().protectedMode();
    const apic = t.apics[0]!;
    apic.write(0x0f, 0x1ff);
    apic.accept(0x40);
    t.write64(IDT + 0x40 * 8, 0x0000_8500_0000_0000n | BigInt(S.tss) << 16n);
    t.write64(IDT + 14 * 8, 0x0000_8500_0000_0000n);
    const before = t.snapshot();
    expect(() => deliverInterrupt(t, t.cpu, apic.acknowledge())).toThrow(/vector 64 has a task gate/);
    expect(() => deliverFault(t, t.cpu, new GuestFault(Vector.PF, 0, 0x77n))).toThrow(/vector 14 has a task gate/);
    expect(t.snapshot()).toBe(before);
    expect(apic.pendingVector()).toBe(0x40);
  });

  it('real mode goes through the vector table and pushes words without an error code', () => {
    t = new TestCore().realMode();
    t.memory.write(13 * 4, Uint8Array.of(0x34, 0x12, 0x00, 0x20));
    writeFlags(t.cpu, Flag.IF);
    t.cpu.rip = 0x55n;
    deliverFault(t, t.cpu, new GuestFault(Vector.GP, 0));
    expect(t.cpu.rip).toBe(0x1234n);
    expect(t.cpu.segBase(Seg.CS)).toBe(0x20000n);
    expect(t.cpu.gpr(4)).toBe(0x7ffan);
    expect(Array.from(new Uint16Array(t.memory.read(0x7ffa, 6).buffer))).toEqual([0x55, 0x1000, Flag.IF | 2]);
    expect(interruptsOpen(t.cpu)).toBe(false);
  });

  it('interrupts wait for IF and for the shadow', () => {
    expect(interruptsOpen(t.cpu)).toBe(false);
    t.exec([0xfb]);
    expect(interruptsOpen(t.cpu)).toBe(false);
    t.cpu.setInt(L.SHADOW, 0);
    expect(interruptsOpen(t.cpu)).toBe(true);
    updateMode(t, t.cpu);
  });
});
