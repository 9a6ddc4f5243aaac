import { Mnemonic } from 'iced-x86';
import { Seg } from '../cpu/layout.js';
import type { Insn } from './insn.js';

/** Groups whose pages are kept at the same time: each takes two locals for reads and two for writes. */
const GROUPS = 6;
const STACK = 'stack';

/**
 * Names accesses that are likely to be to one page, one after the other: those by the same base register, to the same static page, of
 * the same segment with a base.
 * @param stack the implicit access to the stack, rather than the memory operand
 */
export function accessGroup(insn: Insn, stack: boolean): string {
  if (stack || !insn.memory || insn.memory.base === 4) return STACK;
  const { base, index, segment, displacement } = insn.memory, at = BigInt.asIntN(64, displacement);
  const far = at >= 2048n || at < -2048n ? ` ${at >> 12n}` : '';
  return `${segment >= Seg.FS ? segment : ''} ${base >= 0 ? base : `x${index}`}${far}`;
}

const USES_STACK = new Set<Mnemonic>([Mnemonic.Push, Mnemonic.Pop, Mnemonic.Call, Mnemonic.Ret, Mnemonic.Pushfq, Mnemonic.Popfq]);

/** Instructions that go on in their region with another fast table, or with less in it: what has been seen before counts no more. */
const CHANGES_TRANSLATION = new Set<Mnemonic>([Mnemonic.Stac, Mnemonic.Clac, Mnemonic.Invlpg]);

/** The groups of a region that are accessed most in loops, each level of loops counting eight times the one around it. */
export function busiestGroups(blocks: readonly { insns: readonly Insn[] }[], depth: readonly number[]): ReadonlySet<string> {
  const weights = new Map<string, number>();
  if (blocks.some(({ insns }) => insns.some(insn => CHANGES_TRANSLATION.has(insn.mnemonic)))) return new Set();
  blocks.forEach(({ insns }, n) => {
    if (!depth[n]) return;
    for (const insn of insns) {
      const groups = [...insn.memory && insn.mnemonic !== Mnemonic.Lea ? [accessGroup(insn, false)] : [], ...USES_STACK.has(insn.mnemonic) ? [STACK] : []];
      for (const group of groups) weights.set(group, (weights.get(group) ?? 0) + 8 ** depth[n]!);
    }
  });
  return new Set([...weights].sort(([, a], [, b]) => b - a).slice(0, GROUPS).map(([group]) => group));
}
