// `npm run fuzz -- [--seconds N] [--seed S] [--part code|images|launch] [--keep N]`: random instructions and machine states, mutated
// images and launch arguments. The work is done in a child process, so that a hang or an endless allocation is a finding like others.
import { execFileSync, spawn } from 'node:child_process';
import { build } from 'esbuild';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { createInterface } from 'node:readline';
import { Problem, root, runMain } from './lib/run.mjs';

/** A case that takes longer than this, in milliseconds, counts as a hang. */
const HANG = 30_000;
/** The child's heap in MiB: what mutated sizes must not use up. */
const HEAP = 768;
const folder = path.join(root, '.cache/fuzz'), bundle = path.join(folder, 'run.mjs');

function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at >= 0 ? process.argv[at + 1] ?? otherwise : otherwise;
}

/** The images that are mutated: a 32-bit multiboot kernel and small 64-bit programs with debug information. */
function buildImages() {
  const kernels = path.join(root, 'test/fixtures/kernels'), fixtures = path.join(root, 'test');
  const common = ['-g', '-ffreestanding', '-fno-pic', '-no-pie', '-fno-stack-protector', '-nostdlib', '-static', '-mgeneral-regs-only', '-Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments'];
  const make = (name, ...args) => {
    const file = path.join(folder, name);
    execFileSync('gcc', [...common, '-o', file, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    return file;
  };
  return [
    make('multiboot.elf', '-m32', '-O1', '-w', `-Wl,-T,${kernels}/multiboot.ld`, `${kernels}/multiboot.S`, `${kernels}/timer.c`),
    make('pvh.elf', '-m64', '-O1', '-w', `-Wl,-T,${kernels}/pvh.ld`, `${kernels}/smp.S`, `${kernels}/smp.c`),
    make('tiny.elf', '-m64', '-Wl,-Ttext=0x200000,-z,max-page-size=4096,-e,start', `${fixtures}/fixtures/tiny.S`),
    make('dwarf4.elf', '-m64', '-O2', '-gdwarf-4', '-w', `-Wl,-T,${kernels}/pvh.ld`, `${kernels}/smp.S`, `${kernels}/smp.c`),
  ].filter(existsSync);
}

await runMain(async () => {
  const seconds = Number(option('seconds', '60')), seed = Number(option('seed', '1')), keep = Number(option('keep', '5')), part = option('part', undefined);
  if (!(seconds > 0) || !Number.isInteger(seed) || !(keep > 0) || ![undefined, 'code', 'images', 'launch'].includes(part)) {
    throw new Problem('Usage: npm run fuzz -- [--seconds N] [--seed S] [--part code|images|launch] [--keep FINDINGS]');
  }
  const args = { seconds, seed, keep, part, images: [] };
  mkdirSync(folder, { recursive: true });
  await build({ entryPoints: [path.join(root, 'test/fuzz/run.ts')], outfile: bundle, bundle: true, platform: 'node', format: 'esm', target: 'node20', external: ['iced-x86'], sourcemap: 'inline', logLevel: 'error' });
  args.images = buildImages();
  const child = spawn(process.execPath, ['--enable-source-maps', `--max-old-space-size=${HEAP}`, '--input-type=module', '-e',
    `const { main } = await import(${JSON.stringify(pathToFileURL(bundle).href)}); process.exitCode = main(${JSON.stringify(args)});`], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let at = 'the start', hung = false, timer;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, HANG);
  };
  watch();
  createInterface({ input: child.stdout }).on('line', line => {
    watch();
    if (line.startsWith('at ')) at = line.slice(3);
    else console.log(line);
  });
  const [status, signal] = await new Promise(resolve => child.on('close', (...ended) => resolve(ended)));
  clearTimeout(timer);
  if (hung) console.log(`FOUND a hang: no case was finished for ${HANG / 1000} s; it is one of the next after ${at}`);
  else if (signal || status > 1) console.log(`FOUND the fuzzer's process ended with ${signal ?? `exit code ${status}`} at one of the next cases after ${at}`);
  process.exitCode = status === 0 ? 0 : 1;
});
