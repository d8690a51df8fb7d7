// Integers of HPACK (RFC 7541 section 5.1): what fits into a prefix of the first byte stands there, the rest follows in groups of seven bits.

/** Larger numbers have no use here: no table, index or string is that long. */
const LARGEST = 2 ** 28;

export class IntegerReader {
  /** The byte after the integer. */
  at = 0;

  /** The value, or -1 when it does not end before `end` or is absurd. `mask` covers the prefix: 0x7f for seven bits. */
  read(bytes: Buffer, start: number, end: number, mask: number): number {
    let value = bytes[start]! & mask;
    this.at = start + 1;
    if (value < mask) return value;
    for (let shift = 0; shift <= 28; shift += 7) {
      if (this.at >= end) return -1;
      const byte = bytes[this.at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value > LARGEST ? -1 : value;
    }
    return -1;
  }
}

/** Writes at `at` and returns the position after. `flags` are the bits above the prefix. */
export function writeInteger(bytes: Buffer, at: number, flags: number, mask: number, value: number): number {
  if (value < mask) {
    bytes[at] = flags | value;
    return at + 1;
  }
  bytes[at] = flags | mask;
  let to = at + 1;
  let left = value - mask;
  while (left >= 0x80) {
    bytes[to++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  bytes[to] = left;
  return to + 1;
}
