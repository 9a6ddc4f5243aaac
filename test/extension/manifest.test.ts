import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const text = readFileSync('package.json', 'utf8');
const manifest = JSON.parse(text);
const { contributes } = manifest;
const texts = JSON.parse(readFileSync('package.nls.json', 'utf8')) as Record<string, string>;
const sources = readdirSync('src/extension', { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))
  .map(file => readFileSync(`src/extension/${file}`, 'utf8')).join('\n');
const commands = (contributes.commands as { command: string }[]).map(({ command }) => command);

describe('the manifest', () => {
  it('is current with the launch schema, and so are its texts, docs/launch.md and the schema of scenarios', () => {
    expect(() => execFileSync(process.execPath, ['scripts/generate-manifest.mjs', '--check'], { stdio: 'pipe' })).not.toThrow();
  });

  it('has a text for every key, and no text without a use', () => {
    const used = new Set([...text.matchAll(/"%([^%"]+)%"/g)].map(match => match[1]!));
    expect([...used].filter(key => !(key in texts))).toEqual([]);
    expect(Object.keys(texts).filter(key => !used.has(key))).toEqual([]);
  });

  it('declares the commands that the extension registers, and no others', () => {
    const registered = [...sources.matchAll(/(?:registerCommand|copy)\('(\w+)'/g)].map(match => `kaiserscope.${match[1]}`);
    expect([...commands].sort()).toEqual([...registered].sort());
  });

  it('declares the views that the extension fills, and no others', () => {
    const declared = (contributes.views.debug as { id: string }[]).map(({ id }) => id);
    const filled = [...sources.matchAll(/new RowTree\('([\w.]+)'/g)].map(match => match[1]);
    expect(declared.sort()).toEqual(filled.sort());
  });

  it('shows every command in the palette or in a menu', () => {
    const menus = contributes.menus as Record<string, { command: string; when?: string }[]>;
    const hidden = new Set(menus.commandPalette!.filter(entry => entry.when === 'false').map(({ command }) => command));
    const elsewhere = new Set(Object.entries(menus).filter(([menu]) => menu !== 'commandPalette').flatMap(([, entries]) => entries.map(({ command }) => command)));
    expect(commands.filter(command => hidden.has(command) && !elsewhere.has(command))).toEqual([]);
    const named = [...Object.values(menus).flat(), ...(contributes.keybindings as { command: string }[])].map(({ command }) => command);
    expect(named.filter(command => !commands.includes(command))).toEqual([]);
  });

  it('keeps the commands of a session out of the palette where there is none', () => {
    const palette = new Map((contributes.menus.commandPalette as { command: string; when: string }[]).map(entry => [entry.command, entry.when]));
    const always = commands.filter(command => !palette.has(command));
    expect(always).toEqual(['kaiserscope.start', 'kaiserscope.runScenario', 'kaiserscope.runScenarioCured']);
    for (const when of palette.values()) expect(when === 'false' || when.startsWith("inDebugMode && debugType == 'kaiserscope'")).toBe(true);
  });

  it('activates for debugging alone', () => {
    expect(manifest.activationEvents).toEqual(['onDebugResolve:kaiserscope', 'onDebugDynamicConfigurations:kaiserscope']);
  });

  it('names files that exist', () => {
    const files = [manifest.icon, ...contributes.grammars.map((grammar: { path: string }) => grammar.path),
      ...contributes.languages.map((language: { configuration: string }) => language.configuration),
      ...contributes.jsonValidation.map(({ url }: { url: string }) => url)];
    expect(files.filter(file => !existsSync(file))).toEqual([]);
  });

  it('asks for an editor at least as new as the API that the sources compile against', () => {
    const types = JSON.parse(readFileSync('node_modules/@types/vscode/package.json', 'utf8')).version as string;
    const [wanted, compiled] = [manifest.engines.vscode.slice(1), types].map(version => version.split('.').map(Number));
    expect(wanted[0] * 1000 + wanted[1]).toBeGreaterThanOrEqual(compiled![0]! * 1000 + compiled![1]!);
  });

  it('uses settings that the extension or a when clause reads', () => {
    const settings = Object.keys(contributes.configuration.properties);
    expect(settings.filter(setting => !text.includes(`config.${setting}`) && !sources.includes(setting))).toEqual([]);
  });
});
