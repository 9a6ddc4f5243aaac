import { allFeatures } from '../../src/machine/cpu/features.js';
import { describe, expect, it } from 'vitest';
import { validateLaunch } from '../../src/dap/launchArguments.js';
import { launchAttributes } from '../../src/dap/launchSchema.js';

it('fills in the defaults', () => {
  expect(validateLaunch({ type: 'kaiserscope', request: 'launch', name: 'x', __sessionId: '1' })).toEqual({
    program: undefined, sourceRoot: undefined, cpus: 2, memory: 64, append: '', modules: [], script: [], events: [], stopOnEntry: false, stopAt: undefined, checkInvariants: 'entries', quantum: 1000,
    schedule: { kind: 'round-robin', seed: 1 }, noDebug: false,
    seed: 1, scenario: undefined, cured: false, tlb: 'retain',
    cpuFeatures: { ...allFeatures },
  });
});

it('knows every attribute of the schema', () => {
  expect(Object.keys(validateLaunch({})).filter(name => name !== 'noDebug').sort()).toEqual(Object.keys(launchAttributes).sort());
});

it('takes what is given', () => {
  const args = validateLaunch({ cpus: 4, script: ['ps', 'wait'], schedule: { kind: 'random', seed: 9 }, cpuFeatures: { pcid: false }, noDebug: true });
  expect(args).toMatchObject({ cpus: 4, script: ['ps', 'wait'], schedule: { kind: 'random', seed: 9 }, noDebug: true });
  expect(args.cpuFeatures).toMatchObject({ pcid: false, smep: true });
  expect(validateLaunch({ script: 'ps\nwait\n' }).script).toEqual(['ps', 'wait']);
});

describe('what is wrong is told with the attribute, its value and what to do', () => {
  it.each([
    [{ cpuz: 2 }, /There is no launch attribute "cpuz"\. Did you mean "cpus"\? The attributes are program,/],
    [{ cpus: 9 }, /"cpus" is 9: it must be from 1 to 8\. The default is 2\./],
    [{ cpus: 0 }, /"cpus" is 0: it must be from 1 to 8/],
    [{ cpus: '2' }, /"cpus" is "2": it must be a number/],
    [{ cpus: 1.5 }, /"cpus" is 1\.5: it must be a whole number/],
    [{ memory: 1 }, /"memory" is 1: it must be from 32 to 1024/],
    [{ stopOnEntry: 'yes' }, /"stopOnEntry" is "yes": it must be true or false/],
    [{ program: 7 }, /"program" is 7: it must be a text\. Write for example/],
    [{ script: [1] }, /"script" is \[1\]: it must be a text or a list of texts\. Write for example \["ps"/],
    [{ schedule: 'random' }, /"schedule" is "random": it must be an object/],
    [{ schedule: {} }, /"schedule" is \{\}: it has no "kind"/],
    [{ schedule: { kind: 'randon' } }, /"schedule\.kind" is "randon": this value is unknown\. Did you mean "random"\?/],
    [{ schedule: { kind: 'random', sed: 1 } }, /no launch attribute "schedule\.sed"\. Did you mean "schedule\.seed"\?/],
    [{ tlb: 'greedy' }, /"tlb" is "greedy"/],
    [{ cpuFeatures: { pcid: 1 } }, /"cpuFeatures\.pcid" is 1: it must be true or false/],
    [{ events: { do: 'nmi' } }, /"events" is \{"do":"nmi"\}: it must be a list of objects\. Write for example \[\{"at"/],
    [{ events: [{ at: 'main' }] }, /"events\[0\]" is \{"at":"main"\}: it has no "do"/],
    [{ events: [{ do: 'nmi' }, { do: 'holt' }] }, /"events\[1\]\.do" is "holt": this value is unknown\. Did you mean "hold"\?/],
    [{ events: [{ do: 'nmi', cpus: 1 }] }, /no launch attribute "events\[0\]\.cpus"\. Did you mean "events\[0\]\.cpu"\?/],
    [{ events: [{ do: 'nmi', cpu: 8 }] }, /"events\[0\]\.cpu" is 8: it must be from 0 to 7\. Write for example 0\./],
    ['x', /launch arguments are "x"/],
  ])('%j', (args, message) => { expect(() => validateLaunch(args)).toThrow(message); });
});
