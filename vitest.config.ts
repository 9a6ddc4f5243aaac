import { defineConfig } from 'vitest/config';

/** The unit tests. Those in the real editor have a configuration of their own in test/vscode. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/vscode/**', '**/node_modules/**'],
    testTimeout: 60_000,
  },
});
