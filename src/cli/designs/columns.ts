import type { DesignReport } from './compare.js';

const thousands = (steps: number | undefined): string => (steps === undefined ? '–' : `${(steps / 1000).toFixed(steps < 10_000 ? 1 : 0)}`);
const kib = (bytes: number | undefined): string => (bytes === undefined ? '–' : `${bytes / 1024}`);

/** The columns of the second table, here and in docs/designs.md. */
export const measureColumns: readonly { title: string; value: (report: DesignReport) => string }[] = [
  { title: 'syscall off', value: ({ syscall }) => String(syscall.off) },
  { title: 'syscall on', value: ({ syscall }) => String(syscall.on) },
  { title: 'off, 2 CPUs', value: ({ switches }) => thousands(switches[0]?.off) },
  { title: 'on, 2 CPUs', value: ({ switches }) => thousands(switches[0]?.on) },
  { title: 'off, 8 CPUs', value: ({ switches }) => thousands(switches[1]?.off) },
  { title: 'on, 8 CPUs', value: ({ switches }) => thousands(switches[1]?.on) },
  { title: 'KiB tables', value: ({ tables }) => kib(tables.on?.all) },
  { title: 'of it shadow', value: ({ tables }) => kib(tables.on?.shadow) },
  { title: 'shadow if off', value: ({ tables }) => kib(tables.off?.shadow) },
];
