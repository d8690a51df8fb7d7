// The corpus, and a short run of what `npm run fuzz` does for long.
import { describe, test } from 'vitest';
import { corpusOf, mutate, runInput, seededRandom } from './target.ts';
import { targets } from './targets.ts';

const INPUTS = 2_000;

describe.each(targets)('$name', (target) => {
  test('the corpus', () => {
    for (const input of corpusOf(target.name)) runInput(target, input);
  });

  test('mutations of it', () => {
    const random = seededRandom(1);
    const seeds = corpusOf(target.name);
    for (let i = 0; i < INPUTS; i++) runInput(target, mutate(seeds, random));
  });
});
