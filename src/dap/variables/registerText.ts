/**
 * Bits of control registers and RFLAGS by name, lowest bit first (SDM Vol. 3A, 2.5 control registers, 2.2.1 EFER;
 * Vol. 1, 3.4.3 RFLAGS). Fields of more than one bit are decoded apart.
 */
const flagNames: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  cr0: { 0: 'PE', 1: 'MP', 2: 'EM', 3: 'TS', 4: 'ET', 5: 'NE', 16: 'WP', 18: 'AM', 29: 'NW', 30: 'CD', 31: 'PG' },
  cr4: {
    0: 'VME',
    1: 'PVI',
    2: 'TSD',
    3: 'DE',
    4: 'PSE',
    5: 'PAE',
    6: 'MCE',
    7: 'PGE',
    8: 'PCE',
    9: 'OSFXSR',
    10: 'OSXMMEXCPT',
    11: 'UMIP',
    12: 'LA57',
    13: 'VMXE',
    14: 'SMXE',
    16: 'FSGSBASE',
    17: 'PCIDE',
    18: 'OSXSAVE',
    20: 'SMEP',
    21: 'SMAP',
    22: 'PKE',
  },
  efer: { 0: 'SCE', 8: 'LME', 10: 'LMA', 11: 'NXE' },
  rflags: {
    0: 'CF',
    2: 'PF',
    4: 'AF',
    6: 'ZF',
    7: 'SF',
    8: 'TF',
    9: 'IF',
    10: 'DF',
    11: 'OF',
    14: 'NT',
    16: 'RF',
    17: 'VM',
    18: 'AC',
    19: 'VIF',
    20: 'VIP',
    21: 'ID',
  },
};

/** The names of the bits that are set, such as `PE WP PG`; undefined for a register without named bits. */
export function flagText(register: string, value: bigint): string | undefined {
  const names = flagNames[register];
  if (!names) return undefined;
  const set = Object.entries(names)
    .filter(([bit]) => (value >> BigInt(bit)) & 1n)
    .map(([, name]) => name);
  if (register === 'rflags' && (value >> 12n) & 3n) set.push(`IOPL=${(value >> 12n) & 3n}`);
  return set.join(' ') || 'none';
}

/** Whether a register holds a code or data address, so that a symbol and the memory view help. */
export function holdsAddress(register: string): boolean {
  return /^(r[a-z0-9]+|.*_base|lstar|cstar|sysenter_eip|sysenter_esp|gdtr|idtr|cr2)$/.test(register) && register !== 'rflags';
}
