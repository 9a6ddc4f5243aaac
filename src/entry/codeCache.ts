import { closeSync, fstatSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Script } from 'node:vm';

/** Bytes ahead of V8's data: size and time of change of the script that it belongs to, since V8 compares no more than its length. */
const HEADER = 16;

/** What a script of CommonJS is given. */
export interface ModuleScope { require: NodeJS.Require; module: NodeJS.Module; directory: string; }

/**
 * Runs a CommonJS script, with what V8 has compiled of it kept in a file beside it: parsing and compiling a bundle takes longer than all of
 * a short run. The file is of one version of V8 and of one build; any other, or none, is no error, nor is a folder that cannot be written.
 * @returns keeps what has been compiled by now, unless it is kept already; to be called at the end of a typical run
 */
export function runCached(file: string, scope: ModuleScope): () => void {
  const descriptor = openSync(file, 'r');
  let header: Buffer, source: string;
  try {
    const { size, mtimeMs } = fstatSync(descriptor);
    header = Buffer.from(Float64Array.of(size, mtimeMs).buffer);
    // esbuild writes ASCII.
    source = readFileSync(descriptor, 'latin1');
  } finally {
    closeSync(descriptor);
  }
  const cacheFile = file.replace(/\.\w+$/, `.${process.versions.v8}-${process.arch}.cache`);
  const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, { filename: file, cachedData: readCache(cacheFile, header) });
  const run = script.runInThisContext() as (...scope: unknown[]) => void;
  run(scope.module.exports, scope.require, scope.module, file, scope.directory);
  return () => {
    if (script.cachedDataRejected === false) return;
    writeCache(cacheFile, Buffer.concat([header, script.createCachedData()]));
  };
}

/** What V8 has written for the script that the header names. */
function readCache(file: string, header: Buffer): Buffer | undefined {
  try {
    const bytes = readFileSync(file);
    return bytes.subarray(0, HEADER).equals(header) ? bytes.subarray(HEADER) : undefined;
  } catch {
    return undefined;
  }
}

/** Writes all of the file or nothing, for other processes may be reading it. */
function writeCache(file: string, bytes: Buffer): void {
  const temporary = `${file}.${process.pid}`;
  try {
    writeFileSync(temporary, bytes);
    renameSync(temporary, file);
  } catch {
    rmSync(temporary, { force: true });
  }
}
