// Writes src/machine/translate/commonInstructions.ts: one example of every instruction form and encoding that the built-in kernel
// and its programs execute, from runs of scripts on the machine. To be run after the kernel or the instruction set has grown.
import { build } from 'esbuild';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './lib/run.mjs';

const outfile = path.join(root, '.cache/common/machine.mjs');
await build({
  stdin: {
    contents: `export { Machine } from './src/machine/machine.js'; export { loadKernel } from './src/machine/boot/loadKernel.js'; export { templateKey } from './src/machine/translate/templateModule.js'; export { locate } from './src/machine/translate/quickDecode.js';`,
    resolveDir: root, loader: 'ts',
  },
  outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20', external: ['iced-x86'],
});
const { Machine, loadKernel, locate, templateKey } = await import(pathToFileURL(outfile).href);
const kernel = readFileSync(path.join(root, 'dist/guest/kaiser.elf'));
const script = ['help', 'ps', 'echo hello', 'touch 40', 'forks 5', 'storm 200', 'cat /sys/kernel/debug/x86/kaiser-enabled', 'cat /sys/kernel/debug/page_tables/kernel',
  'echo 0 > /sys/kernel/debug/x86/kaiser-enabled', 'storm 50', 'echo 1 > /sys/kernel/debug/x86/kaiser-enabled', 'toggle 3', 'nosuch', 'spin &', 'ps', 'poweroff'];
/** `CodeMode`. */
const LONG = 1, CODE32 = 2, STACK32 = 4, REAL = 16;
/** Examples by mode, and by what decides their template and how they are decoded. */
const examples = new Map([LONG, CODE32 | STACK32, CODE32, 0, REAL].map(mode => [mode, new Map()]));
for (const [append, features] of [['', {}], ['nopcid', {}], ['kaiser_design=naive', {}], ['kaiser=off', { pcid: false, smap: false }]]) {
  const machine = new Machine({ cpus: 2, ramSize: 64 << 20, features });
  machine.devices.uart.onOutput = () => {};
  loadKernel(machine, kernel, { commandLine: append, name: 'kaiser.elf' });
  machine.devices.uart.feed(new TextEncoder().encode(script.map(line => `${line}\n`).join('')));
  machine.run(300_000_000);
  for (const block of machine.translator.blocks) {
    for (const insn of machine.translator.recorder.instructionsOf(block)) {
      const mode = insn.mode & LONG || insn.mode & (CODE32 | STACK32 | REAL);
      const located = locate(insn.bytes, insn.mode);
      // Of what names segment and control registers every one is an example.
      const special = insn.operands.some(o => o.kind === 'register' && /segment|control|debug/.test(o.register.class)) ? `${located.rex & 5} ${insn.bytes[located.at]}` : '';
      if (located) examples.get(mode)?.set(`${insn.code} ${templateKey(insn)} ${located.key} ${special}`, Buffer.from(insn.bytes).toString('hex'));
    }
  }
}
const lines = [...examples].map(([mode, list]) => {
  const text = [...list].sort(([a], [b]) => parseInt(a, 10) - parseInt(b, 10) || (a < b ? -1 : 1)).map(([, bytes]) => bytes).join('');
  const parts = text.match(/.{1,116}/g).map(part => `    + '${part}'`).join('\n').replace('    + ', '    ');
  const names = [[LONG, 'Long'], [CODE32, 'Code32'], [STACK32, 'Stack32'], [REAL, 'Real']].filter(([bit]) => mode & bit).map(([, name]) => `CodeMode.${name}`);
  return `  [${names.join(' | ') || '0'},\n${parts}],\n`;
});
writeFileSync(path.join(root, 'src/machine/translate/commonInstructions.ts'), `import { CodeMode } from '../cpu/layout.js';

/**
 * Examples of the instruction forms and encodings that kernels and their programs usually have, by mode, one behind the other: the
 * interpreter's templates for them are compiled together, and a build knows how to decode them. Written by scripts/common-instructions.mjs; nothing but the time
 * to start depends on it.
 */
export const commonInstructions: readonly (readonly [mode: number, bytes: string])[] = [
${lines.join('')}];
`);
console.log([...examples.values()].map(list => list.size).join(' + '), 'forms');
