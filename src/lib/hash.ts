// xxHash64, the hash Envoy uses for hash policies, rings and Maglev tables.
// https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md (XXH64)

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

/** Unsigned 64 bits. One byte per character (latin1), as heads of messages keep them. */
export function xxHash64(text: string, seed = 0n): bigint {
  const bytes = Buffer.from(text, 'latin1');
  const stripes = bytes.length & ~31;
  let hash = stripes > 0 ? hashStripes(bytes, stripes, seed) : u64(seed + P5);
  hash = u64(hash + BigInt(bytes.length));
  let at = stripes;
  for (; at + 8 <= bytes.length; at += 8) {
    hash = u64(rotate(hash ^ round(0n, bytes.readBigUInt64LE(at)), 27n) * P1 + P4);
  }
  if (at + 4 <= bytes.length) {
    hash = u64(rotate(hash ^ u64(BigInt(bytes.readUInt32LE(at)) * P1), 23n) * P2 + P3);
    at += 4;
  }
  for (; at < bytes.length; at++) hash = u64(rotate(hash ^ u64(BigInt(bytes[at]!) * P5), 11n) * P1);
  return avalanche(hash);
}

function hashStripes(bytes: Buffer, end: number, seed: bigint): bigint {
  const lanes = [u64(seed + P1 + P2), u64(seed + P2), seed, u64(seed - P1)];
  for (let at = 0; at < end; at += 8) {
    const lane = (at >> 3) & 3;
    lanes[lane] = round(lanes[lane]!, bytes.readBigUInt64LE(at));
  }
  const [a, b, c, d] = lanes as [bigint, bigint, bigint, bigint];
  let hash = u64(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n));
  for (const lane of lanes) hash = u64((hash ^ round(0n, lane)) * P1 + P4);
  return hash;
}

function avalanche(hash: bigint): bigint {
  let mixed = u64((hash ^ (hash >> 33n)) * P2);
  mixed = u64((mixed ^ (mixed >> 29n)) * P3);
  return mixed ^ (mixed >> 32n);
}

function round(lane: bigint, input: bigint): bigint {
  return u64(rotate(u64(lane + input * P2), 31n) * P1);
}

function rotate(value: bigint, by: bigint): bigint {
  return u64((value << by) | (value >> (64n - by)));
}

function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}
