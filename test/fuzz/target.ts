// What is fuzzed: a parser that takes any bytes, and what must hold of it. Inputs are seeds of the corpus, mutated.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Target = {
  readonly name: string;
  /** Throws when a rule is broken. */
  run(input: Buffer): void;
};

/** One input per line, a JSON string of one character per byte. */
export function corpusOf(name: string): Buffer[] {
  const lines = readFileSync(join(import.meta.dirname, 'corpus', `${name}.jsonl`), 'utf8').split('\n');
  return lines.filter(Boolean).map((line) => Buffer.from(JSON.parse(line) as string, 'latin1'));
}

/** mulberry32: the same numbers for the same seed, so that a failure can be had again. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const INTERESTING = [0, 1, 9, 10, 13, 32, 58, 127, 128, 255];

/** A few of: a byte changed, bytes inserted, removed, repeated, two seeds joined. */
export function mutate(seeds: readonly Buffer[], random: () => number): Buffer {
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = () => seeds[below(seeds.length)]!;
  let bytes = Buffer.from(pick());
  for (let count = 1 + below(4); count > 0; count--) {
    const at = below(bytes.length + 1);
    const length = 1 + below(12);
    const byte = random() < 0.5 ? INTERESTING[below(INTERESTING.length)]! : below(256);
    const parts: Buffer[][] = [
      [bytes.subarray(0, at), Buffer.from([byte]), bytes.subarray(at + 1)],
      [bytes.subarray(0, at), Buffer.alloc(length, byte), bytes.subarray(at)],
      [bytes.subarray(0, at), bytes.subarray(at + length)],
      [bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)],
      [bytes.subarray(0, at), pick().subarray(below(40))],
    ];
    bytes = Buffer.concat(parts[below(parts.length)]!);
  }
  return bytes;
}

/** Microseconds of CPU time one input may take: a machine that stands still is no fault of a parser. */
const LONGEST = 2_000_000;

/** Runs one input; a failure says which, as a line for the corpus. */
export function runInput(target: Target, input: Buffer): void {
  const before = process.threadCpuUsage();
  try {
    target.run(input);
    const { user, system } = process.threadCpuUsage(before);
    if (user + system > LONGEST) throw new Error('took too long');
  } catch (error) {
    throw new Error(`${target.name} failed for ${JSON.stringify(input.toString('latin1'))}`, { cause: error });
  }
}
