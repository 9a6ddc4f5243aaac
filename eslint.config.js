// The rules of style, and the walls between the folders of src/ (docs/development.md says why they stand).
import { builtinModules } from 'node:module';
import tseslint from 'typescript-eslint';

/** Node's modules under both of their names. */
const nodeModules = { group: ['node:*', ...builtinModules], message: 'This folder runs in a browser too: no Node modules.' };
const vscodeModule = { group: ['vscode'], message: 'Only src/extension imports vscode.' };
const debugProtocol = {
  group: ['@vscode/debugadapter', '@vscode/debugadapter/*', '@vscode/debugprotocol', '@vscode/debugprotocol/*'],
  message: 'The debug protocol ends in src/dap.',
};

/** Forbids importing from sibling folders of src/. */
const folders = (names, message) => ({ group: names.flatMap(name => [`**/${name}/**`, `**/${name}`]), message });

/** The folders that know nothing of a debugger, of an editor or of Node. */
const core = ['machine', 'paging', 'symbols', 'kaiser', 'time', 'explore'];

/** A wall round the files of `folder`: what they may not import, types included unless a pattern allows them. */
const wall = (folder, ...patterns) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
});

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/out/**', '.cache/**'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'eqeqeq': ['error', 'always', { null: 'ignore' }],
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  ...core.map(name => wall(name, vscodeModule, nodeModules, debugProtocol,
    folders(['dap', 'extension', 'target', 'cli', 'entry'], 'The machine and what is known of it do not depend on a debugger.'))),
  {
    files: core.map(name => `src/${name}/**/*.ts`),
    rules: { 'no-restricted-globals': ['error', 'process', 'Buffer', 'require', '__dirname', '__filename', 'global'] },
  },
  wall('target', vscodeModule, debugProtocol,
    folders(['dap', 'extension', 'cli', 'entry'], 'A target does not know who debugs it.')),
  wall('dap', vscodeModule,
    folders(['machine'], 'The adapter reaches the machine through src/target.'),
    folders(['extension', 'cli', 'entry'], 'The adapter does not know its client.')),
  wall('extension',
    { ...nodeModules, message: 'The extension runs in a browser too: what needs Node belongs in src/entry or src/dap.' },
    { group: ['@vscode/debugadapter', '@vscode/debugadapter/*'], message: 'The extension is a client of the adapter, not one itself.' },
    folders([...core, 'target', 'dap', 'cli', 'entry'], 'The extension talks to a session by the debug protocol and docs/protocol.md only.')),
  wall('entry', vscodeModule),
  wall('cli', vscodeModule, folders(['extension'], 'The command line works without an editor.')),
);
