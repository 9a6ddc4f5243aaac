import { HOT_PERIOD } from './codeMap.js';

/** When blocks are translated; nothing but speed depends on it. */
export interface Tuning {
  /** Interpreted runs of a block before it is queued for translation, and before it is translated without waiting for others. Multiples of HOT_PERIOD. */
  queueAt: number;
  compileAt: number;
  /** Blocks that are translated together, in one module. */
  batch: number;
}
export const DEFAULT_TUNING: Tuning = { queueAt: 8 * HOT_PERIOD, compileAt: 64 * HOT_PERIOD, batch: 24 };

/** Figures about the translator's work, for reports and benchmarks. */
export interface TranslatorCounts { blocks: number; templates: number; regions: number; modules: number; flushes: number; }
