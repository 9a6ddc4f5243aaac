import path from 'node:path';
import { hazardName } from '../../dap/scenario.js';
import { type DesignReport, examineDesign, hazardsOf, mark, switchingWords } from '../designs/compare.js';
import { measureColumns } from '../designs/columns.js';
import { designNames } from '../designs/kernel.js';
import { readScenarios } from '../hazards/readScenarios.js';
import type { Command, Io } from '../option.js';
import { UsageError } from '../option.js';

export const designsCommand: Command = {
  name: 'designs',
  summary: 'Compares the designs of the built-in kernel: by hazard, by the time of a switch, by memory.',
  details: [
    'Each scenario of examples/hazards runs on each design as it is, with none of its cures taken away. ✓: it is safe. ✗: it explodes, and the machine\'s state names this hazard; H4: it names that one instead; ?: it dies without a name. –: what the scenario needs does not come about, since the kernel refuses the switch or has no such step. All of it is measured, nothing is looked up.',
    'The time of a switch is from the beginning of the design\'s protocol to its end, in steps that each CPU makes meanwhile, with a program on each CPU.',
  ],
  positionals: [],
  options: [
    { name: 'design', value: 'LIST', description: 'Only these designs, with commas between them.', default: 'all that the kernel has' },
    { name: 'hazards', value: 'LIST', description: 'Only the scenarios of these hazards, such as H1,H23,gap.', default: 'all' },
    { name: 'folder', value: 'PATH', description: 'A folder with scenarios.', default: 'examples/hazards' },
    { name: 'story', description: 'Print below the tables what happened in each scenario.' },
    { name: 'json', description: 'Print one line of JSON for each design instead of the tables.' },
  ],
  exitCodes: [],
  async run(args, io) {
    const all = await readScenarios(args.text('folder') ?? path.join(io.installFolder, 'examples/hazards'));
    const wanted = args.text('hazards')?.split(',').map(name => name.trim().toLowerCase());
    const strange = wanted?.find(name => !all.some(one => hazardName(one.hazard).toLowerCase() === name));
    if (strange !== undefined) throw new UsageError(`--hazards: there is no scenario of "${strange}"; there are some of ${[...new Set(all.map(one => hazardName(one.hazard)))].join(', ')}.`);
    const scenarios = all.filter(one => wanted?.includes(hazardName(one.hazard).toLowerCase()) ?? true);
    const known = await designNames({}, io), names = args.text('design')?.split(',').map(name => name.trim()) ?? known;
    const wrong = names.find(name => !known.includes(name));
    if (wrong !== undefined) throw new UsageError(`--design: the kernel has no design "${wrong}"; it has ${known.join(', ')}.`);
    const reports: DesignReport[] = [];
    for (const design of names) {
      const report = await examineDesign(design, scenarios, io, progressOn(io, design));
      reports.push(report);
      if (args.isSet('json')) io.stdout(`${JSON.stringify(report)}\n`);
    }
    if (!args.isSet('json')) io.stdout(textOf(reports, args.isSet('story')));
    return 0;
  },
};

/** Both tables, for a terminal. */
function textOf(reports: readonly DesignReport[], stories: boolean): string {
  const hazards = hazardsOf(reports), width = Math.max(...reports.map(one => one.design.length)) + 2;
  const lines = [(''.padEnd(width) + hazards.map(hazard => hazardName(hazard).padEnd(4)).join('')).trimEnd()];
  for (const { design, trials } of reports) {
    lines.push(design.padEnd(width) + hazards.map(hazard => mark(trials.filter(one => one.hazard === hazard), hazardName).padEnd(4)).join('').trimEnd());
  }
  lines.push('', `${''.padEnd(width)}${'switched'.padEnd(12)}${measureColumns.map(column => column.title.padStart(14)).join('')}`);
  for (const report of reports) lines.push(`${report.design.padEnd(width)}${switchingWords[report.switching].padEnd(12)}${measureColumns.map(column => column.value(report).padStart(14)).join('')}`);
  if (stories) for (const { design, trials } of reports) for (const { scenario, outcome, named, text } of trials) lines.push('', `${design}, ${scenario}: ${outcome}${named ? ` (${hazardName(named)})` : ''}`, `  ${text}`);
  return `${lines.join('\n')}\n`;
}

function progressOn(io: Io, design: string): (what: string) => void {
  if (!process.stderr.isTTY) return () => {};
  return what => io.stderr(`\r${design}: ${what}\x1b[K\r`);
}
