import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadKernel } from '../../../src/machine/boot/loadKernel.js';
import { Machine } from '../../../src/machine/machine.js';
import { buildKernel } from '../../fixtures/kernels.js';

/** What a kernel printed, and the code that it gave to the debug-exit port. */
interface Ended { output: string; code: number | undefined; }

function onTheMachine(file: string, cpus: number, commandLine: string, modules: readonly string[]): Ended & { machine: Machine } {
  const machine = new Machine({ cpus, ramSize: 64 << 20 });
  let output = '';
  machine.devices.uart.onOutput = bytes => { output += String.fromCharCode(...bytes); };
  loadKernel(machine, readFileSync(file), { commandLine, name: 'kernel', modules: modules.map(m => ({ bytes: readFileSync(m), commandLine: '', name: m })) });
  const stop = machine.run(200_000_000);
  if (stop?.kind !== 'exit') throw new Error(`${output}\nThe machine stopped: ${JSON.stringify(stop, (_, v) => typeof v === 'bigint' ? v.toString(16) : v as unknown)}`);
  return { output, code: stop.code, machine };
}

async function onQemu(file: string, cpus: number, commandLine: string, modules: readonly string[]): Promise<Ended> {
  const args = ['-kernel', file, '-m', '64', '-smp', String(cpus), '-cpu', 'max', '-accel', 'tcg', '-append', commandLine, '-serial', 'stdio', '-display', 'none', '-monitor', 'none', '-no-reboot',
    '-device', 'isa-debug-exit,iobase=0xf4,iosize=4', ...modules.length ? ['-initrd', modules.join(',')] : []];
  const run = await promisify(execFile)('qemu-system-x86_64', args, { timeout: 60_000 }).then(r => ({ output: r.stdout, status: 0 }),
    (error: { stdout: string; code: number | null }) => ({ output: error.stdout, status: error.code }));
  return { output: run.output, code: run.status === null ? undefined : run.status >> 1 };
}

const kernels: readonly (readonly [what: string, build: () => string, cpus: number, modules: boolean, code: number])[] = [
  ['multiboot, 32 bits: 8259s, timer 8254, UART interrupt and the small devices', () => buildKernel('timer', ['multiboot.S', 'timer.c'], 'multiboot.ld', 32), 1, true, 5],
  ['multiboot, 32 bits: its own page tables', () => buildKernel('paging', ['multiboot.S', 'paging.c'], 'multiboot.ld', 32), 1, false, 9],
  ['multiboot, 32 bits: its own page tables with PAE', () => buildKernel('pae', ['multiboot.S', 'paging.c'], 'multiboot.ld', 32, ['-DPAE']), 1, false, 9],
  ['PVH, 64 bits: starts and stops processors by INIT and start-up IPIs', () => buildKernel('smp', ['smp.S', 'smp.c'], 'pvh.ld', 64), 4, true, 7],
];

describe.each(kernels)('a kernel as people write it for QEMU, %s', (_what, build, cpus, withModules, code) => {
  let file = '', modules: string[] = [];
  beforeAll(() => {
    file = build();
    modules = withModules ? [path.join(path.dirname(file), 'module')] : [];
    for (const module of modules) writeFileSync(module, Uint8Array.from({ length: 5000 }, (_, n) => n));
  });

  it('prints the same and ends with the same code as on QEMU', { timeout: 90_000 }, async () => {
    const { output, code: ours } = onTheMachine(file, cpus, 'hello there', modules);
    expect(output).toMatch(/end\n$/);
    // QEMU's timers are the host's: when that is busy they lose ticks, which the kernel sees.
    let theirs = await onQemu(file, cpus, 'hello there', modules);
    for (let again = 0; again < 9 && theirs.output !== output; again++) theirs = await onQemu(file, cpus, 'hello there', modules);
    expect({ output, code: ours }).toEqual(theirs);
    expect(ours).toBe(code);
  });
  it('takes the same course each time, however the run is cut', { timeout: 60_000 }, () => {
    const once = onTheMachine(file, cpus, 'hello there', modules).machine;
    const cut = new Machine({ cpus, ramSize: 64 << 20 });
    loadKernel(cut, readFileSync(file), { commandLine: 'hello there', name: 'kernel', modules: modules.map(m => ({ bytes: readFileSync(m), commandLine: '', name: m })) });
    for (let n = 0; cut.position < once.position; n++) {
      if (cut.run(Math.min(once.position, cut.position + 997 + n * 7919 % 90_000))) break;
      if (n % 10 === 0) cut.devices.restore(cut.devices.save());
    }
    expect([cut.position, cut.idle, cut.stateHash()]).toEqual([once.position, once.idle, once.stateHash()]);
  });
});
