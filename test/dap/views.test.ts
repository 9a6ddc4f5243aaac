import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DapClient, repository } from './dapClient.js';

/** The custom requests against the built-in kernel, stopped at the shell's first prompt. */
let client: DapClient;
let space: { id: string; kernelRoot: string; shadowRoot: string; tasks: string[] };
beforeAll(async () => {
  client = new DapClient();
  await client.launch({ stopAt: 'kaiser_shell_ready' });
  await client.stopped();
  ({ spaces: [space] } = await client.request<{ spaces: [typeof space] }>('kaiserscope/addressSpaces'));
});
afterAll(() => client.end());

interface Range { start: string; end: string; rights: string; where: string; user: boolean; poison?: string; description: string }
interface Row { label: string; kind: string; start: string; end: string; childTable?: string; childLevel?: number; description: string; tooltip?: string }

it('CPUs come with CR3 decoded and their task', async () => {
  const { cpus, position } = await client.request<{ cpus: Record<string, unknown>[]; position: string }>('kaiserscope/cpus');
  expect(position).toMatch(/^\d+$/);
  expect(cpus).toHaveLength(2);
  const running = cpus.find(cpu => cpu['symbol'] === 'kaiser_shell_ready')!;
  expect(running).toMatchObject({ state: 'running', mode: 'long', cpl: 0, half: 'kernel', pagingOn: true, task: { pid: 1, name: 'sh' }, root: space.kernelRoot });
  expect(running['threadId']).toBe(running['index'] as number + 1);
});

it('an address space is a pair of tables with the tasks that use it', () => {
  expect(space.tasks).toEqual(['sh (1)']);
  expect(BigInt(space.shadowRoot)).toBe(BigInt(space.kernelRoot) + 0x1000n);
  expect(space.id).toBe(space.kernelRoot);
});

it('ranges compare the halves: the direct map is the kernel\'s alone, user text is poisoned in its half', async () => {
  const { ranges } = await client.request<{ ranges: Range[] }>('kaiserscope/ranges', { root: space.kernelRoot, other: space.shadowRoot });
  expect(ranges.find(range => range.start === '0xffff888000000000')).toMatchObject({ where: 'kernel', rights: 'rw-', user: false });
  expect(ranges.find(range => range.start === '0x400000')).toMatchObject({ where: 'differs', user: true, poison: 'NX in the PML4E' });
  expect(ranges.filter(range => range.description.startsWith('cpu_entry_area')).every(range => range.where === 'both')).toBe(true);
  const { ranges: alone } = await client.request<{ ranges: Range[] }>('kaiserscope/ranges', { root: space.shadowRoot });
  expect(alone.length).toBe(ranges.filter(range => range.where !== 'kernel').length);
});

it('levels open table by table down to pages', async () => {
  let at: { root: string; table?: string; level?: number; base?: string } = { root: space.kernelRoot };
  let row: Row | undefined;
  for (const level of [4, 3, 2, 1]) {
    const { rows } = await client.request<{ rows: Row[] }>('kaiserscope/levels', at);
    expect(BigInt(rows[0]!.start)).toBe(BigInt(at.base ?? 0));
    for (let i = 1; i < rows.length; i++) if (rows[i]!.start !== '0xffff800000000000') expect(rows[i]!.start).toBe(rows[i - 1]!.end);
    row = rows.find(one => BigInt(one.start) <= 0x400000n && BigInt(one.end) > 0x400000n)!;
    expect(row.kind).toBe(level === 1 ? 'page' : 'table');
    if (row.childTable) at = { root: space.kernelRoot, table: row.childTable, level: row.childLevel!, base: row.start };
  }
  expect(row!.tooltip).toContain('| U/S (2) |');
});

it('tables are rendered as text with their half named', async () => {
  const text = async (root: string): Promise<string> => (await client.request<{ text: string }>('kaiserscope/tableText', { root })).text;
  expect(await text('kernel')).toMatch(/^Kernel half · root 0x\w+ · tasks sh · live on CPU \d as PCID 0x\w+\n/);
  expect(await text(space.shadowRoot)).toMatch(/^Shadow half · root/);
  expect(await text('shadow')).not.toContain('Direct map');
});

describe('a walk', () => {
  const walk = (args: object): Promise<{ text: string; mapped: boolean; steps: unknown[]; address: string }> => client.request('kaiserscope/walk', args);
  it('goes from either half, to the address of any expression', async () => {
    expect(await walk({ address: 'kaiser_shell_ready' })).toMatchObject({ mapped: true, text: expect.stringContaining('kaiser_shell_ready\n') as string });
    expect(await walk({ address: 'kaiser_shell_ready', root: 'shadow' })).toMatchObject({ mapped: false, text: expect.stringContaining('not present') as string });
    expect((await walk({ address: 'rsp + 8', root: space.kernelRoot })).steps.length).toBeGreaterThan(1);
  });
  it('says what is wrong with its input', async () => {
    await expect(walk({ address: 'kaiser_shell_redy' })).rejects.toThrow('Did you mean kaiser_shell_ready?');
    await expect(walk({})).rejects.toThrow('nothing to evaluate');
    await expect(walk({ address: '0', root: '0xffffffffffff' })).rejects.toThrow('is no page table');
    await expect(walk({ address: '0', cpu: 7 })).rejects.toThrow('There is no CPU 7; the machine has CPUs 0 to 1');
  });
});

it('entry points are listed, with hits where a breakpoint is', async () => {
  await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'entry_nmi' }] });
  const { points } = await client.request<{ points: { symbol: string; kind: string; path: string; asks?: string; hits?: number }[] }>('kaiserscope/entryPoints');
  expect(points.find(point => point.symbol === 'entry_syscall64')).toMatchObject({ path: 'syscall64', kind: 'entry' });
  expect(points.find(point => point.symbol === 'entry_syscall64_cr3')).toMatchObject({ kind: 'cr3', asks: 'flag' });
  expect(points.find(point => point.symbol === 'exit_sysret')).toMatchObject({ kind: 'exit' });
  expect(points.filter(point => point.hits !== undefined)).toMatchObject([{ symbol: 'entry_nmi', hits: 0 }]);
});

it('an NMI enters by its own path, and is counted', async () => {
  await client.request('kaiserscope/injectNmi', { cpu: 1 });
  expect(await client.go()).toMatchObject({ reason: 'breakpoint', threadId: 2, description: 'Paused on entry_nmi' });
  const { points } = await client.request<{ points: { symbol: string; hits?: number }[] }>('kaiserscope/entryPoints');
  expect(points.find(point => point.symbol === 'entry_nmi')!.hits).toBe(1);
  await client.request('setFunctionBreakpoints', { breakpoints: [] });
  await expect(client.request('kaiserscope/injectNmi', { cpu: 2 })).rejects.toThrow('There is no CPU 2');
});

it('a held CPU gets no turns, says so, and can be stepped by single instructions', async () => {
  const rip = async () => (await client.request<{ cpus: { rip: string; held: boolean }[] }>('kaiserscope/cpus')).cpus[1]!;
  expect(await client.request('kaiserscope/holdCpu', { cpu: 1 })).toEqual({ cpu: 1, held: true });
  const before = await rip();
  expect(before.held).toBe(true);
  const { threads } = await client.request<{ threads: { name: string }[] }>('threads');
  expect(threads[1]!.name).toMatch(/^CPU 1 · held · /);
  await client.request('continue', { threadId: 1 });
  await new Promise(resolve => setTimeout(resolve, 50));
  await client.request('pause', { threadId: 1 });
  await client.stopped();
  expect((await rip()).rip).toBe(before.rip);
  await client.request('stepOut', { threadId: 2 });
  expect(await client.event<{ output: string }>('output', body => body.output.includes('step'))).toMatchObject({ output: 'CPU 1 is held and gets no turns: release it, or step single instructions.\n' });
  await client.stopped();
  await client.request('stepIn', { threadId: 2, granularity: 'instruction' });
  await client.stopped();
  expect((await rip()).rip).not.toBe(before.rip);
  expect(await client.request('kaiserscope/holdCpu', { cpu: 1, held: false })).toEqual({ cpu: 1, held: false });
  expect((await rip()).held).toBe(false);
  await expect(client.request('kaiserscope/holdCpu', { cpu: 1, held: 'yes' })).rejects.toThrow('"held" is "yes": true holds the CPU, false releases it.');
});

it('the kernel\'s sources are listed', async () => {
  const { sources } = await client.request<{ sources: { name: string; path: string }[] }>('loadedSources');
  const names = sources.map(source => source.path.slice(repository.length + 1));
  expect(names).toEqual(expect.arrayContaining(['guest/entry/syscall.S', 'guest/user/shell.c']));
  expect(new Set(names).size).toBe(names.length);
});

it('the shell is toggled and typed to while it runs', async () => {
  await client.request('continue', { threadId: 1 });
  await client.printed('$ ');
  expect(await client.request('kaiserscope/toggle')).toEqual({ typed: 'echo 0 > /sys/kernel/debug/x86/kaiser-enabled' });
  await client.printed('kaiser-enabled\n$ ');
  expect(await client.request('kaiserscope/kaiser')).toMatchObject({ available: true, design: 'stop_machine', enabled: 0, flag: 0, history: [{ from: 1, to: 0, how: 'guest' }] });
  expect(await client.request('kaiserscope/consoleInput', { text: 'echo hello there\n' })).toEqual({ length: 17 });
  await client.printed('\nhello there\n');
  expect(await client.evaluate('echo from the debug console', 'repl')).toBe('');
  await client.printed('\nfrom the debug console\n');
  await client.request('pause', { threadId: 2 });
  expect((await client.stopped()).threadId).toBe(2);
  await expect(client.request('kaiserscope/toggle', { to: 2 })).rejects.toThrow('to 0 or 1, not to 2');
  await expect(client.request('kaiserscope/pokeFlag', {})).rejects.toThrow('0 or 1');
  await expect(client.request('kaiserscope/consoleInput', {})).rejects.toThrow('no text to type');
});

it('a CPU that the guest has taken out of use is off-line', async () => {
  const own = new DapClient();
  await own.launch({ script: ['echo 1 > /sys/kernel/debug/cpus-online'], stopAt: 'kaiser_shell_ready' });
  await own.stopped();
  const offline = async () => (await own.request<{ cpus: { offline: boolean }[] }>('kaiserscope/cpus')).cpus.map(cpu => cpu.offline);
  expect(await offline()).toEqual([false, false]);
  await own.request('continue', { threadId: 1 });
  for (let asked = 0; asked < 100 && !(await offline())[1]; asked++) await new Promise(resolve => setTimeout(resolve, 50));
  await own.request('pause', { threadId: 1 });
  await own.stopped();
  expect(await offline()).toEqual([false, true]);
  const { threads } = await own.request<{ threads: { name: string }[] }>('threads');
  expect(threads[1]!.name).toMatch(/^CPU 1 · off-line · /);
  await own.end();
});
