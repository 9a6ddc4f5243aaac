import { describe, expect, it } from 'vitest';
import { answerTo, boot } from './qemu.js';

describe.each([1, 2])('the guest kernel on %i CPUs', cpus => {
  // The shell is 1, the stopper tasks come next.
  const firstChild = cpus + 2;

  it('boots to the shell and stops the machine with the code given to poweroff', async () => {
    const { output, exitCode } = await boot(['poweroff 42'], { cpus });
    expect(output).toBe([
      'Kaiserscope guest kernel', `smp: ${cpus} CPU${cpus > 1 ? 's' : ''} online`, 'kaiser: on, design stop_machine',
      '$ poweroff 42', ''].join('\n'));
    expect(exitCode).toBe(42);
  });

  it('makes system calls, page faults and processes, and leaves none behind', async () => {
    const { output, exitCode } = await boot(['storm 20000', 'touch 500', 'forks 200', 'ps', 'poweroff'], { cpus });
    expect(answerTo(output, 'storm 20000')).toBe('storm: 20000 ok\n');
    expect(answerTo(output, 'touch 500')).toBe('touch: 500 ok\n');
    expect(answerTo(output, 'forks 200')).toBe('forks: 200 ok\n');
    const stoppers = Array.from({ length: cpus }, (_, cpu) => `    ${cpu + 2} S stop/${cpu}\n`).join('');
    expect(answerTo(output, 'ps')).toBe(`  PID S NAME\n    1 R sh\n${stoppers}`);
    expect(exitCode).toBe(0);
  });

  it('preempts a program that makes no system call, and kill ends it', async () => {
    const { output, exitCode } = await boot(['spin &', 'storm 1000', `kill ${firstChild}`, 'ps', `kill ${firstChild}`, 'poweroff'], { cpus });
    expect(answerTo(output, 'storm 1000')).toBe('storm: 1000 ok\n');
    expect(answerTo(output, 'ps')).not.toContain('spin');
    expect(output).toContain(`kill: ${firstChild}: no such process\n`);
    expect(exitCode).toBe(0);
  });

  it('ends all programs of a name, and has nothing of them left', async () => {
    const { output, exitCode } = await boot(['spin &', 'spin &', 'execs 20', 'kill spin', 'kill spin', 'kill sh', 'ps', 'poweroff'], { cpus });
    expect(answerTo(output, 'execs 20')).toBe('execs: 20 ok\n');
    expect(output).toContain('$ kill spin\n$ kill spin\nkill: spin: no such process\n$ kill sh\nkill: sh: no such process\n');
    expect(answerTo(output, 'ps')).not.toContain('spin');
    expect(exitCode).toBe(0);
  });

  it('ends a program that raises an exception, says why, and goes on', async () => {
    const { output, exitCode } = await boot(['fault kernel', 'fault divide', 'fault opcode', 'fault privileged', 'fault int3', 'fault step',
      'storm 10', 'poweroff'], { cpus });
    expect(answerTo(output, 'fault kernel')).toMatch(/^sh: \d+ fault: segmentation fault at rip=0x4[0-9a-f]{5} cr2=0xffffffff80100000 err=0x4\n$/);
    expect(answerTo(output, 'fault divide')).toMatch(/^sh: \d+ fault: divide error at rip=0x4[0-9a-f]{5}\n$/);
    expect(answerTo(output, 'fault opcode')).toMatch(/: invalid opcode at /);
    expect(answerTo(output, 'fault privileged')).toMatch(/: general protection fault at rip=0x4[0-9a-f]{5} err=0x0\n$/);
    expect(answerTo(output, 'fault int3')).toMatch(/: breakpoint at /);
    expect(answerTo(output, 'fault step')).toMatch(/: debug trap at /);
    expect(answerTo(output, 'storm 10')).toBe('storm: 10 ok\n');
    expect(exitCode).toBe(0);
  });
});

describe('the shell', () => {
  it('lists its commands, to the last', async () => {
    const { output } = await boot(['help', 'poweroff'], { cpus: 1 });
    expect(answerTo(output, 'help')).toMatch(/^ps {17}lists the processes\n[^]*page_tables\/\{kernel,current_kernel,current_user\}\n$/);
  });

  it('says what is wrong with a command that it cannot run', async () => {
    const { output } = await boot(['nothing', 'a-program-with-a-very-long-name', 'cat /nowhere', 'echo a >', 'storm', 'storm x', 'kill', 'poweroff x', 'poweroff 1'], { cpus: 1 });
    expect(answerTo(output, 'nothing')).toBe('sh: nothing: not found\n');
    expect(answerTo(output, 'a-program-with-a-very-long-name')).toBe('sh: a-program-with-a-very-long-name: not found\n');
    expect(answerTo(output, 'cat /nowhere')).toBe('cat: /nowhere: no such file\n');
    expect(answerTo(output, 'echo a >')).toBe('sh: > needs a file name\n');
    expect(answerTo(output, 'storm')).toBe('storm: usage: storm NUMBER\n');
    expect(answerTo(output, 'storm x')).toBe('storm: usage: storm NUMBER\n');
    expect(answerTo(output, 'kill')).toBe('kill: usage: kill PID, or kill NAME\n');
    expect(answerTo(output, 'poweroff x')).toBe('poweroff: usage: poweroff [CODE]\n');
  });

  it('lets the line be corrected with backspace', async () => {
    const { output, exitCode } = await boot(['echo ab\bc', 'poweroff'], { cpus: 1 });
    expect(output).toContain('$ echo ab\b \bc\nac\n');
    expect(exitCode).toBe(0);
  });

  it('takes typed-ahead lines one by one, each echoed where it is used', async () => {
    const { output, exitCode } = await boot(['storm 100\necho one\npoweroff 7'], { cpus: 2 });
    expect(output).toContain('$ storm 100\nstorm: 100 ok\n$ echo one\none\n$ poweroff 7\n');
    expect(exitCode).toBe(7);
  });
});
