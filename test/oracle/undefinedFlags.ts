import { type Instruction, Mnemonic } from 'iced-x86';
import { Flag } from '../../src/machine/cpu/layout.js';

const CF = Flag.CF, PF = Flag.PF, AF = Flag.AF, ZF = Flag.ZF, SF = Flag.SF, OF = Flag.OF;

/** What an instruction leaves undefined: RFLAGS bits, and whether its destination is. */
export interface Undefined { flags: number; result: boolean; }

const NOTHING: Undefined = { flags: 0, result: false };

/**
 * What the SDM (Vol. 2A-2B, "Flags Affected" and "Operation" of each instruction) leaves undefined.
 * @param count the masked shift count @param size operand size in bytes @param zeroSource the source of BSF or BSR is zero
 */
export function undefinedBy(instruction: Instruction, size: number, count: number, zeroSource: boolean): Undefined {
  const bits = size * 8;
  switch (instruction.mnemonic) {
    case Mnemonic.And: case Mnemonic.Or: case Mnemonic.Xor: case Mnemonic.Test: return { flags: AF, result: false };
    case Mnemonic.Mul: case Mnemonic.Imul: return { flags: SF | ZF | AF | PF, result: false };
    case Mnemonic.Div: case Mnemonic.Idiv: return { flags: CF | OF | SF | ZF | AF | PF, result: false };
    case Mnemonic.Bt: case Mnemonic.Bts: case Mnemonic.Btr: case Mnemonic.Btc: return { flags: OF | SF | AF | PF, result: false };
    case Mnemonic.Bsf: case Mnemonic.Bsr: return { flags: CF | OF | SF | AF | PF, result: zeroSource };
    case Mnemonic.Tzcnt: case Mnemonic.Lzcnt: return { flags: OF | SF | AF | PF, result: false };
    case Mnemonic.Andn: case Mnemonic.Blsi: case Mnemonic.Blsmsk: case Mnemonic.Blsr: case Mnemonic.Bzhi: return { flags: AF | PF, result: false };
    case Mnemonic.Bextr: return { flags: AF | SF | PF, result: false };
    case Mnemonic.Aaa: case Mnemonic.Aas: return { flags: OF | SF | ZF | PF, result: false };
    case Mnemonic.Daa: case Mnemonic.Das: return { flags: OF, result: false };
    case Mnemonic.Aam: case Mnemonic.Aad: return { flags: OF | AF | CF, result: false };
    case Mnemonic.Bswap: return { flags: 0, result: size === 2 };
    // SAL/SAR/SHL/SHR: OF for counts above 1, AF for any but 0, CF of SHL and SHR if the count reaches the operand's size.
    case Mnemonic.Shl: case Mnemonic.Sal: case Mnemonic.Shr: case Mnemonic.Sar:
      if (count === 0) return NOTHING;
      return { flags: AF | (count > 1 ? OF : 0) | (count >= bits && instruction.mnemonic !== Mnemonic.Sar ? CF : 0), result: false };
    case Mnemonic.Rol: case Mnemonic.Ror: case Mnemonic.Rcl: case Mnemonic.Rcr: return { flags: count > 1 ? OF : 0, result: false };
    case Mnemonic.Shld: case Mnemonic.Shrd:
      if (count === 0) return NOTHING;
      if (count > bits) return { flags: CF | OF | SF | ZF | AF | PF, result: true };
      return { flags: AF | (count > 1 ? OF : 0), result: false };
    default: return NOTHING;
  }
}
