// `npm run fuzz -- --seconds N [target…]`: mutations of the corpus against every parser, until one breaks a rule or the time is over.
// A failure prints the input as a line for test/fuzz/corpus; `--seed N` repeats a run. Memory must not grow meanwhile.
import { parseArgs } from 'node:util';
import { corpusOf, mutate, runInput, seededRandom } from '../test/fuzz/target.ts';
import { targets } from '../test/fuzz/targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const chosen = targets.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const share = (Number(values.seconds) * 1_000) / chosen.length;
/** Bytes the heap may grow by while a target runs, after the first second. */
const GROWTH = 64 * 1024 * 1024;
console.log(`seed ${values.seed}`);

for (const target of chosen) {
  const seeds = corpusOf(target.name);
  const random = seededRandom(Number(values.seed));
  const started = performance.now();
  let count = 0;
  let heap = 0;
  while (performance.now() - started < share) {
    for (let i = 0; i < 200; i++) runInput(target, mutate(seeds, random));
    count += 200;
    if (heap === 0 && performance.now() - started > 1_000) heap = collected();
    // Sockets that were destroyed say so in a later turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const grown = heap === 0 ? 0 : collected() - heap;
  if (grown > GROWTH) throw new Error(`${target.name}: the heap grew by ${grown} bytes`);
  console.log(`${target.name}: ${count} inputs, heap ${grown >= 0 ? '+' : ''}${(grown / 2 ** 20).toFixed(1)} MiB`);
}

/** Bytes of the heap that are in use, as the engine says; after a collection where it offers one (`--expose-gc`). */
function collected(): number {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  return process.memoryUsage().heapUsed;
}
