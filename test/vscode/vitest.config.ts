import { defineConfig } from 'vitest/config';

/** The tests in the real editor: one file after the other, for each has an editor and a machine of its own. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    // The tests of a file are the steps of one session: after a failure the next ones would only repeat it.
    bail: 0,
    sequence: { shuffle: false },
  },
});
