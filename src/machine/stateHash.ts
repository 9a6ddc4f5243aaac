import type { Core } from './core.js';
import { readFlags } from './cpu/flags.js';
import * as L from './cpu/layout.js';
import { RAM_BASE } from './memory/layout.js';

/**
 * A 64-bit hash of all state that decides the machine's future: RAM, registers, TLBs and what `extra` adds (devices,
 * schedule, position). Caches for speed do not enter: translations, fast tables, the lazy form of the flags.
 */
export function hashState(core: Core, extra: readonly number[]): string {
  const hash = new Hash();
  const { i32, ramSize } = core.memory;
  hash.words(i32, RAM_BASE >> 2, RAM_BASE + ramSize >> 2);
  for (const cpu of core.cpus) {
    hash.words(cpu.i32, L.GPR >> 2, L.CC_DST >> 2);
    hash.add(readFlags(cpu));
    hash.words(cpu.i32, L.SEG >> 2, L.FAULT_VECTOR >> 2);
    hash.words(cpu.i32, L.STEPS >> 2, L.STEPPING >> 2);
    hash.words(cpu.i32, L.XMM >> 2, L.STATE_END >> 2);
    const entries = core.mmu.entries(cpu).map(e => `${e.linear} ${e.pcid} ${e.global} ${e.size} ${e.frame} ${JSON.stringify(e.rights)} ${e.dirty} ${e.key}`).sort();
    for (const entry of entries) for (let i = 0; i < entry.length; i++) hash.add(entry.charCodeAt(i));
  }
  for (const value of extra) {
    hash.add(value | 0);
    hash.add(Math.floor(value / 0x100000000) | 0);
  }
  return hash.text();
}

/** Two 32-bit lanes of multiply and rotate, mixed at the end (the finaliser of MurmurHash3). */
class Hash {
  private a = 0x9e3779b9 | 0;
  private b = 0x85ebca6b | 0;

  add(word: number): void {
    const a = Math.imul(this.a ^ word, 0x01000193);
    this.a = a << 13 | a >>> 19;
    this.b = Math.imul(this.b ^ word, 0x5bd1e995) + this.a | 0;
  }
  words(from: Int32Array, start: number, end: number): void {
    let { a, b } = this;
    for (let i = start; i < end; i++) {
      const word = from[i]!;
      a = Math.imul(a ^ word, 0x01000193);
      a = a << 13 | a >>> 19;
      b = Math.imul(b ^ word, 0x5bd1e995) + a | 0;
    }
    this.a = a;
    this.b = b;
  }
  text(): string { return [mix(this.a), mix(this.b ^ this.a)].map(n => n.toString(16).padStart(8, '0')).join(''); }
}

function mix(h: number): number {
  h = Math.imul(h ^ h >>> 16, 0x85ebca6b);
  h = Math.imul(h ^ h >>> 13, 0xc2b2ae35);
  return (h ^ h >>> 16) >>> 0;
}
