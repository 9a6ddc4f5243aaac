import { hazardName, type Scenario } from '../../dap/scenario.js';
import { scenarioEnding } from '../../dap/scenarioSchema.js';

/** docs/hazards.md: what each scenario shows and how to see it. Written from the scenarios themselves. */
export function hazardsDocument(scenarios: readonly Scenario[]): string {
  const shown = new Set(scenarios.map(one => one.hazard));
  const missing = Array.from({ length: 32 }, (_, i) => `H${i + 1}`).filter(hazard => !shown.has(hazard));
  return `# Hazards

What can go wrong when KAISER is switched while the machine runs, each as an experiment that anybody can repeat. The numbers H1 to H32 are
those of the project's research report; "gap" is the paranoid exit of Linux 4.15-rc. \`npx kaiserscope hazards\` runs them all and prints a table; \`npx kaiserscope hazards H17 --story\` runs one
and tells what happened. The hazard that it prints is derived from the state of the machine (\`src/kaiser\`); it never learns which scenario
is running. The second machine of each has the cure, and survives.

To see one in the editor, open its file and press F5: the machine stops where it goes wrong, and the stop names the hazard and tells the story.
The buttons in the editor's title run it too, and with the cure; *Kaiserscope: Run Scenario* in the palette lists them all. In a launch
configuration it is \`"scenario": "path"\`, where other attributes go before those of the file ([launch.md](launch.md)). Write your own: a file
called \`NAME.kaiserscope.json\` is completed and checked as you type.

| hazard | shown by | what happens |
|---|---|---|
${scenarios.map(one => `| ${hazardName(one.hazard)} | [\`${one.id}\`](../examples/hazards/${one.id}${scenarioEnding}) | **${one.title}.** ${one.about} With the cure: \`append: "${one.cured.append}"\`. |`).join('\n')}

${missing.length ? `Not shown yet: ${missing.join(', ')}.` : 'All of them are shown.'}
`;
}
