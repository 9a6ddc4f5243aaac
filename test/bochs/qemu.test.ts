import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { casesByGroup, type Group, groupMask } from './groups.js';
import { buildDisk, buildGuest, guestPayload } from './image.js';
import { runInMachine } from './ours.js';

const missing = !(process.env.PATH ?? '').split(path.delimiter).some(folder => existsSync(path.join(folder, 'qemu-system-x86_64')));
if (missing) console.log('skipped: the comparison of protection keys with QEMU, because the program `qemu-system-x86_64` is not on the PATH. Install Debian\'s qemu-system-x86 to run it.');

const GROUP: Group = 'protection keys';
const LIMIT = 1_000_000_000;

describe.skipIf(missing)('the machine against QEMU', () => {
  it(`agrees on ${GROUP}: every right of the page and of the key, by size, WP, SMAP, AC and CPL; RDPKRU and WRPKRU`, () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'qemu-guest-')), disk = path.join(folder, 'disk.img'), console = path.join(folder, 'console');
    try {
      const payload = guestPayload(buildGuest(folder), groupMask([GROUP]), 1n);
      writeFileSync(disk, buildDisk(folder, payload));
      spawnSync('qemu-system-x86_64', ['-accel', 'tcg', '-cpu', 'max', '-m', '64', '-display', 'none', '-drive', `file=${disk},format=raw`, '-debugcon', `file:${console}`,
        '-device', 'isa-debug-exit,iobase=0xf4', '-no-reboot'], { timeout: 300_000 });
      const reference = casesByGroup(readFileSync(console, 'latin1')).get(GROUP)!;
      const { output, stop } = runInMachine(payload, LIMIT);
      expect(stop).toEqual({ kind: 'exit', cpu: 0, code: 0 });
      const own = casesByGroup(output).get(GROUP)!;
      expect(own.length).toBe(reference.length);
      expect(reference.length).toBeGreaterThan(2000);
      expect(reference.flatMap((line, n) => line === own[n] ? [] : [`QEMU: ${line}\n ours: ${own[n]}`]).slice(0, 8)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 400_000);
});
