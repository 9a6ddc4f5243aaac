import { describe, expect, it } from 'vitest';
import { answerTo, boot } from './qemu.js';

const file = '/sys/kernel/debug/x86/kaiser-enabled';
const tables = '/sys/kernel/debug/page_tables';

/** Lines of a page_tables file: first address, and the columns of rights. */
function ranges(text: string) {
  return [...text.matchAll(/^0x([0-9a-f]{16})-0x([0-9a-f]{16}) +\d+[KMGTP] (.*) (pte|pmd|pud|pgd)$/gm)]
    .map(match => ({ start: BigInt(`0x${match[1]}`), end: BigInt(`0x${match[2]}`), rights: match[3]!.trim().split(/ +/), level: match[4] }));
}

describe.each([1, 2])('KAISER on %i CPUs', cpus => {
  it('is switched off and on through its file', async () => {
    const { output, exitCode } = await boot([
      `cat ${file}`, `echo 0 > ${file}`, `cat ${file} `, 'forks 20', `echo 1 > ${file}`, `cat  ${file}`, 'forks  20', 'poweroff'], { cpus });
    expect(answerTo(output, `cat ${file}`)).toBe('1\n');
    expect(answerTo(output, `cat ${file} `)).toBe('0\n');
    expect(answerTo(output, 'forks 20')).toBe('forks: 20 ok\n');
    expect(answerTo(output, `cat  ${file}`)).toBe('1\n');
    expect(answerTo(output, 'forks  20')).toBe('forks: 20 ok\n');
    expect(exitCode).toBe(0);
  });

  it('is off from the start with kaiser=off, and can be switched on', async () => {
    const { output, exitCode } = await boot([`cat ${file}`, 'forks 20', `echo 1 > ${file}`, `cat ${file} `, 'forks  20', 'touch 50', 'poweroff'],
      { cpus, append: 'kaiser=off' });
    expect(output).toContain('kaiser: off, design stop_machine\n');
    expect(answerTo(output, `cat ${file}`)).toBe('0\n');
    expect(answerTo(output, `cat ${file} `)).toBe('1\n');
    expect(answerTo(output, 'forks  20')).toBe('forks: 20 ok\n');
    expect(answerTo(output, 'touch 50')).toBe('touch: 50 ok\n');
    expect(exitCode).toBe(0);
  });

  it('survives 20 toggles by stop_machine while system calls storm on every CPU', async () => {
    const storms = Array.from({ length: cpus }, () => 'storm 0 &');
    const { output, exitCode } = await boot([...storms, 'toggle 20', 'forks 10', 'poweroff'], { cpus });
    expect(answerTo(output, 'toggle 20')).toBe('toggle: 20 ok\n');
    expect(answerTo(output, 'forks 10')).toBe('forks: 10 ok\n');
    expect(exitCode).toBe(0);
  });
});

describe('KAISER', () => {
  it('refuses other text than 0 and 1', async () => {
    const { output } = await boot([`echo 2 > ${file}`, `echo on > ${file}`, `cat ${file}`, 'poweroff']);
    expect(answerTo(output, `echo 2 > ${file}`)).toBe(`kaiser-enabled: "2" is neither 0 (off) nor 1 (on)\necho: ${file}: invalid argument\n`);
    expect(answerTo(output, `echo on > ${file}`)).toBe(`kaiser-enabled: "on" is neither 0 (off) nor 1 (on)\necho: ${file}: invalid argument\n`);
    expect(answerTo(output, `cat ${file}`)).toBe('1\n');
  });

  it.each([
    ['kaiser_design=fast', 'unknown design in kaiser_design=fast; the designs are naive, boot_flag, alternatives, static_branch, static_branch_one_key, '
      + 'stop_machine, deferred_poison, cr3_driven, per_cpu_word, one_way, per_process, static_branch_stopped, per_cpu_cr3'],
    ['kaiser=maybe', 'kaiser=maybe on the command line; it is on or off'],
  ])('with %s on the command line stops with a panic that says what is allowed', async (append, message) => {
    const { output, exitCode } = await boot([], { append });
    expect(output).toBe(`Kaiserscope guest kernel\nkernel panic: ${message}\n`);
    expect(exitCode).toBe(99);
  });

  it('shows user mode nothing of the kernel but what the CPU needs to get in', async () => {
    const { output } = await boot([`cat ${tables}/kernel`, `cat ${tables}/current_kernel`, `cat ${tables}/current_user`, 'poweroff'], { cpus: 2 });
    const init = ranges(answerTo(output, `cat ${tables}/kernel`));
    const kernel = ranges(answerTo(output, `cat ${tables}/current_kernel`));
    const user = ranges(answerTo(output, `cat ${tables}/current_user`));
    const text = 0xffffffff80100000n;
    const covers = (list: typeof user, address: bigint) => list.some(range => range.start <= address && address < range.end);
    const isPhysmap = (range: { start: bigint }) => range.start >> 39n === 0xffff888000000000n >> 39n;

    expect(covers(kernel, text)).toBe(true);
    expect(covers(user, text)).toBe(false);
    expect(kernel.some(isPhysmap)).toBe(true);
    expect(user.some(isPhysmap)).toBe(false);
    expect(init.every(range => range.start >> 63n === 1n)).toBe(true);

    // The cpu_entry_area is the same in both; the rest that user mode has of the kernel is a few single pages.
    const area = (list: typeof user) => list.filter(range => range.start >> 39n === 0xfffffe0000000000n >> 39n);
    expect(area(user)).toEqual(area(kernel));
    const image = user.filter(range => range.start >= 0xffffffff80000000n);
    expect(image.length).toBeLessThanOrEqual(4);
    expect(image.filter(range => range.rights.includes('x'))).toHaveLength(1);
    expect(user.filter(range => range.start >> 63n === 1n).every(range => !range.rights.includes('USR'))).toBe(true);
    // The kernel's own pages must not stay in the TLB when user mode runs.
    expect(kernel.filter(range => range.rights.includes('GLB') && !covers(user, range.start))).toEqual([]);
  });

  it('poisons user pages in the kernel half while it is on, and only then', async () => {
    const { output } = await boot([`cat ${tables}/current_kernel`, `echo 0 > ${file}`, `cat ${tables}/current_kernel `, 'poweroff'], { cpus: 1 });
    const program = (text: string) => ranges(text).find(range => range.start === 0x400000n)!.rights;
    expect(program(answerTo(output, `cat ${tables}/current_kernel`))).toContain('NX');
    expect(program(answerTo(output, `cat ${tables}/current_kernel `))).toContain('x');
  });

  it.each([
    ['a CPU without SMEP, SMAP and FSGSBASE', { model: 'qemu64' }],
    ['a CPU with every feature switched off', { append: 'nonx nosmap nosmep nopge nofsgsbase' }],
    ['32 MiB of memory', { memory: 32 }],
  ])('works on %s', async (_, options) => {
    const { output, exitCode } = await boot(['forks 20', 'touch 100', 'toggle 5', 'poweroff'], { cpus: 2, ...options });
    expect(output).toContain('forks: 20 ok\n');
    expect(output).toContain('touch: 100 ok\n');
    expect(output).toContain('toggle: 5 ok\n');
    expect(exitCode).toBe(0);
  });

  it('toggled by the naive design on an idle machine works', async () => {
    const { output, exitCode } = await boot([`echo 0 > ${file}`, `cat ${file}`, `echo 1 > ${file}`, `cat  ${file}`, 'poweroff'],
      { cpus: 1, append: 'kaiser_design=naive' });
    expect(output).toContain('kaiser: on, design naive\n');
    expect(answerTo(output, `cat ${file}`)).toBe('0\n');
    expect(answerTo(output, `cat  ${file}`)).toBe('1\n');
    expect(exitCode).toBe(0);
  });

  // QEMU's CPUs really run at once: one toggle goes well about every second time, fifty in a row never do.
  it('toggled again and again by the naive design while another CPU is in user mode does not survive', async () => {
    // The CPU takes faults for ever, or a triple fault ends QEMU.
    const end = await boot(['spin &', 'toggle 50', 'poweroff'], { cpus: 2, append: 'kaiser_design=naive', timeout: 6000 })
      .catch((error: Error) => error.message);
    if (typeof end === 'string') expect(end).toContain('QEMU ended with status 0');
    else {
      expect(end.output).toContain('$ toggle 50\n');
      expect(end.output).not.toContain('toggle: 50 ok');
      expect(end.exitCode).not.toBe(0);
    }
  });
});
