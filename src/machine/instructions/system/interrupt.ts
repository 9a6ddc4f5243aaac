import { Mnemonic } from 'iced-x86';
import { GuestFault, type Handler, Vector } from '../../core.js';
import { enterSoftware } from '../../cpu/events.js';
import { readArithmeticFlags } from '../../cpu/flags.js';
import { Flag } from '../../cpu/layout.js';
import { handle } from './registry.js';

/** INT n, INT3, INTO (SDM Vol. 2A): the gate's DPL must allow the CPL; the pushed RIP is that of the next instruction. */
const software = (vector: (immediate: bigint) => number): Handler => (core, cpu, insn) => {
  enterSoftware(core, cpu, vector(insn.immediate), insn.next);
  return 'jumped';
};
handle(Mnemonic.Int, software(immediate => Number(immediate & 0xffn)));
handle(Mnemonic.Int3, software(() => Vector.BP));
handle(Mnemonic.Into, (core, cpu, insn) => {
  if (!(readArithmeticFlags(cpu) & Flag.OF)) return;
  enterSoftware(core, cpu, Vector.OF, insn.next);
  return 'jumped';
});
/** INT1 is a debug trap of the processor's own: no DPL check. */
handle(Mnemonic.Int1, (core, cpu, insn) => {
  enterSoftware(core, cpu, Vector.DB, insn.next, false);
  return 'jumped';
});

/**
 * Undefined on purpose (UD0-2), outside system management mode (RSM), or absent: CPUID says that the processor has none
 * of these, and one that has not raises #UD.
 */
for (const mnemonic of [
  Mnemonic.Ud0, Mnemonic.Ud1, Mnemonic.Ud2, Mnemonic.Rsm,
]) handle(mnemonic, () => { throw new GuestFault(Vector.UD); });
