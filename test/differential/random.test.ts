// A short run of what `npm run differential` does for long: always the same requests, however fast the machine is.
import { expect, test } from 'vitest';
import { findEnvoy } from '../support/envoy.ts';
import { runRounds } from './random/rounds.ts';

const envoy = findEnvoy();
const SEED = 1;
const REQUESTS = 1_500;

test.skipIf(envoy === null)('random routes and requests', { timeout: 180_000 }, async () => {
  const outcome = await runRounds(envoy!, SEED, (asked) => asked >= REQUESTS);
  expect(outcome.kind === 'different' ? outcome.report : '').toBe('');
  expect(outcome.asked).toBe(REQUESTS);
});
