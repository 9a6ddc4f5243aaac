import { Code, type CpuidFeature, DecoderOptions, type Instruction } from 'iced-x86';
import { featureTable, withoutBit } from '../cpu/featureTable.js';
import { allFeatures, type CpuFeatures } from '../cpu/features.js';
import { library } from './icedLibrary.js';

const UNKNOWN = 0, PROVIDED = 1, REFUSED = 2;

/** The instructions that a processor with given features has; all others raise #UD. */
export class InstructionSet {
  /** iced's `DecoderOptions`. */
  readonly options: number;
  private readonly provided = new Set<keyof typeof CpuidFeature>();
  /** What has been found out, by iced's `Code`. */
  private readonly known = new Uint8Array(CODES);

  constructor(features: CpuFeatures) {
    // Without MPX its encodings are NOPs. Prefix F3 of an instruction that is absent is ignored: WBINVD for WBNOINVD, and see below.
    this.options = DecoderOptions.NoWbnoinvd;
    for (const name of withoutBit) this.provided.add(name);
    for (const { present, instructions } of featureTable) {
      if (present !== true && present !== 'unfinished' && !features[present]) continue;
      for (const name of instructions) this.provided.add(name);
    }
    // Processors without TZCNT and LZCNT execute BSF and BSR (SDM Vol. 2B, TZCNT and LZCNT).
    if (!this.provided.has('BMI1')) this.options |= DecoderOptions.NoMPFX_0FBC;
    if (!this.provided.has('LZCNT')) this.options |= DecoderOptions.NoMPFX_0FBD;
  }

  has(instruction: Instruction): boolean {
    const code = instruction.code;
    return this.known[code] === UNKNOWN ? this.provides(code, this.featuresOf(instruction)) : this.known[code] === PROVIDED;
  }

  /** As `has`, for an instruction of that code which needs these features. */
  provides(code: Code, features: readonly string[]): boolean {
    if (this.known[code] === UNKNOWN) this.known[code] = features.every(feature => this.provided.has(feature as keyof typeof CpuidFeature)) ? PROVIDED : REFUSED;
    return this.known[code] === PROVIDED;
  }

  /** iced's names of the features that an instruction needs. */
  featuresOf(instruction: Instruction): readonly string[] {
    // RDSSP lies among the NOPs: so it is on processors without shadow stacks.
    if (instruction.code === Code.Rdsspd_r32 || instruction.code === Code.Rdsspq_r64) return [];
    const { CpuidFeature } = library();
    return Array.from(instruction.cpuidFeatures(), feature => CpuidFeature[feature]!);
  }
}

/** More than iced has codes. */
const CODES = 1 << 13;

/** The instructions of a machine with everything that it can have. */
export const wholeInstructionSet = new InstructionSet(allFeatures);
