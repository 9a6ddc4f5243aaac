import { CYCLES } from '../../machine/cycles/model.js';
import { measureCosts } from '../cost/measure.js';
import { comparison, consoleTable, eventTable, overheadTable } from '../cost/report.js';
import type { Command } from '../option.js';

export const costCommand: Command = {
  name: 'cost',
  summary: 'Measures inside the guest what KAISER costs, with PCID and without.',
  details: [
    'The guest measures its own system calls and page faults with the time stamp counter, which follows the cycle model of the machine (docs/cost.md): with KAISER off, on with PCID, on with PCID while every write to CR3 flushes, and on without PCID. Then a program computes, reads pages and makes system calls at several rates. The figures are the same on every host.',
  ],
  positionals: [],
  options: [
    { name: 'design', value: 'NAME', description: 'The design to measure (kaiser_design= on the kernel command line).', default: 'stop_machine' },
    { name: 'json', description: 'Print one line of JSON: the measurements, and the cycles of each event of the model.' },
  ],
  exitCodes: [],
  async run(args, io) {
    const costs = await measureCosts(args.text('design') ?? 'stop_machine', io);
    if (args.isSet('json')) {
      io.stdout(`${JSON.stringify({ ...costs, model: Object.fromEntries(Object.entries(CYCLES).map(([name, { cycles }]) => [name, cycles])) })}\n`);
      return 0;
    }
    io.stdout(`Clock cycles inside the guest, design ${costs.design}:\n\n${consoleTable(eventTable(costs))}\n`);
    io.stdout(`What it costs a program that computes, reads so many pages and makes a system call, again and again:\n\n${consoleTable(overheadTable(costs))}\n`);
    io.stdout(`Beside what has been published (docs/cost.md says where, and where the model departs from it and why):\n\n${consoleTable(comparison(costs))}`);
    return 0;
  },
};
