import { ImageError, loadKernel } from '../../src/machine/boot/loadKernel.js';
import { Machine } from '../../src/machine/machine.js';
import { ElfError, loadSymbols, parseElf } from '../../src/symbols/index.js';
import { Random } from '../oracle/random.js';

/** The longest that reading one image may take, in milliseconds of the host. */
const LIMIT_MS = 5000;

/** One byte string that replaces what is at an offset. */
export interface Change { at: number; bytes: number[]; }

/** Draws changes to an image: headers, tables and debug sections are hit more often than code. */
export function randomChanges(seed: number, image: Uint8Array): Change[] {
  const random = new Random(Math.imul(seed, 0x85ebca6b) ^ 0xe1f), view = new DataView(image.buffer, image.byteOffset, image.byteLength), wide = image[4] === 2;
  const sections = wide ? Number(view.getBigUint64(40, true)) : view.getUint32(32, true), count = view.getUint16(wide ? 60 : 48, true), size = wide ? 64 : 40;
  const interesting = [0, 1, 2, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, image.length, image.length - 1];
  const place = (): number => {
    switch (random.below(6)) {
      case 0: return random.below(64);
      case 1: return (wide ? 64 : 52) + random.below(200);
      case 2: return sections + random.below(Math.max(1, count * size));
      case 3: case 4: { // inside a section
        const header = sections + size * random.below(Math.max(1, count));
        if (header + size > image.length) return random.below(image.length);
        const start = wide ? Number(view.getBigUint64(header + 24, true)) : view.getUint32(header + 16, true), length = wide ? Number(view.getBigUint64(header + 32, true)) : view.getUint32(header + 20, true);
        return start + random.below(Math.max(1, random.chance(0.5) ? Math.min(length, 64) : length));
      }
      default: return random.below(image.length);
    }
  };
  return Array.from({ length: random.between(1, 5) }, () => {
    const at = place(), length = random.pick([1, 1, 2, 4, 8]), value = BigInt.asUintN(64, BigInt(random.pick(interesting)) + BigInt(random.between(-1, 1)));
    const bytes = Array.from({ length }, (_, n) => random.chance(0.5) ? Number(value >> BigInt(8 * n) & 0xffn) : random.below(256));
    return { at, bytes };
  });
}

export function apply(image: Uint8Array, changes: readonly Change[]): Uint8Array {
  const copy = image.slice();
  for (const { at, bytes } of changes) bytes.forEach((byte, n) => { if (at + n < copy.length) copy[at + n] = byte; });
  return copy;
}

/** Loads an image with the loader and reads its symbols; undefined if both answer as they should, else what is wrong. */
export function checkImage(image: Uint8Array, machine: Machine): string | undefined {
  const problems: string[] = [], note = (what: string, error: unknown) => problems.push(`${what}: ${(error as Error).stack?.split('\n').slice(0, 4).join('\n    ') ?? String(error)}`);
  const start = Date.now();
  try {
    loadKernel(machine, image, { name: 'image', commandLine: 'x' });
  } catch (error) {
    if (!(error instanceof ImageError)) note('the loader', error);
  }
  try {
    const symbols = loadSymbols(parseElf(image, 'image'));
    const addresses = [symbols.image.entry, 0n, 0xffffffff80000000n, ...symbols.image.symbols.slice(0, 40).map(s => s.address)];
    for (const address of addresses) {
      symbols.table.format(address);
      symbols.lines.locationAt(address);
      symbols.lines.stepRangeAt(address);
      symbols.functions.functionAt(address);
      symbols.functions.inlinedAt(address);
      symbols.callFrames.rulesAt(address);
      symbols.bytesAt(address, 16);
      symbols.linkedAddress(address);
    }
  } catch (error) {
    if (!(error instanceof ElfError)) note('the symbols', error);
  }
  if (Date.now() - start > LIMIT_MS) problems.push(`it takes ${Date.now() - start} ms to read`);
  return problems.length ? problems.join('\n    ') : undefined;
}

/** Drops changes, and bytes of changes, as long as the finding stays. */
export function minimiseChanges(image: Uint8Array, changes: Change[], machine: Machine): Change[] {
  let best = changes;
  for (let again = true; again;) {
    again = false;
    for (let n = best.length - 1; n >= 0; n--) {
      const fewer = best.filter((_, k) => k !== n);
      if (fewer.length && checkImage(apply(image, fewer), machine)) { best = fewer; again = true; continue; }
      const shorter = best.map((c, k) => k === n && c.bytes.length > 1 ? { at: c.at, bytes: c.bytes.slice(0, -1) } : c);
      if (best[n]!.bytes.length > 1 && checkImage(apply(image, shorter), machine)) { best = shorter; again = true; }
    }
  }
  return best;
}

export function fuzzImages(images: readonly { name: string; bytes: Uint8Array }[], options: { seed: number; until: number; keep: number; progress: (text: string) => void }): { cases: number; findings: { text: string }[] } {
  const machine = new Machine({ cpus: 1, ramSize: 16 << 20 }), findings: { text: string }[] = [], seen = new Set<string>();
  let cases = 0;
  for (let seed = options.seed; Date.now() < options.until && findings.length < options.keep; seed++, cases++) {
    const { name, bytes } = images[seed % images.length]!;
    options.progress(`image ${seed}`);
    const changes = randomChanges(seed, bytes), problem = checkImage(apply(bytes, changes), machine);
    if (!problem) continue;
    const key = problem.slice(0, 200);
    if (seen.has(key)) continue;
    seen.add(key);
    const smallest = minimiseChanges(bytes, changes, machine);
    findings.push({ text: `image ${name}, seed ${seed}, changes ${JSON.stringify(smallest)}: ${checkImage(apply(bytes, smallest), machine) ?? problem}` });
  }
  return { cases, findings };
}
