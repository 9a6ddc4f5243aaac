import type { ExceptionRecord, Scene } from './crash.js';
import { type EntryPoint, pathInWords, pointBefore } from './entryPoints.js';

/** How control came to where a CPU stood on the wrong CR3. */
export interface EntryPath {
  /** `entering`: coming from user mode. `leaving`: on the way back, with the shadow CR3 already loaded. */
  direction: 'entering' | 'leaving';
  /** In words, for `entered from user mode by ...`; undefined where it cannot be told. */
  words: string | undefined;
  /** The point before the instruction, where the image names one. */
  point: EntryPoint | undefined;
}

/**
 * Which path a kernel instruction on the shadow CR3 belongs to. In the entry text the nearest label before it tells;
 * elsewhere the code was called or jumped to from there, and the return address on the stack tells, as far as the
 * stack is the one of the record; else the hardware frame at the top of the entry stack, which names the instruction
 * that was interrupted first.
 */
export function entryPathOf(scene: Scene, record: ExceptionRecord, isCurrent: boolean): EntryPath {
  const direct = pathAt(scene, record.rip);
  if (direct) return direct;
  const root = scene.cr3(record).root;
  const rsp = isCurrent ? scene.register('rsp') : undefined;
  if (rsp !== undefined) {
    for (let i = 0n; i < 32n; i++) {
      const value = scene.word(root, rsp + i * 8n);
      if (value === undefined) break;
      const path = pathAt(scene, value);
      if (path) return path;
    }
  }
  return firstOnEntryStack(scene, record) ?? { direction: 'entering', words: undefined, point: undefined };
}

/** The first kernel instruction that was interrupted on the entry stack: below the frame that came from user mode. */
export function firstOnEntryStack(scene: Scene, record: ExceptionRecord): EntryPath | undefined {
  const { tss } = scene.facts;
  if (tss === undefined) return undefined;
  const root = scene.cr3(record).root;
  const top = scene.word(root, tss + 4n); // RSP0 (SDM Vol. 3A, 7.7)
  if (top === undefined || top < 0x2000n) return undefined;
  for (let at = top - 40n; at > top - 0x1000n; at -= 8n) {
    const [rip, cs, rflags] = [scene.word(root, at), scene.word(root, at + 8n), scene.word(root, at + 16n)];
    if (rip === undefined || cs === undefined || rflags === undefined) return undefined;
    if ((cs & 3n) !== 0n || cs === 0n || cs > 0xffn || (rflags & 2n) === 0n || rflags >> 22n !== 0n) continue;
    const path = pathAt(scene, rip);
    if (path) return path;
  }
  return undefined;
}

function pathAt(scene: Scene, address: bigint): EntryPath | undefined {
  if (!scene.inEntryText(address)) return undefined;
  const point = pointBefore(scene.facts.entryPoints ?? [], address);
  const leaving = point !== undefined && (point.kind === 'exit' || (point.kind === 'cr3' && /^exit_/.test(point.symbol)));
  if (!point) return undefined;
  return { direction: leaving ? 'leaving' : 'entering', words: pathInWords(point.path), point };
}
