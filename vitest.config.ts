import { defineConfig } from 'vitest/config';

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
  { name: 'features', include: ['test/features/**/*.test.ts'] },
  { name: 'differential', include: ['test/differential/**/*.test.ts'] },
  { name: 'browser', include: ['test/browser/**/*.test.ts'] },
];

export default defineConfig({
  test: {
    pool: 'forks',
    // The reference machine has two cores, and the outer tests start several processes each.
    maxWorkers: 2,
    testTimeout: 40_000,
    hookTimeout: 60_000,
    projects: projects.map((test) => ({ extends: true as const, test })),
  },
});
