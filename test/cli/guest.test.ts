import { describe, expect, it } from 'vitest';
import { buildTiny } from '../fixtures/tiny.js';
import { runCli } from './runCli.js';

interface Summary { position: number; stateHash: string; exitCode: number; stop: string; counts: { exceptions: Record<string, number> }; message?: string }

describe('run', () => {
  it('boots the built-in kernel, types the script, prints the console and passes the guest\'s code on', async () => {
    const { code, stdout } = await runCli('run', '--line', 'echo hello', '--line', 'forks 2', '--line', 'poweroff 3');
    expect(code).toBe(3);
    expect(stdout).toMatch(/^Kaiserscope guest kernel\nsmp: 2 CPUs online\nkaiser: on, design stop_machine\n/);
    expect(stdout).toContain('$ echo hello\nhello\n$ forks 2\nforks: 2 ok\n$ poweroff 3\n');
  });

  it('gives the same state for the same input, and another one for another schedule', async () => {
    const run = async (...args: string[]): Promise<Summary> => {
      const { code, stdout, stderr } = await runCli('run', '--json', '--line', 'storm 20 &', '--line', 'touch 5', '--line', 'wait', '--line', 'poweroff', ...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout.trim().split('\n')).toHaveLength(1);
      return JSON.parse(stdout) as Summary;
    };
    const first = await run();
    expect(first).toMatchObject({ exitCode: 0, stop: 'exit' });
    expect(first.stateHash).toMatch(/^[0-9a-f]{16}$/);
    expect(first.counts.exceptions['#PF']).toBeGreaterThan(5);
    expect(await run()).toEqual(first);
    const random = await run('--schedule', 'random:7:200');
    expect(random.stateHash).not.toBe(first.stateHash);
    expect(await run('--schedule', 'random:7:200')).toEqual(random);
    expect((await run('--quantum', '77')).stateHash).not.toBe(first.stateHash);
  });

  it('works with one CPU and without each CPU feature', async () => {
    for (const features of ['pcid=off', 'invpcid=off', 'smep=off,smap=off', 'pge=off', 'fsgsbase=off']) {
      const { code, stdout } = await runCli('run', '--cpus', '1', '--memory', '32', '--features', features, '--line', 'toggle 2', '--line', 'poweroff');
      expect([features, code, stdout.includes('toggle: 2 ok')]).toEqual([features, 0, true]);
    }
  });

  it('says what killed the machine: the naive design, switched off while another CPU is in user mode', async () => {
    const { code, stderr } = await runCli('run', '--append', 'kaiser_design=naive', '--line', 'spin &', '--line', 'echo 0 > /sys/kernel/debug/x86/kaiser-enabled');
    expect(code).toBe(3);
    expect(stderr).toMatch(/^kaiserscope: CPU 1 (spins|shut down)/);
    expect(stderr).toMatch(/Missed switch: kernel code on the shadow CR3 \(H1, P20\): CPU 1 entered from user mode by .*, found kaiser off, stayed on the shadow CR3/);
  });

  it.each([
    ['t', 3, /CPU 0 shut down \(triple fault\)/], ['h', 3, /halted at .* with interrupts off/], ['s', 3, /CPU 0 spins: its last 2000 exceptions/],
    ['u', 3, /does not have.*0x300/], ['c', 5, /powered off with code 5/],
  ])('a guest that ends by "%s" exits with %d and the reason', async (letter, expected, message) => {
    const tiny = buildTiny();
    const { code, stdout, stderr } = await runCli('run', tiny, '--append', letter);
    expect({ code, stdout }).toEqual({ code: expected, stdout: 'hello from a tiny guest\n' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('restart the session');
    const json = JSON.parse((await runCli('run', tiny, '--append', letter, '--json')).stdout) as Summary;
    expect(json).toMatchObject({ exitCode: expected, message: expect.stringMatching(message) as string });
  });

  it('stops at --max-instructions, exactly', async () => {
    const { code, stdout, stderr } = await runCli('run', buildTiny(), '--append', 'l', '--max-instructions', '12345', '--json');
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ position: 12345, exitCode: 4, stop: 'limit' });
    expect(stderr).toMatch(/position 12345 was reached; the guest has not powered off\. CPU 0 is at 0x\w+ <loop_for_ever/);
  });

  it('with --check stops at the first rule of KAISER that is broken, and tells which', async () => {
    const line = (text: string): string[] => ['--line', text];
    const broken = await runCli('run', '--append', 'kaiser_design=naive', ...line('spin &'), ...line('toggle 10'), '--check', 'entries', '--rules', 'P5');
    expect(broken).toMatchObject({ code: 3, stderr: expect.stringMatching(/^kaiserscope: P5, at position \d+: CPU 1 runs kernel code at 0x\w+ \(\w+\) on the shadow half\.\nThe rule: Kernel code/) as string });
    const judged = await runCli('run', '--append', 'kaiser_design=naive', ...line('spin &'), ...line('toggle 10'), '--check', 'entries', '--rules', 'P20', '--json');
    expect({ code: judged.code, stop: JSON.parse(judged.stdout) as unknown }).toMatchObject({ code: 3, stop: { stop: 'exception', message: expect.stringContaining('(H1, P20)') as string } });
    const whole = await runCli('run', ...line('storm 3'), ...line('poweroff 7'), '--check', 'entries', '--json');
    expect({ code: whole.code, stop: JSON.parse(whole.stdout) as unknown }).toMatchObject({ code: 7, stop: { stop: 'exit' } });
  });

  it.each([
    [['--check', 'exits'], /--check is "exits": write entries or instructions/],
    [['--check', 'entries', '--rules', 'P99'], /--rules: In "P99": there is no predicate P99; there are P1 to P24/],
    [['--rules', 'P5'], /--rules "P5" says which rules are checked, but nothing is: add --check entries/],
    [[buildTiny(), '--check', 'entries'], /--check entries: .* has no symbol kaiserscope_abi/],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await runCli('run', ...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('an unknown design is the kernel\'s own panic, with its code', async () => {
    const { code, stdout, stderr } = await runCli('run', '--append', 'kaiser_design=quick');
    expect(code).toBe(99);
    expect(stdout).toMatch(/panic.*quick.*(naive|stop_machine)/s);
    expect(stderr).toContain('kernel panic; the console says why');
  });
});

describe('tables', () => {
  it('prints both halves at the shell, the shadow one without the kernel', async () => {
    const { code, stdout, stderr } = await runCli('tables', '--cpus', '1');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [kernel, shadow] = stdout.split(/(?=^Shadow half)/m);
    expect(kernel).toMatch(/^Kernel half · root 0x\w+ · tasks sh/);
    expect(kernel).toContain('---[ Direct map of physical memory ]---');
    expect(kernel).toContain('poison');
    expect(shadow).toContain('---[ cpu_entry_area ]---');
    expect(shadow).not.toContain('Direct map');
    expect((await runCli('tables', '--cpus', '1', '--half', 'shadow')).stdout).toBe(shadow);
  });
  it('says when the place was not reached, or does not exist', async () => {
    expect(await runCli('tables', '--at', 'entry_machine_check', '--max-instructions', '5000000')).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining('entry_machine_check was not reached. Position 5000000 came first.') as string });
    expect(await runCli('tables', '--at', 'entry_sycall64')).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean entry_syscall64') as string });
    expect(await runCli('tables', buildTiny(), '--at', 'greet', '--half', 'shadow')).toMatchObject({ code: 2, stderr: expect.stringContaining('has no shadow') as string });
  });
});

describe('disasm', () => {
  it('prints a function with symbols and source lines', async () => {
    const { code, stdout } = await runCli('disasm', 'entry_syscall64');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^entry_syscall64:\n +[0-9a-f]{16} +0f 01 f8 +swapgs +# guest\/entry\/syscall\.S:\d+\n/);
    expect(stdout).toMatch(/entry_syscall64_cr3:\n.*mov %rsp, %cr3/);
    expect(stdout).toMatch(/call 0x\w+ <do_syscall>/);
  });
  it('prints as many instructions as asked for', async () => {
    const { stdout } = await runCli('disasm', 'entry_syscall64', '3');
    expect(stdout.split('\n').filter(line => line.startsWith('  '))).toHaveLength(3);
  });
  it.each([
    [['nothing_here'], /no symbol "nothing_here"/], [['entry_sycall64'], /Did you mean entry_syscall64/], [['0x123'], /0x123 is not in the built-in kernel: no segment/], [['a b'], /neither a symbol nor an address/],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await runCli('disasm', ...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
