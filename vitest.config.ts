import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Of tests that start our proxy, or a mesh of them: what is released is what is tested, and it starts in a quarter of the time. */
const bundled = {
  globalSetup: 'test/support/bundled.mjs',
  env: { TULLE_PROXY: join(import.meta.dirname, 'dist/bin/proxy.js') },
};

/** One project per kind of test; `npm run check` runs `unit` only, `npm test` all. */
const projects = [
  {
    name: 'unit',
    include: [
      'src/**/*.test.ts',
      'demo/**/*.test.ts',
      'dashboard/src/**/*.test.{ts,tsx}',
      'scripts/**/*.test.ts',
      'bench/**/*.test.ts',
      'test/support/**/*.test.ts',
      'test/fuzz/**/*.test.ts',
      'test/signs.test.ts',
    ],
  },
  { name: 'features', include: ['test/features/**/*.test.ts'], ...bundled },
  { name: 'differential', include: ['test/differential/**/*.test.ts'], ...bundled },
  { name: 'browser', include: ['test/browser/**/*.test.ts'], ...bundled },
];

export default defineConfig({
  test: {
    pool: 'forks',
    // The reference machine has two cores, and the outer tests start several processes each.
    maxWorkers: 2,
    // Bounds for what hangs; a busy machine may take long.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    projects: projects.map((test) => ({ extends: true as const, test })),
  },
});
