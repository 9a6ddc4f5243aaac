import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './run.mjs';

/** The modules whose functions are called at build time. */
const sources = ['translate/prebuilt.ts', 'emitted/prebuilt.ts', 'translate/forms.ts', 'translate/decode.ts', 'translate/instructionSet.ts'].map(file => `src/machine/${file}`).concat('src/symbols/elf.ts');
const kernel = path.join(root, 'dist/guest/kaiser.elf');
/** SHF_EXECINSTR; `CodeMode.Long`. */
const EXECUTABLE = 4, LONG = 1;
const folder = path.join(root, '.cache/prebuilt');

/** A plugin for esbuild that puts the bytes of the machine's own WebAssembly modules into a bundle, instead of the code that emits them. */
export async function prebuiltModules() {
  const { build } = await import('esbuild');
  mkdirSync(folder, { recursive: true });
  // A build may follow another one in the same process, and run beside others.
  const id = `${process.pid}-${Date.now()}`, outfile = path.join(folder, `emit-${id}.mjs`);
  const contents = sources.map(file => `export * from './${file}';`).join('\n');
  await build({ stdin: { contents, resolveDir: root, loader: 'ts' }, outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20', external: ['iced-x86'], logLevel: 'warning' });
  const { commonTemplates, emittedModule, libraryDecode, parseElf, runtimeModule, savedForms, wholeInstructionSet } = await import(pathToFileURL(outfile).href);
  rmSync(outfile);
  const { keys, bytes } = commonTemplates();
  const modules = { templates: bytes, emitted: emittedModule(), runtime: runtimeModule() };
  const replacements = {
    translate: `import templates from 'prebuilt:templates';
import runtime from 'prebuilt:runtime';
export const commonTemplates = () => ({ keys: ${JSON.stringify(keys)}, bytes: templates });
export const runtimeModule = () => runtime;
`,
    emitted: `import emitted from 'prebuilt:emitted';
export const emittedModule = () => emitted;
`,
  };
  // What has been decoded for the templates is what is known from the start, and all of the kernel's code.
  if (existsSync(kernel)) {
    const image = parseElf(readFileSync(kernel));
    for (const { name, flags } of image.sections) {
      const code = flags & EXECUTABLE ? image.sectionData(name) : undefined;
      for (let at = 0; at < (code?.length ?? 0);) {
        const insn = libraryDecode(code.subarray(at, at + 15), BigInt(at), BigInt(at), LONG, wholeInstructionSet);
        at += typeof insn === 'string' ? 1 : insn.length;
      }
    }
  }
  const forms = `const forms = ${JSON.stringify(JSON.stringify(savedForms()))};\nexport const commonForms = () => JSON.parse(forms);\n`;
  return {
    name: 'prebuilt modules',
    setup(build) {
      build.onLoad({ filter: /[\\/]machine[\\/](translate|emitted)[\\/]prebuilt\.ts$/ }, ({ path: file }) => ({ contents: replacements[path.basename(path.dirname(file))], loader: 'js' }));
      build.onLoad({ filter: /[\\/]translate[\\/]commonForms\.ts$/ }, () => ({ contents: forms, loader: 'js' }));
      build.onResolve({ filter: /^prebuilt:/ }, ({ path: name }) => ({ path: name.slice('prebuilt:'.length), namespace: 'prebuilt' }));
      build.onLoad({ filter: /.*/, namespace: 'prebuilt' }, ({ path: name }) => ({ contents: modules[name], loader: 'binary' }));
    },
  };
}
