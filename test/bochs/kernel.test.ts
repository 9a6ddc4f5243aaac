import { describe, expect, it } from 'vitest';
import { KERNEL, runScript } from '../kernel/run.js';
import { bochsMissing, runInBochs } from './bochs.js';
import { kernelPayload } from './kernelPayload.js';

const missing = bochsMissing();
if (missing) console.log(`skipped: the guest kernel on Bochs with PCID, because ${missing}. Install Debian's bochs and bochs-term to run it.`);

const FLAG = '/sys/kernel/debug/x86/kaiser-enabled', TABLES = '/sys/kernel/debug/page_tables';
const SCRIPT = [
  'echo hello', 'ps', 'touch 40', 'forks 5', 'storm 200', `cat ${FLAG}`, `cat ${TABLES}/current_user`, `cat ${TABLES}/kernel`, `echo 0 > ${FLAG}`,
  `cat ${FLAG}`, 'storm 50', `echo 1 > ${FLAG}`, 'toggle 3', `cat ${TABLES}/current_kernel`, 'nosuch', `echo 2 > ${FLAG}`, 'echo the end',
];
/** What the last command prints: its echo is on the line of the prompt. */
const END = '\nthe end\n';
const RAM = 64;

// Both processors have PCID: the group "PCID" of bochs.test.ts compares what CPUID says of it.
describe.skipIf(missing)('the guest kernel', () => {
  it.each(['', 'kaiser=off', 'kaiser_design=naive', 'noinvpcid', 'nopcid'])('prints on Bochs what it prints on the machine, command line "%s"', async append => {
    const payload = kernelPayload(KERNEL, append, RAM);
    const reference = runInBochs(payload, { ramMiB: RAM, terminal: { types: SCRIPT.map(line => `${line}\n`).join(''), until: END } });
    const { output, stop } = runScript(append, [...SCRIPT, 'poweroff 0'], { cpus: 1, ramSize: RAM << 20 });
    expect(stop).toEqual({ kind: 'exit', cpu: 0, code: 0 });
    const { serial } = await reference;
    expect(serial.slice(0, serial.indexOf(END))).toBe(output.slice(0, output.indexOf(END)));
    expect(serial.length).toBeGreaterThan(1000);
  }, 400_000);
});
