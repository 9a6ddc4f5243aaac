import type { Command, Option } from './option.js';

const usageOf = (command: Command): string =>
  ['kaiserscope', command.name, ...command.positionals.map(one => (one.optional ? `[${one.name}]` : one.name)), '[options]'].join(
    ' ',
  );
const flagOf = (option: Option): string => `--${option.name}${option.value ? ` ${option.value}` : ''}`;
const textOf = (option: Option): string =>
  `${option.description}${option.multiple ? ' May be given several times.' : ''}${option.default ? ` Default: ${option.default}.` : ''}`;

/** Breaks a text into lines of at most `width` characters. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}

function table(rows: readonly (readonly [string, string])[]): string {
  const left = Math.min(26, Math.max(...rows.map(([name]) => name.length)) + 2);
  return rows
    .map(([name, text]) => {
      const [first, ...rest] = wrap(text, 98 - left);
      const head = name.length + 2 > left ? `  ${name}\n  ${' '.repeat(left)}${first}` : `  ${name.padEnd(left)}${first}`;
      return [head, ...rest.map(line => `  ${' '.repeat(left)}${line}`)].join('\n');
    })
    .join('\n');
}

/** What `kaiserscope --help` prints. */
export function overview(commands: readonly Command[]): string {
  return `Boots x86-64 kernels with KAISER (page-table isolation) on an emulated multi-core machine.

Usage: kaiserscope COMMAND [arguments]

Commands:
${table(commands.map(command => [command.name, command.summary]))}

kaiserscope COMMAND --help tells about one command.
`;
}

/** What `kaiserscope COMMAND --help` prints. */
export function commandHelp(command: Command): string {
  const sections = [
    `Usage: ${usageOf(command)}\n\n${[command.summary, ...command.details].map(paragraph => wrap(paragraph, 100).join('\n')).join('\n\n')}`,
  ];
  if (command.positionals.length > 0)
    sections.push(
      `Arguments:\n${table(command.positionals.map(one => [one.name, `${one.description[0]!.toUpperCase()}${one.description.slice(1)}.`]))}`,
    );
  sections.push(
    `Options:\n${table([...command.options.map(option => [flagOf(option), textOf(option)] as const), ['--help', 'Print this help.']])}`,
  );
  sections.push(
    `Exit codes:\n${table([...command.exitCodes.map(({ code, meaning }) => [code, meaning] as const), ['2', 'The arguments are wrong, or the kernel cannot be loaded.']])}`,
  );
  return `${sections.join('\n\n')}\n`;
}

/** docs/cli.md, from the same tables. */
export function commandLineDocument(commands: readonly Command[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const sections = commands.map(command =>
    [
      `## ${command.name}`,
      `\`${usageOf(command)}\``,
      command.summary,
      ...command.details,
      ...(command.positionals.length > 0
        ? [
            [
              '| argument | meaning |',
              '|---|---|',
              ...command.positionals.map(one => `| \`${one.name}\` | ${cell(one.description)} |`),
            ].join('\n'),
          ]
        : []),
      ...(command.options.length > 0
        ? [
            [
              '| option | meaning |',
              '|---|---|',
              ...command.options.map(option => `| \`${flagOf(option)}\` | ${cell(textOf(option))} |`),
            ].join('\n'),
          ]
        : []),
      [
        '| exit code | meaning |',
        '|---|---|',
        ...[...command.exitCodes, { code: '2', meaning: 'The arguments are wrong, or the kernel cannot be loaded.' }].map(
          ({ code, meaning }) => `| ${code} | ${cell(meaning)} |`,
        ),
      ].join('\n'),
    ].join('\n\n'),
  );
  return `# The command line

<!-- Written from the tables in src/cli by \`npx vitest run test/cli -u\`: change those. -->

\`kaiserscope\` does without an editor what the extension does in one. It is \`dist/cli.cjs\` after \`npm run build\`
(\`npx kaiserscope\` in the project's folder).

${sections.join('\n\n')}
`;
}
