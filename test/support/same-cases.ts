// Imported by tests of properties: they try the same cases in every run. `TULLE_SEED` is another seed, or `random`.
import fc from 'fast-check';

const seed = process.env['TULLE_SEED'] ?? '1';
if (seed !== 'random') fc.configureGlobal({ seed: Number(seed) });
