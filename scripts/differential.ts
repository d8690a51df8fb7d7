// `npm run differential -- --seconds N [--seed S]`: routes and requests at random, at Tulle's proxy and at Envoy, until the two differ or the time is over.
import { parseArgs } from 'node:util';
// What is compared is the bundle.
import './bundle.ts';
import { runRounds } from '../test/differential/random/rounds.ts';
import { findEnvoy } from '../test/support/envoy.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } } });
const seconds = Number(values.seconds);
const seed = Number(values.seed ?? Date.now() % 1_000_000_007);
if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error('--seconds must be more than 0, --seed a whole number');
const envoy = findEnvoy();
if (envoy === null) throw new Error('there is no Envoy here (hint: node scripts/envoy.ts)');

console.log(`seed ${seed}`);
const until = performance.now() + seconds * 1_000;
const outcome = await runRounds(envoy, seed, () => performance.now() >= until);
console.log(`${outcome.asked} requests asked`);
if (outcome.kind === 'different') {
  console.error(outcome.report);
  process.exitCode = 1;
}
