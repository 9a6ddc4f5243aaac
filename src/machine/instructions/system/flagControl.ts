import { Mnemonic } from 'iced-x86';
import { type Core, GuestFault, Vector } from '../../core.js';
import { readFlags, writeFlags } from '../../cpu/flags.js';
import * as L from '../../cpu/layout.js';
import { Flag, RunState } from '../../cpu/layout.js';
import { isProtected, updateMode } from '../../cpu/modes.js';
import type { CpuState } from '../../cpu/state.js';
import { loadedFlags } from './interruptReturn.js';
import { handle, handlePrivileged } from './registry.js';
import { StackCursor } from './stack.js';

/** CLI, STI: allowed where CPL <= IOPL (SDM Vol. 2A; PVI is absent). */
function requireIopl(cpu: CpuState): void {
  if (isProtected(cpu) && cpu.cpl > (cpu.int(L.FLAGS) >> 12 & 3)) throw new GuestFault(Vector.GP, 0);
}
handle(Mnemonic.Cli, (_core, cpu) => {
  requireIopl(cpu);
  cpu.setInt(L.FLAGS, cpu.int(L.FLAGS) & ~Flag.IF);
});
handle(Mnemonic.Sti, (_core, cpu) => {
  requireIopl(cpu);
  // Interrupts stay off for one more instruction if they were off before, so that STI; HLT misses none.
  if (!(cpu.int(L.FLAGS) & Flag.IF)) cpu.setInt(L.SHADOW, 1);
  cpu.setInt(L.FLAGS, cpu.int(L.FLAGS) | Flag.IF);
});

/** PUSHF shows RF and VM as clear. */
function pushf(size: 2 | 4 | 8) {
  return (core: Core, cpu: CpuState): void => {
    const stack = new StackCursor(core, cpu);
    stack.push(size, BigInt(readFlags(cpu) & ~(Flag.RF | Flag.VM)));
    stack.commit();
  };
}
function popf(size: 2 | 4 | 8) {
  return (core: Core, cpu: CpuState): void => {
    const stack = new StackCursor(core, cpu);
    const flags = loadedFlags(cpu, Number(stack.pop(size) & 0xffffffffn), size, cpu.cpl);
    stack.commit();
    writeFlags(cpu, flags);
    updateMode(core, cpu);
  };
}
for (const [push, pop, size] of [
  [Mnemonic.Pushf, Mnemonic.Popf, 2], [Mnemonic.Pushfd, Mnemonic.Popfd, 4], [Mnemonic.Pushfq, Mnemonic.Popfq, 8],
] as const) {
  handle(push, pushf(size));
  handle(pop, popf(size));
}

/** CLAC and STAC switch the SMAP check off and on; outside CPL 0 they are undefined (SDM Vol. 2A). */
for (const [mnemonic, set] of [[Mnemonic.Clac, false], [Mnemonic.Stac, true]] as const) {
  handle(mnemonic, (core, cpu) => {
    if (!core.features.smap || cpu.cpl !== 0) throw new GuestFault(Vector.UD);
    cpu.setInt(L.FLAGS, set ? cpu.int(L.FLAGS) | Flag.AC : cpu.int(L.FLAGS) & ~Flag.AC);
    updateMode(core, cpu);
  });
}

/** HLT: the CPU waits for an interrupt, an NMI or INIT. The pushed RIP will be that of the next instruction. */
handlePrivileged(Mnemonic.Hlt, (_core, cpu) => {
  cpu.setInt(L.MWAIT, 0);
  cpu.runState = RunState.Halted;
});
