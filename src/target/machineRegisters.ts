import { readFlags, writeFlags } from '../machine/cpu/flags.js';
import * as L from '../machine/cpu/layout.js';
import { Flag, Seg } from '../machine/cpu/layout.js';
import { isCanonical, updateMode } from '../machine/cpu/modes.js';
import type { CpuState } from '../machine/cpu/state.js';
import type { Machine } from '../machine/machine.js';
import type { RegisterGroup, RegisterSource, RegisterValue } from './target.js';

/** A register by name. Without `write` it can only be looked at. */
interface RegisterDefinition {
  name: string;
  bits: number;
  read(cpu: CpuState): bigint;
  /** Index among the 64-bit fields of the CPU's state, of a register that is one of them or the 16 low bits of one; -1 for others. */
  field: number;
  /** For registers that conditions read often. */
  source?: (cpu: CpuState) => RegisterSource;
  /** Throws an Error with a message for the user for a value that the CPU could not hold. */
  write?(machine: Machine, cpu: CpuState, value: bigint): void;
  /** Why it cannot be written. */
  readOnly?: string;
}

const gprNames = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];
/** The order in which people list them, which is not that of the encoding. */
const displayOrder = [
  'rax',
  'rbx',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
  'rbp',
  'rsp',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];

/** Flags that a debugger may set: all defined ones but VM, VIF and VIP, which need virtual-8086 mode (SDM Vol. 1, 3.4.3). */
const writableFlags = BigInt(
  L.ARITHMETIC_FLAGS | Flag.TF | Flag.IF | Flag.DF | Flag.IOPL | Flag.NT | Flag.RF | Flag.AC | Flag.ID,
);

function canonical(name: string, value: bigint): bigint {
  if (!isCanonical(value))
    throw new Error(`${name} cannot be 0x${value.toString(16)}: the address is not canonical (bits 63 to 47 must be equal).`);
  return value;
}

/** A register that is the 64-bit field at a byte offset of the CPU's state. */
const at = (field: number): Pick<RegisterDefinition, 'field' | 'read' | 'source'> => ({
  field: field >> 3,
  read: cpu => cpu.get(field),
  source: ({ i32 }) => ({ low: () => i32[field >> 2]!, high: () => i32[(field >> 2) + 1]! }),
});

const general: RegisterDefinition[] = displayOrder.map(name => {
  const n = gprNames.indexOf(name);
  return { name, bits: 64, ...at(L.GPR + 8 * n), write: (_, cpu, value) => cpu.setGpr(n, value) };
});
general.push(
  {
    name: 'rip',
    bits: 64,
    ...at(L.RIP),
    write: (_, cpu, value) => {
      cpu.rip = canonical('rip', value);
    },
  },
  {
    name: 'rflags',
    bits: 64,
    field: -1,
    read: cpu => BigInt(readFlags(cpu) >>> 0),
    source: cpu => ({ low: () => readFlags(cpu), high: () => 0 }),
    write(machine, cpu, value) {
      const others = BigInt(readFlags(cpu) >>> 0) & ~writableFlags;
      const wrong = value & ~writableFlags & ~others;
      if (wrong !== 0n)
        throw new Error(
          `rflags cannot be 0x${value.toString(16)}: the bits 0x${wrong.toString(16)} are reserved or cannot be set by a debugger.`,
        );
      writeFlags(cpu, Number((value & writableFlags) | others) | 0);
      // AC decides whether SMAP holds.
      updateMode(machine, cpu);
    },
  },
);

const changesMode = 'it changes the mode of the CPU, which only code running on it can do consistently';
const control: RegisterDefinition[] = [
  { name: 'cr0', bits: 64, ...at(L.CR0), readOnly: changesMode },
  { name: 'cr2', bits: 64, ...at(L.CR2), write: (_, cpu, value) => cpu.set(L.CR2, value) },
  {
    name: 'cr3',
    bits: 64,
    ...at(L.CR3),
    write(machine, cpu, value) {
      // Bits 62:52 and those above MAXPHYADDR (40) are reserved; bit 63 asks to keep the TLB where PCIDE is on (SDM Vol. 2B, MOV CR).
      const pcide = ((cpu.get(L.CR4) >> 17n) & 1n) === 1n;
      const allowed = pcide ? (1n << 63n) | 0xff_ffff_ffffn : 0xff_ffff_ffffn;
      if (value & ~allowed)
        throw new Error(`cr3 cannot be 0x${value.toString(16)}: reserved bits are set (0x${(value & ~allowed).toString(16)}).`);
      machine.mmu.loadCr3(cpu, value);
    },
  },
  { name: 'cr4', bits: 64, ...at(L.CR4), readOnly: changesMode },
  { name: 'cr8', bits: 64, ...at(L.CR8), readOnly: 'it belongs to the local APIC' },
  { name: 'efer', bits: 64, ...at(L.EFER), readOnly: changesMode },
];

const segmentNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'];
const segments: RegisterDefinition[] = [1, 2, 3, 0, 4, 5, 6, 7].map(n => ({
  name: segmentNames[n]!,
  bits: 16,
  field: (L.SEG + n * L.SEG_SIZE + L.SEG_SELECTOR) >> 3,
  read: cpu => BigInt(cpu.segSelector(n)),
  source: cpu => ({ low: () => cpu.segSelector(n), high: () => 0 }),
  readOnly: 'a selector is loaded together with its descriptor; let the guest do it',
}));
const baseOf = (name: string, seg: Seg): RegisterDefinition => ({
  name,
  bits: 64,
  ...at(L.SEG + seg * L.SEG_SIZE + L.SEG_BASE),
  write: (_, cpu, value) => cpu.set(L.SEG + seg * L.SEG_SIZE + L.SEG_BASE, canonical(name, value)),
});
const table = (name: string, field: number, bits: number): RegisterDefinition => ({
  name,
  bits,
  ...(bits === 64 ? at(field) : { field: field >> 3, read: (cpu: CpuState) => BigInt(cpu.int(field) & 0xffff) }),
  readOnly: 'a table is loaded with its limit; let the guest do it',
});
segments.push(
  baseOf('fs_base', Seg.FS),
  baseOf('gs_base', Seg.GS),
  { ...baseOf('tr_base', Seg.TR), write: undefined, readOnly: 'it comes from the descriptor of the TSS' } as RegisterDefinition,
  { ...baseOf('ldtr_base', Seg.LDTR), write: undefined, readOnly: 'it comes from the descriptor of the LDT' } as RegisterDefinition,
  table('gdtr_base', L.GDTR_BASE, 64),
  table('gdtr_limit', L.GDTR_LIMIT, 16),
  table('idtr_base', L.IDTR_BASE, 64),
  table('idtr_limit', L.IDTR_LIMIT, 16),
);

const msrField = (name: string, field: number, isAddress: boolean): RegisterDefinition => ({
  name,
  bits: 64,
  ...at(field),
  write: (_, cpu, value) => cpu.set(field, isAddress ? canonical(name, value) : value),
});
const msr: RegisterDefinition[] = [
  msrField('star', L.STAR, false),
  msrField('lstar', L.LSTAR, true),
  msrField('cstar', L.CSTAR, true),
  msrField('sfmask', L.SFMASK, false),
  msrField('kernel_gs_base', L.KERNEL_GS_BASE, true),
  msrField('tsc_aux', L.TSC_AUX, false),
  msrField('sysenter_cs', L.SYSENTER_CS, false),
  msrField('sysenter_esp', L.SYSENTER_ESP, true),
  msrField('sysenter_eip', L.SYSENTER_EIP, true),
  {
    ...msrField('apic_base', L.APIC_BASE, false),
    write: undefined,
    readOnly: "moving the local APIC needs the guest's own WRMSR",
  } as RegisterDefinition,
];

const debug: RegisterDefinition[] = [0, 1, 2, 3, 6, 7].map(n => ({
  name: `dr${n}`,
  bits: 64,
  ...at(L.DR + n * 8),
  readOnly: "breakpoints of the debugger do not use it; it is the guest's",
}));

const groups: { id: RegisterGroup['id']; name: string; registers: RegisterDefinition[] }[] = [
  { id: 'general', name: 'Registers', registers: general },
  { id: 'control', name: 'Control registers', registers: control },
  { id: 'segments', name: 'Segments and tables', registers: segments },
  { id: 'msr', name: 'Model-specific registers', registers: msr },
  { id: 'debug', name: 'Debug registers', registers: debug },
];

const byName = new Map<string, RegisterDefinition>(
  groups.flatMap(group => group.registers.map(register => [register.name, register] as const)),
);

/** A part of a general register: eax, ax, al, ah, r8d, r8w, r8b... A write of 32 bits clears the upper half, as instructions do. */
function part(name: string, whole: string, shift: number, bits: number): void {
  const full = byName.get(whole)!;
  const mask = (1n << BigInt(bits)) - 1n;
  byName.set(name, {
    name,
    bits,
    field: -1,
    read: cpu => (full.read(cpu) >> BigInt(shift)) & mask,
    source: cpu => {
      const { low } = full.source!(cpu);
      const bitsOfLow = bits === 32 ? -1 : (1 << bits) - 1;
      return { low: () => (low() >> shift) & bitsOfLow, high: () => 0 };
    },
    write(machine, cpu, value) {
      if (value > mask && BigInt.asIntN(64, value) < -(1n << BigInt(bits - 1)))
        throw new Error(`${name} has ${bits} bits; 0x${value.toString(16)} does not fit.`);
      if (value > mask && BigInt.asIntN(64, value) >= 0n)
        throw new Error(`${name} has ${bits} bits; 0x${value.toString(16)} does not fit.`);
      const rest = bits === 32 ? 0n : full.read(cpu) & ~(mask << BigInt(shift));
      full.write!(machine, cpu, rest | ((value & mask) << BigInt(shift)));
    },
  });
}
for (const name of gprNames) {
  const letters = name.slice(1);
  if (/\d/.test(letters)) {
    part(`${name}d`, name, 0, 32);
    part(`${name}w`, name, 0, 16);
    part(`${name}b`, name, 0, 8);
    continue;
  }
  part(`e${letters}`, name, 0, 32);
  part(letters, name, 0, 16);
  part(letters.endsWith('x') ? `${letters[0]}l` : `${letters}l`, name, 0, 8);
  if (letters.endsWith('x')) part(`${letters[0]}h`, name, 8, 8);
}
byName.set('eip', { name: 'eip', bits: 32, field: -1, read: cpu => cpu.rip & 0xffffffffn, readOnly: 'write rip' });
byName.set('eflags', { ...byName.get('rflags')!, name: 'eflags', bits: 32 });

/** All registers in the order of display. Plain loops: a debugger that steps asks for all of them at each instruction. */
export function registerGroups(cpu: CpuState): RegisterGroup[] {
  const { u64 } = cpu;
  const result = new Array<RegisterGroup>(groups.length);
  for (let g = 0; g < groups.length; g++) {
    const { id, name, registers } = groups[g]!;
    const values = new Array<RegisterValue>(registers.length);
    for (let n = 0; n < registers.length; n++) {
      const register = registers[n]!;
      const { field, bits } = register;
      const value = field < 0 ? register.read(cpu) : bits === 64 ? u64[field]! : BigInt.asUintN(16, u64[field]!);
      values[n] = { name: register.name, value, bits };
    }
    result[g] = { id, name, registers: values };
  }
  return result;
}

/** A register or a part of one by its lower-case name; undefined if there is none. */
export function readRegister(cpu: CpuState, name: string): bigint | undefined {
  return byName.get(name)?.read(cpu);
}

/** `readRegister` for who reads it often; undefined where a register has no such form. */
export function registerSource(cpu: CpuState, name: string): RegisterSource | undefined {
  return byName.get(name)?.source?.(cpu);
}

/** Throws an Error with a message for the user if the register does not exist, is not writable or refuses the value. */
export function writeRegister(machine: Machine, cpu: CpuState, name: string, value: bigint): void {
  const register = byName.get(name);
  if (!register) throw new Error(`There is no register "${name}".`);
  if (!register.write) throw new Error(`${name} cannot be written here: ${register.readOnly}.`);
  register.write(machine, cpu, BigInt.asUintN(64, value));
}
