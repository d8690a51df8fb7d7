// The 64-bit hashes that Envoy balances by: xxHash64 (hash policies, rings, Maglev tables) and MurmurHash2 (rings).
// Numbers are kept in two halves of 32 bits, because arithmetic on bigint allocates at every step.
// https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md (XXH64); MurmurHash64A by Austin Appleby.

/** Unsigned 64 bits: `high * 2^32 + low`. */
export type Hash64 = { readonly high: number; readonly low: number };

const P1 = word(0x9e3779b1, 0x85ebca87);
const P2 = word(0xc2b2ae3d, 0x27d4eb4f);
const P3 = word(0x165667b1, 0x9e3779f9);
const P4 = word(0x85ebca77, 0xc2b2ae63);
const P5 = word(0x27d4eb2f, 0x165667c5);
const MURMUR = word(0xc6a4a793, 0x5bd1e995);
/** What libstdc++ seeds its string hash with, and Envoy its rings. */
const MURMUR_SEED = word(0, 0xc70f6907);
const TWO_TO_32 = 2 ** 32;

/** One byte per character (latin1), as heads of messages keep them. */
export function xxHash64(text: string, seed: number | Hash64 = 0): Hash64 {
  const { length } = text;
  const stripes = length & ~31;
  const start = typeof seed === 'number' ? word(0, seed) : word(seed.high, seed.low);
  const hash = stripes > 0 ? hashStripes(text, stripes, start) : new Word(P5).add(start);
  hash.add(word(0, length));
  const input = new Word(P1);
  let at = stripes;
  for (; at + 8 <= length; at += 8) {
    input.load(text, at, 8).multiply(P2).rotate(31).multiply(P1);
    hash.xor(input).rotate(27).multiply(P1).add(P4);
  }
  if (at + 4 <= length) {
    hash
      .xor(input.load(text, at, 4).multiply(P1))
      .rotate(23)
      .multiply(P2)
      .add(P3);
    at += 4;
  }
  for (; at < length; at++)
    hash
      .xor(input.load(text, at, 1).multiply(P5))
      .rotate(11)
      .multiply(P1);
  return hash.mix(33).multiply(P2).mix(29).multiply(P3).mix(32).done();
}

/** One byte per character, with the seed Envoy gives it. */
export function murmurHash2(text: string): Hash64 {
  const { length } = text;
  const input = new Word(MURMUR_SEED);
  const hash = new Word(MURMUR).multiply(word(0, length)).xor(MURMUR_SEED);
  const whole = length & ~7;
  for (let at = 0; at < whole; at += 8) {
    hash.xor(input.load(text, at, 8).multiply(MURMUR).mix(47).multiply(MURMUR)).multiply(MURMUR);
  }
  if (whole < length) hash.xor(input.load(text, whole, length - whole)).multiply(MURMUR);
  return hash.mix(47).multiply(MURMUR).mix(47).done();
}

/** Of two parts of a request, in order (Envoy: rotated by one, then exclusive or). */
export function combineHashes(before: Hash64, next: Hash64): Hash64 {
  return new Word(before).rotate(1).xor(next).done();
}

/** `modulus` below 2^26. */
export function remainder({ high, low }: Hash64, modulus: number): number {
  return ((high % modulus) * (TWO_TO_32 % modulus) + low) % modulus;
}

/** Negative when `a` is the smaller. */
export function compareHashes(a: Hash64, b: Hash64): number {
  return a.high - b.high || a.low - b.low;
}

/** Lower case, without leading zeros. */
export function hexOf({ high, low }: Hash64): string {
  return high === 0 ? low.toString(16) : high.toString(16) + low.toString(16).padStart(8, '0');
}

function hashStripes(text: string, end: number, seed: Hash64): Word {
  const lanes = [
    new Word(seed).add(P1).add(P2),
    new Word(seed).add(P2),
    new Word(seed),
    new Word(P1).multiply(word(0xffffffff, 0xffffffff)).add(seed),
  ] as const;
  const input = new Word(seed);
  for (let at = 0; at < end; at += 8) {
    const lane = lanes[((at >> 3) & 3) as 0 | 1 | 2 | 3];
    lane
      .add(input.load(text, at, 8).multiply(P2))
      .rotate(31)
      .multiply(P1);
  }
  const [a, b, c, d] = lanes;
  const hash = new Word(a).rotate(1).add(new Word(b).rotate(7)).add(new Word(c).rotate(12)).add(new Word(d).rotate(18));
  for (const lane of lanes) hash.xor(lane.multiply(P2).rotate(31).multiply(P1)).multiply(P1).add(P4);
  return hash;
}

function word(high: number, low: number): Hash64 {
  return { high, low };
}

/** A number under construction: every operation changes it in place, modulo 2^64. */
class Word implements Hash64 {
  high: number;
  low: number;

  constructor({ high, low }: Hash64) {
    this.high = high;
    this.low = low;
  }

  /** Up to 8 characters, the first one lowest. */
  load(text: string, at: number, count: number): this {
    this.low = loadHalf(text, at, Math.min(count, 4));
    this.high = count > 4 ? loadHalf(text, at + 4, count - 4) : 0;
    return this;
  }

  add(other: Hash64): this {
    const low = (this.low >>> 0) + (other.low >>> 0);
    this.high = (this.high + other.high + (low >= TWO_TO_32 ? 1 : 0)) | 0;
    this.low = low | 0;
    return this;
  }

  xor(other: Hash64): this {
    this.high ^= other.high;
    this.low ^= other.low;
    return this;
  }

  /** By limbs of 16 bits, whose products a double holds exactly. */
  multiply(other: Hash64): this {
    const { high, low } = this;
    const [a1, a0, b1, b0] = [low >>> 16, low & 0xffff, other.low >>> 16, other.low & 0xffff];
    const middle = a0 * b1 + a1 * b0 + (((a0 * b0) >>> 0) >>> 16);
    const carried = a1 * b1 + Math.floor(middle / 65_536);
    this.high = (carried + Math.imul(high, other.low) + Math.imul(low, other.high)) | 0;
    this.low = Math.imul(low, other.low);
    return this;
  }

  /** To the left, by 1 to 31. */
  rotate(by: number): this {
    const { high, low } = this;
    this.high = (high << by) | (low >>> (32 - by));
    this.low = (low << by) | (high >>> (32 - by));
    return this;
  }

  /** Exclusive or with itself shifted to the right, by 1 to 63. */
  mix(by: number): this {
    const { high } = this;
    if (by >= 32) {
      this.low ^= high >>> (by - 32);
      return this;
    }
    this.low ^= (this.low >>> by) | (high << (32 - by));
    this.high ^= high >>> by;
    return this;
  }

  done(): Hash64 {
    return { high: this.high >>> 0, low: this.low >>> 0 };
  }
}

function loadHalf(text: string, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value |= (text.charCodeAt(at + i) & 0xff) << (8 * i);
  return value;
}
