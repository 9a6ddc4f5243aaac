// Child processes for the scripts. Node built-ins only: it runs before `npm ci`.
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';

/** The repository's root folder. */
export const root = path.resolve(import.meta.dirname, '../..');

/** A failure that the scripts print without a stack trace: what is wrong and what to do next. */
export class Problem extends Error {}

/** Runs a program with the terminal's own input and output; throws a Problem when it fails. */
export function run(command, args, options = {}) {
  const { status, error, signal } = spawnSync(command, args, { stdio: 'inherit', cwd: root, ...options });
  if (error) throw new Problem(`${command} could not be started: ${error.message}`);
  if (status !== 0) throw new Problem(`\`${[command, ...args].join(' ')}\` ended with ${signal ?? `exit code ${status}`}.`);
}

/** Runs a program and answers its exit code (1 when it cannot start); its output goes to the terminal. */
export function runStatus(command, args, options = {}) {
  return spawnSync(command, args, { stdio: 'inherit', cwd: root, ...options }).status ?? 1;
}

/** True when a program of this name is on the PATH. */
export function onPath(command) {
  return spawnSync('sh', ['-c', 'command -v -- "$1"', 'sh', command], { stdio: 'ignore' }).status === 0;
}

/** Starts a program and returns its handle; the caller ends it. */
export function start(command, args, options = {}) {
  return spawn(command, args, { cwd: root, ...options });
}

/** Runs `main` and turns a Problem into one line on stderr and exit code 1. */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Problem ? error.message : error);
    process.exit(1);
  }
}
