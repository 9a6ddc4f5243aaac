import path from 'node:path';
import { runCommandLine } from '../../src/cli/cli.js';

export const installFolder = path.resolve(import.meta.dirname, '../..');

/** Runs the command line in this process and gives what it wrote. */
export async function runCli(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  const code = await runCommandLine(argv, { stdout: text => { stdout += text; }, stderr: text => { stderr += text; }, installFolder });
  return { code, stdout, stderr };
}
