import type { DebugProtocol } from '@vscode/debugprotocol';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildTiny, markedLine, tinySource } from '../fixtures/tiny.js';
import { DapClient } from './dapClient.js';

type Breakpoints = { breakpoints: DebugProtocol.Breakpoint[] };

let program: string;
let client: DapClient;
beforeAll(() => { program = buildTiny(); });
beforeEach(() => { client = new DapClient(); });
afterEach(() => client.end());

const launch = (args: object = {}, configure?: () => Promise<unknown>): Promise<void> => client.launch({ program, cpus: 1, stopOnEntry: true, ...args }, configure);
const breakOn = (...names: (string | object)[]): Promise<Breakpoints> =>
  client.request('setFunctionBreakpoints', { breakpoints: names.map(name => (typeof name === 'string' ? { name } : name)) });
const step = async (command: string, granularity = 'statement'): Promise<string> => {
  await client.request(command, { threadId: 1, granularity });
  expect((await client.stopped()).reason).toBe('step');
  const { name, line } = await client.top();
  return `${name}:${line}`;
};

describe('launch', () => {
  it('stops on entry, in the source, with threads named by their state', async () => {
    await launch();
    expect(await client.stopped()).toMatchObject({ reason: 'entry', threadId: 1, allThreadsStopped: true });
    expect(await client.top()).toMatchObject({ name: 'start', source: { name: 'tiny.S', path: tinySource } });
    expect(await client.request('threads')).toEqual({ threads: [{ id: 1, name: 'CPU 0 · protected mode' }] });
  });

  it('stops at stopAt', async () => {
    await launch({ stopOnEntry: false, stopAt: 'greet' });
    expect(await client.stopped()).toMatchObject({ reason: 'breakpoint' });
    expect((await client.top()).name).toBe('greet');
  });

  it.each([
    [{ program: '/no/such/kernel' }, /\/no\/such\/kernel cannot be read: it does not exist/],
    [{ program: tinySource }, /tiny\.S is not an ELF file/],
    [{ cpus: 9 }, /"cpus" is 9: it must be from 1 to 8/],
    [{ cpu: 2 }, /no launch attribute "cpu"\. Did you mean "cpus"/],
    [{ stopAt: 'greed' }, /stopAt: there is no symbol "greed" in tiny\.elf\. Did you mean greet/],
    [{ stopAt: '0xzz' }, /stopAt: "0xzz" is neither a symbol nor an address/],
    [{ append: 'x'.repeat(5000) }, /command line/],
  ])('refuses %.60j with a message, and can be launched again', async (args, message) => {
    await client.request('initialize', { adapterID: 'kaiserscope', pathFormat: 'path' });
    await expect(client.request('launch', { program, ...args })).rejects.toThrow(message);
    await launch();
    await client.stopped();
  });

  it('prints the guest\'s console and ends with its power-off', async () => {
    await launch({ stopOnEntry: false });
    expect(await client.event('exited')).toEqual({ exitCode: 0 });
    await client.event('terminated');
    expect(client.console).toBe('hello from a tiny guest\n');
  });

  it('restarts', async () => {
    await launch({}, () => breakOn('greet'));
    await client.stopped();
    expect((await client.go()).reason).toBe('breakpoint');
    await client.request('restart');
    expect((await client.stopped()).reason).toBe('entry');
    expect(await client.evaluate('position')).toBe('0');
    expect((await client.go()).reason).toBe('breakpoint');
  });
});

describe('breakpoints', () => {
  it('on a source line stop there; a line without code moves to the next one that has', async () => {
    await launch();
    await client.stopped();
    const call = markedLine('call');
    const { breakpoints } = await client.request<Breakpoints>('setBreakpoints', { source: { path: tinySource }, breakpoints: [{ line: call }, { line: 1 }] });
    expect(breakpoints).toMatchObject([{ verified: true, line: call }, { verified: true }]);
    expect(breakpoints[1]!.line).toBeGreaterThan(1);
    expect(await client.go()).toMatchObject({ reason: 'breakpoint', hitBreakpointIds: [breakpoints[1]!.id] });
    expect(await client.go()).toMatchObject({ reason: 'breakpoint', hitBreakpointIds: [breakpoints[0]!.id] });
    expect((await client.top()).line).toBe(call);
  });

  it('where no code is say so', async () => {
    await launch();
    await client.stopped();
    const at = (path: string, line: number): Promise<Breakpoints> => client.request('setBreakpoints', { source: { path }, breakpoints: [{ line }] });
    expect((await at(tinySource, 10_000)).breakpoints).toMatchObject([{ verified: false, message: 'There is no code at line 10000 of tiny.S or after it.' }]);
    expect((await at('/elsewhere/other.c', 3)).breakpoints[0]).toMatchObject({ verified: false, message: expect.stringContaining('No code of other.c is in tiny.elf') as string });
    expect((await breakOn('greeet')).breakpoints[0]).toMatchObject({ verified: false, message: expect.stringContaining('Did you mean greet') as string });
    const { breakpoints } = await client.request<Breakpoints>('setInstructionBreakpoints', { breakpoints: [{ instructionReference: '0xffffffff12345678' }] });
    expect(breakpoints[0]).toMatchObject({ verified: false, message: expect.stringContaining('does not translate') as string });
  });

  it('take conditions, and refuse wrong ones when they are set', async () => {
    await launch();
    await client.stopped();
    expect((await breakOn({ name: 'count', condition: 'ecx == 4' }, { name: 'count', condition: 'ecz == 4' })).breakpoints).toMatchObject([
      { verified: true }, { verified: false, message: expect.stringContaining('"ecz" is neither a register') as string }]);
    await client.go();
    expect(await client.evaluate('ecx')).toBe('4');
  });

  it('take hit counts', async () => {
    await launch({}, () => breakOn({ name: 'count', hitCondition: '%4' }));
    await client.stopped();
    await client.go();
    expect(await client.evaluate('ecx')).toBe('3');
    await client.go();
    expect(await client.evaluate('ecx')).toBe('7');
  });

  it('log instead of stopping', async () => {
    await launch();
    await client.stopped();
    await client.request('setBreakpoints', { source: { path: tinySource }, breakpoints: [{ line: markedLine('count'), logMessage: 'ecx is {ecx}{{}}', condition: 'ecx >= 8' }] });
    await client.request('continue', { threadId: 1 });
    await client.event('terminated');
    const logged = client.events.filter(event => event.event === 'output' && (event.body as { output: string }).output.startsWith('ecx is'));
    expect(logged.map(event => (event.body as { output: string }).output)).toEqual(['ecx is 8{}\n', 'ecx is 9{}\n']);
  });

  it('whose condition fails stop, and tell it once', async () => {
    await launch({}, () => breakOn({ name: 'count', condition: 'u32(0xffff0000) == 1' }));
    await client.stopped();
    expect((await client.go()).reason).toBe('breakpoint');
    expect((await client.go()).reason).toBe('breakpoint');
    const told = client.events.filter(event => event.event === 'output' && (event.body as { output: string }).output.includes('does not translate'));
    expect(told).toHaveLength(1);
  });

  describe('on data', () => {
    const info = (args: object): Promise<DebugProtocol.DataBreakpointInfoResponse['body']> => client.request('dataBreakpointInfo', args);
    const watch = (...breakpoints: object[]): Promise<Breakpoints> => client.request('setDataBreakpoints', { breakpoints });

    it('stop behind the instruction that reads or writes, in every run and step, and go away', async () => {
      await launch({ stopOnEntry: false, stopAt: 'greet' });
      await client.stopped();
      const { dataId, ...rest } = await info({ name: 'u8(message + 2)' });
      expect(rest).toEqual({ description: expect.stringMatching(/^1 byte at 0x[0-9a-f]+ <message\+0x2>$/) as string, accessTypes: ['write', 'read', 'readWrite'], canPersist: true });
      const { breakpoints } = await watch({ dataId, accessType: 'read' });
      expect(breakpoints).toMatchObject([{ verified: true }]);
      const stop = await client.go();
      expect(stop).toMatchObject({ reason: 'data breakpoint', hitBreakpointIds: [breakpoints[0]!.id] });
      expect(stop.text).toMatch(/^CPU 0 has read 1 byte at 0x[0-9a-f]+ <message\+0x2>: 0x6c\nIts next instruction is at 0x[0-9a-f]+ <greet/);
      await watch({ dataId: (await info({ name: 'message', bytes: 10 })).dataId, accessType: 'readWrite' });
      await client.request('stepIn', { threadId: 1, granularity: 'instruction' });
      expect((await client.stopped()).reason).toBe('step');
      for (let n = 0; n < 6; n++) {
        await client.request('next', { threadId: 1, granularity: 'instruction' });
        if ((await client.stopped()).reason === 'data breakpoint') break;
      }
      expect(await client.evaluate('al')).toBe('0x6c (108)');
      await watch();
      await client.request('continue', { threadId: 1 });
      await client.event('terminated');
    });

    it('take conditions and hit counts, by which most accesses do not stop', async () => {
      await launch({ stopOnEntry: false, stopAt: 'greet' });
      await client.stopped();
      const { dataId } = await info({ name: 'message', bytes: 25 });
      await watch({ dataId, accessType: 'readWrite', condition: 'al == 0x66' });
      expect((await client.go()).text).toMatch(/<message\+0x6>: 0x66/);
      await watch({ dataId, accessType: 'read', hitCondition: '%3' });
      const first = (await client.go()).text!, second = (await client.go()).text!;
      const offset = (text: string): number => Number(/<message\+(0x[0-9a-f]+)>/.exec(text)![1]);
      expect(offset(second) - offset(first)).toBe(3);
    });

    it('are made for what a register points to, and say why there can be none', async () => {
      await launch({ stopOnEntry: false, stopAt: 'greet' });
      await client.stopped();
      const { id } = await client.top();
      const { scopes } = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId: id });
      const { variablesReference } = scopes[0]!;
      expect((await info({ variablesReference, name: 'rsp' })).description).toMatch(/^8 bytes at 0x/);
      expect(await info({ variablesReference, name: 'rflags' })).toEqual({ dataId: null, description: expect.stringContaining('Registers cannot be watched') as string });
      expect((await info({ name: 'counter' })).description).toMatch(/^4 bytes at .* <counter>$/);
      expect((await info({ name: '0x1000', asAddress: true, bytes: 3 })).dataId).toBe('0x1000/3');
      expect((await info({ name: 'cuonter' })).description).toContain('Did you mean counter?');
      expect((await info({ name: 'counter', bytes: 0 })).description).toBe('0 bytes cannot be watched: give 1 to 1048576.');
      expect((await info({ name: '0xfffffffffffffffc' })).description).toContain('beyond the last address');
      expect((await watch({ dataId: 'counter' }, { dataId: '0x1000/4', condition: 'rxa' })).breakpoints).toMatchObject([
        { verified: false, message: expect.stringContaining('no data id') as string }, { verified: false, message: expect.stringContaining('Did you mean rax?') as string }]);
    });
  });

  it('tell which lines have code', async () => {
    await launch();
    await client.stopped();
    const { breakpoints } = await client.request<{ breakpoints: { line: number }[] }>('breakpointLocations', { source: { path: tinySource }, line: markedLine('count') - 1, endLine: markedLine('call') });
    expect(breakpoints.map(one => one.line)).toEqual([0, 1, 2, 3].map(offset => markedLine('count') + offset));
  });
});

describe('steps', () => {
  it('by line go over calls, into them, and out of them', async () => {
    await launch({}, () => client.request('setBreakpoints', { source: { path: tinySource }, breakpoints: [{ line: markedLine('call') }] }));
    await client.stopped();
    await client.go();
    expect(await step('stepIn')).toMatch(/^greet:/);
    expect(await step('stepOut')).toBe(`count:${markedLine('after call')}`);
    await client.request('restart');
    await client.stopped();
    await client.go();
    expect(await step('next')).toBe(`count:${markedLine('after call')}`);
    expect(client.console).toBe('hello from a tiny guest\n'.repeat(2));
  });

  it('by instruction run one, or a whole call', async () => {
    await launch({}, () => client.request('setBreakpoints', { source: { path: tinySource }, breakpoints: [{ line: markedLine('call') }] }));
    await client.stopped();
    await client.go();
    const before = await client.evaluate('position');
    expect(await step('stepIn', 'instruction')).toMatch(/^greet:/);
    expect(BigInt((await client.evaluate('position')).split(' ')[0]!) - BigInt(before.split(' ')[0]!)).toBe(1n);
    await client.request('restart');
    await client.stopped();
    await client.go();
    expect(await step('next', 'instruction')).toBe(`count:${markedLine('after call')}`);
  });

  it('out of a place without a caller say so and leave the session usable', async () => {
    await launch();
    await client.stopped();
    await client.request('stepOut', { threadId: 1 });
    expect(await client.event<{ output: string; category: string }>('output', body => body.category === 'important')).toMatchObject({ output: expect.stringContaining('no caller') as string });
    await client.stopped();
    expect(await step('next')).toMatch(/^start:/);
  });
});

describe('running', () => {
  it('refuses what needs a stopped machine with notStopped, and pauses', async () => {
    await launch({ append: 'l', stopOnEntry: false });
    await client.printed('tiny guest');
    for (const [command, args] of [['stackTrace', { threadId: 1 }], ['continue', { threadId: 1 }], ['next', { threadId: 1 }], ['readMemory', { memoryReference: '0x0', count: 1 }],
      ['evaluate', { expression: 'rax', context: 'watch' }], ['kaiserscope/pokeFlag', { value: 1 }]] as const) {
      await expect(client.request(command, args)).rejects.toThrow('notStopped');
    }
    expect(await client.request('threads')).toEqual({ threads: [{ id: 1, name: 'CPU 0' }] });
    await client.request('pause', { threadId: 1 });
    expect(await client.stopped()).toMatchObject({ reason: 'pause', threadId: 1 });
    expect((await client.top()).name).toBe('loop_for_ever');
    await expect(client.request('pause', { threadId: 1 })).rejects.toThrow('stopped already');
  });

  it('can be terminated', async () => {
    await launch({ append: 'l', stopOnEntry: false });
    await client.printed('tiny guest');
    await client.request('terminate');
    await client.event('terminated');
  });

  it('can be disconnected from', async () => {
    await launch({ append: 'l', stopOnEntry: false });
    await client.printed('tiny guest');
  });

  it('a new breakpoint takes effect at once', async () => {
    await launch({ append: 'l', stopOnEntry: false });
    await client.printed('tiny guest');
    await breakOn('loop_for_ever');
    expect(await client.stopped()).toMatchObject({ reason: 'breakpoint' });
  });
});

describe('the end of a machine', () => {
  it.each([
    ['t', 'Triple fault', /CPU 0 shut down \(triple fault\) at position \d+: #UD at 0x\w+ <triple_fault\+0x8>, then #GP/],
    ['h', 'Dead halt', /CPU 0 is halted at 0x\w+ with interrupts off/],
    ['u', 'Not implemented', /does not have, at 0x\w+ <unknown_port\+0x4>.*0x300/],
    ['s', 'Spinning on exceptions', /CPU 0 spins: its last 2000 exceptions were only 1 different one \(#UD at 0x\w+ <again>\)/],
    ['c', 'The guest powered off with code 5', /powered off with code 5 at position/],
  ])('%s is told in words, and the state can be looked at', async (letter, title, text) => {
    await launch({ append: letter, stopOnEntry: false });
    const stopped = await client.stopped();
    expect(stopped).toMatchObject({ reason: 'exception', description: title });
    expect(stopped.text).toMatch(text);
    const printed = client.events.map(event => event.body as { output: string; category: string }).find(body => body.category === 'important');
    expect(printed!.output).toMatch(/restart the session/i);
    const info = await client.request<DebugProtocol.ExceptionInfoResponse['body']>('exceptionInfo', { threadId: 1 });
    expect(info.description).toBe(stopped.text);
    expect((await client.top()).instructionPointerReference).toMatch(/^0x/);
    expect(await client.evaluate('counter')).toMatch(/ = 0x/);
    await client.request('restart');
    expect((await client.stopped()).description).toBe(title);
  });

  it('with the triple-fault filter off ends the session', async () => {
    await launch({ append: 't', stopOnEntry: false }, () => client.request('setExceptionBreakpoints', { filters: [] }));
    expect(await client.event('exited')).toEqual({ exitCode: 1 });
  });
});

describe('state', () => {
  it('registers are shown and set, with a message for what cannot be', async () => {
    await launch();
    await client.stopped();
    const { id } = await client.top();
    const { scopes } = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId: id });
    expect(scopes.map(scope => scope.name)).toEqual(['Registers', 'Control Registers', 'Segments', 'MSRs', 'Debug Registers']);
    const variables = async (reference: number): Promise<DebugProtocol.Variable[]> =>
      (await client.request<DebugProtocol.VariablesResponse['body']>('variables', { variablesReference: reference })).variables;
    const set = (reference: number, name: string, value: string): Promise<{ value: string }> => client.request('setVariable', { variablesReference: reference, name, value });
    const registers = scopes[0]!.variablesReference;
    expect((await variables(registers)).find(one => one.name === 'rbx')!.value).toBe('0x0000000000009000');
    expect((await set(registers, 'rax', 'rbx + 1')).value).toBe('0x0000000000009001');
    expect(await client.event('invalidated')).toEqual({ areas: ['variables', 'stacks'] });
    await expect(set(registers, 'rip', '1 << 50')).rejects.toThrow('not canonical');
    await expect(set(registers, 'rax', 'nonsense')).rejects.toThrow('"nonsense" is neither');
    const control = scopes[1]!.variablesReference;
    await expect(set(control, 'cr0', '0')).rejects.toThrow('cr0 cannot be written here');
    const cr3 = (await variables(control)).find(one => one.name === 'cr3')!;
    expect(cr3.value).toBe('0x0 (paging off)');
    expect((await variables(cr3.variablesReference)).map(one => one.name)).toEqual(['root', 'half', 'pcid']);
    await expect(set(cr3.variablesReference, 'root', '0')).rejects.toThrow('root cannot be set here');
  });

  it('expressions that name a register or memory are set', async () => {
    await launch();
    await client.stopped();
    const set = (expression: string, value: string): Promise<{ value: string }> => client.request('setExpression', { expression, value });
    expect(await set('ax', '0x1234')).toEqual({ value: '0x1234 (4660)' });
    expect(await set('u16(counter + 2)', 'ax + 1')).toEqual({ value: '0x1235 (4661)' });
    expect(await client.evaluate('u32(counter)')).toBe('0x12350000 (305463296)');
    await expect(set('rax + 1', '1')).rejects.toThrow('"rax + 1" cannot be set');
    await expect(set('counter', '1')).rejects.toThrow('There is no register "counter"');
    await expect(set('*0xffff0000', '1')).rejects.toThrow('0xffff0000 does not translate');
    expect(await client.evaluate('rbx', 'clipboard')).toBe('0x9000');
  });

  it('memory is read up to what does not translate, and written', async () => {
    await launch();
    await client.stopped();
    const read = (memoryReference: string, count: number, offset = 0): Promise<DebugProtocol.ReadMemoryResponse['body']> => client.request('readMemory', { memoryReference, count, offset });
    expect(await read('0x3ffffff', 4)).toEqual({ address: '0x3ffffff', data: 'AA==', unreadableBytes: 3 });
    expect(await read('0xffff0000', 4)).toEqual({ address: '0xffff0000', unreadableBytes: 4 });
    expect(await client.request('writeMemory', { memoryReference: '0x300000', offset: 4, data: btoa('hi') })).toMatchObject({ bytesWritten: 2 });
    expect(await client.event('memory')).toEqual({ memoryReference: '0x300000', offset: 4, count: 2 });
    expect(atob((await read('0x300004', 2))!.data!)).toBe('hi');
    await expect(client.request('writeMemory', { memoryReference: '0xffff0000', data: btoa('x') })).rejects.toThrow('Nothing was written: 0xffff0000');
    expect(await client.request('writeMemory', { memoryReference: '0x3ffffff', data: btoa('xy'), allowPartial: true })).toMatchObject({ bytesWritten: 1 });
    await expect(client.request('writeMemory', { memoryReference: '0x0', data: '***' })).rejects.toThrow('not base64');
    await expect(read('here', 1)).rejects.toThrow('"here" is not a memory reference');
  });

  it('disassembly has exactly as many rows as asked for, before and after', async () => {
    await launch({ stopOnEntry: false, stopAt: 'count' });
    await client.stopped();
    const address = (await client.evaluate('greet')).split(' ')[0]!;
    for (const [instructionOffset, instructionCount] of [[0, 5], [-3, 6], [-50, 100], [-10, 4], [200, 3]] as const) {
      const { instructions } = (await client.request<DebugProtocol.DisassembleResponse['body']>('disassemble', { memoryReference: address, instructionOffset, instructionCount }))!;
      expect(instructions).toHaveLength(instructionCount);
      const addresses = instructions.map(one => BigInt(one.address));
      expect([...addresses].sort((a, b) => (a < b ? -1 : 1))).toEqual(addresses);
      expect(new Set(addresses).size).toBe(instructionCount);
      if (instructionOffset <= 0 && -instructionOffset < instructionCount) expect(instructions[-instructionOffset]).toMatchObject({ address, symbol: 'greet', instruction: 'push %rbp' });
    }
  });

  it('expressions are evaluated, and hovering over nonsense is no alarm', async () => {
    await launch();
    await client.stopped();
    expect(await client.evaluate('ebx + 1')).toBe('0x9001 (36865)');
    expect(await client.evaluate('=cpl', 'repl')).toBe('0');
    expect(await client.evaluate('=help', 'repl')).toContain('A line that starts with = is an expression');
    expect(await client.evaluate('ps', 'repl')).toContain('The guest is stopped');
    await expect(client.evaluate('hello world', 'hover')).rejects.not.toHaveProperty('response.body.error.showUser');
    await expect(client.evaluate('=hello world', 'repl')).rejects.toMatchObject({ response: { body: { error: { showUser: true } } } });
  });

  it('completes names in expressions only', async () => {
    await launch();
    await client.stopped();
    const labels = async (text: string): Promise<string[]> =>
      (await client.request<DebugProtocol.CompletionsResponse['body']>('completions', { text, column: text.length + 1 })).targets.map(one => one.label);
    expect(await labels('=cr')).toEqual(expect.arrayContaining(['cr0', 'cr3', 'cr3.half']));
    expect(await labels('=1 + gre')).toEqual(['greet']);
    expect(await labels('gre')).toEqual([]);
  });
});

describe('a kernel without KAISER', () => {
  it('shows its tables without halves, and says why the rest is not there', async () => {
    await launch({ stopOnEntry: false, stopAt: 'count' });
    await client.stopped();
    expect(await client.evaluate('cr3.half')).toBe("'none'");
    expect(await client.request('kaiserscope/kaiser')).toEqual({ available: false, message: expect.stringContaining('tiny.elf has no symbol kaiserscope_abi') as string, history: [] });
    const { spaces } = await client.request<{ spaces: { kernelRoot: string; shadowRoot: null }[] }>('kaiserscope/addressSpaces');
    expect(spaces).toMatchObject([{ shadowRoot: null, tasks: [], cpus: [{ index: 0, half: 'none' }] }]);
    const { ranges } = await client.request<{ ranges: { start: string; size: string }[] }>('kaiserscope/ranges', { root: spaces[0]!.kernelRoot });
    expect(ranges).toMatchObject([{ start: '0x0', size: '1 GiB' }]);
    expect((await client.request<{ text: string }>('kaiserscope/tableText')).text).toMatch(/^Page table · root 0x/);
    await expect(client.request('kaiserscope/tableText', { root: 'shadow' })).rejects.toThrow(/has no shadow: tiny\.elf has no symbol kaiserscope_abi/);
    await expect(client.request('kaiserscope/toggle')).rejects.toThrow('KAISER cannot be switched: tiny.elf has no symbol');
    await expect(client.request('kaiserscope/pokeFlag', { value: 0 })).rejects.toThrow('The flag cannot be poked');
    expect(await client.request('kaiserscope/entryPoints')).toEqual({ points: [] });
  });
  it('has no tables before paging is on', async () => {
    await launch();
    await client.stopped();
    expect(await client.request('kaiserscope/addressSpaces')).toEqual({ spaces: [] });
    await expect(client.request('kaiserscope/tableText')).rejects.toThrow('CPU 0 has paging off');
    expect(await client.request('kaiserscope/cpus')).toMatchObject({ cpus: [{ half: 'none', pagingOn: false, mode: 'protected' }] });
  });
});

it('an unknown request is refused by name', async () => {
  await expect(client.request('kaiserscope/nothing')).rejects.toThrow('does not know the request "kaiserscope/nothing"');
});

it('requests before launch are refused', async () => {
  await expect(client.request('continue', { threadId: 1 })).rejects.toThrow('Nothing has been launched yet');
});
