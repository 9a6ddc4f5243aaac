import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

const eslint = new ESLint();

/** The messages of the walls for one import in one file. */
async function complaints(file: string, from: string): Promise<string[]> {
  const [result] = await eslint.lintText(`import { x } from '${from}';\nexport const y = x;\n`, { filePath: file });
  return result!.messages.filter(({ ruleId }) => ruleId === '@typescript-eslint/no-restricted-imports').map(({ message }) => message);
}

const core = ['machine', 'paging', 'symbols', 'kaiser', 'time', 'explore'];

describe('the walls between the folders', () => {
  it.each(core)('src/%s imports no editor, no Node, no debug protocol and no debugger', async folder => {
    for (const from of ['vscode', 'node:fs', 'fs/promises', '@vscode/debugadapter', '../dap/session.js', '../target/target.js', '../extension/words.js']) {
      expect(await complaints(`src/${folder}/x.ts`, from), from).toHaveLength(1);
    }
    expect(await complaints(`src/${folder}/x.ts`, 'iced-x86')).toEqual([]);
    expect(await complaints(`src/${folder}/x.ts`, '../paging/index.js')).toEqual([]);
  });

  it('src/dap reaches the machine through src/target only', async () => {
    expect(await complaints('src/dap/requests/x.ts', '../../machine/machine.js')).toHaveLength(1);
    expect(await complaints('src/dap/requests/x.ts', 'vscode')).toHaveLength(1);
    expect(await complaints('src/dap/requests/x.ts', '../../target/target.js')).toEqual([]);
  });

  it('src/extension talks to a session by the protocol only', async () => {
    for (const from of ['../dap/session.js', '../machine/machine.js', '../kaiser/index.js', '../target/target.js', 'node:path', '@vscode/debugadapter']) {
      expect(await complaints('src/extension/x.ts', from), from).toHaveLength(1);
    }
    expect(await complaints('src/extension/x.ts', 'vscode')).toEqual([]);
  });

  it('only src/extension imports the editor', async () => {
    for (const folder of ['dap', 'target', 'cli', 'entry', ...core]) {
      expect(await complaints(`src/${folder}/x.ts`, 'vscode'), folder).toHaveLength(1);
    }
  });
});
