// A short run of what `npm run differential` does for long, always from the same seed.
import { expect, test } from 'vitest';
import { findEnvoy } from '../support/envoy.ts';
import { runRounds } from './random/rounds.ts';

const envoy = findEnvoy();
const SEED = 1;
const SECONDS = 12;

test.skipIf(envoy === null)('random routes and requests', { timeout: 180_000 }, async () => {
  const outcome = await runRounds(envoy!, SEED, SECONDS);
  expect(outcome.kind === 'different' ? outcome.report : '').toBe('');
  expect(outcome.asked).toBeGreaterThan(50);
});
