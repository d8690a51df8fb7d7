// Rounds of random sketches until there were enough or the two proxies differ; then the sketch is made as small as it can be while they still do.
import fc from 'fast-check';
import { compareBatch, type Mismatch } from './batch.ts';
import { type Sketch, sketch } from './sketch.ts';

export type Outcome =
  | { readonly kind: 'same'; readonly asked: number }
  | { readonly kind: 'different'; readonly asked: number; readonly report: string };

const BATCH = 60;
/** Milliseconds that may go into making a case small. */
const SHRINKING = 40_000;

/** `enough` is asked before each request, with how many there were. */
export async function runRounds(envoy: string, seed: number, enough: (asked: number) => boolean): Promise<Outcome> {
  let asked = 0;
  for (let round = seed; !enough(asked); round++) {
    const sketches = fc.sample(property(envoy), { seed: round, numRuns: BATCH }).map(([one]) => one);
    const before = asked;
    const outcome = await compareBatch(envoy, sketches, (more) => enough(before + more));
    asked += outcome.asked;
    if (outcome.mismatch !== null) {
      const report = await shrink(envoy, round, outcome.mismatch, sketches);
      return { kind: 'different', asked, report };
    }
  }
  return { kind: 'same', asked };
}

function property(envoy: string) {
  return fc.asyncProperty(sketch, async (one: Sketch) => {
    const { mismatch } = await compareBatch(envoy, [one]);
    if (mismatch !== null) throw new Error(mismatch.difference);
  });
}

async function shrink(envoy: string, seed: number, found: Mismatch, sketches: readonly Sketch[]): Promise<string> {
  const details = await fc.check(property(envoy), {
    seed,
    path: String(found.index),
    interruptAfterTimeLimit: SHRINKING,
  });
  const [smallest] = details.counterexample ?? [sketches[found.index]!];
  const { mismatch } = await compareBatch(envoy, [smallest]);
  const { request, difference } = mismatch ?? found;
  const said = [JSON.stringify(smallest.host, null, 2), JSON.stringify(request), difference];
  return `seed ${seed}\n${said.join('\n')}`;
}
