// The Huffman code of HPACK (RFC 7541 section 5.2, appendix B). Decoding is a state machine that eats half a byte at a time: no bit is looked at
// twice, and nothing is allocated but the string.
//
// A state is an inner node of the code's tree. `NEXT[state * 16 + nibble]` holds the state after four more bits, and the symbol that ended
// among them (at most one: the shortest code has five bits).

/** Bits per symbol; index 256 is the end of string. The code is canonical: within a length, codes count up with the symbols. */
const LENGTHS = Uint8Array.from(
  (
    '13,23,28,28,28,28,28,28,28,24,30,28,28,30,28,28,28,28,28,28,28,28,30,28,28,28,28,28,28,28,28,28,' +
    '6,10,10,12,13,6,8,11,10,10,8,11,8,6,6,6,5,5,5,6,6,6,6,6,6,6,7,8,15,6,12,10,' +
    '13,6,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,8,7,8,13,19,13,14,6,' +
    '15,5,6,5,6,5,6,6,6,5,7,7,6,6,6,5,6,7,6,5,5,6,7,7,7,7,7,15,11,14,13,28,' +
    '20,22,20,20,22,22,22,23,22,23,23,23,23,23,24,23,24,24,22,23,24,23,23,23,23,21,22,23,22,23,23,24,' +
    '22,21,20,22,22,23,23,21,23,22,22,24,21,22,23,23,21,21,22,21,23,22,23,23,20,22,22,22,23,22,22,23,' +
    '26,26,20,19,22,23,22,25,26,26,26,27,27,26,24,25,19,21,26,27,27,26,27,24,21,21,26,26,28,27,27,27,' +
    '20,24,20,21,22,21,21,23,22,22,25,25,24,24,26,23,26,27,26,26,27,27,27,27,27,28,27,27,27,27,27,26,30'
  )
    .split(',')
    .map(Number),
);
const END_OF_STRING = 256;
const CODES = canonicalCodes();

const SYMBOL = 0xff;
const HAS_SYMBOL = 0x100;
const FAILS = 0x200;
const STATE_SHIFT = 10;

/** `state << 10 | FAILS | HAS_SYMBOL | symbol` */
const NEXT: Int32Array = new Int32Array(256 * 16);
/** A string may end here: what is left of the last byte is the beginning of the end of string, shorter than a byte. */
const MAY_END: Uint8Array = new Uint8Array(256);
buildStates();

/** Decodes into `into` from its beginning and returns how many bytes came out, -1 when it is no Huffman string. `into` takes 8/5 of the input. */
export function huffmanDecode(bytes: Buffer, start: number, end: number, into: Buffer): number {
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    let step = NEXT[(state << 4) | (byte >> 4)]!;
    if ((step & HAS_SYMBOL) !== 0) into[length++] = step & SYMBOL;
    if ((step & FAILS) !== 0) return -1;
    step = NEXT[((step >> STATE_SHIFT) << 4) | (byte & 15)]!;
    if ((step & HAS_SYMBOL) !== 0) into[length++] = step & SYMBOL;
    if ((step & FAILS) !== 0) return -1;
    state = step >> STATE_SHIFT;
  }
  return MAY_END[state] === 1 ? length : -1;
}

/** Bytes that `huffmanEncode` writes. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += LENGTHS[text.charCodeAt(i) & 0xff]!;
  return (bits + 7) >> 3;
}

/** Writes at `at` and returns the position after. */
export function huffmanEncode(text: string, bytes: Buffer, at: number): number {
  let to = at;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    let left = LENGTHS[symbol]!;
    const code = CODES[symbol]!;
    // At most 7 bits are held, so 24 more always fit.
    if (left > 24) {
      held = (held << (left - 24)) | (code >>> 24);
      bits += left - 24;
      left = 24;
      for (; bits >= 8; bits -= 8) bytes[to++] = held >>> (bits - 8);
      held &= 0xff >> (8 - bits);
    }
    held = (held << left) | (code & (2 ** left - 1));
    bits += left;
    for (; bits >= 8; bits -= 8) bytes[to++] = held >>> (bits - 8);
    held &= 0xff >> (8 - bits);
  }
  if (bits > 0) bytes[to++] = (held << (8 - bits)) | (0xff >> bits);
  return to;
}

function canonicalCodes(): Uint32Array {
  const codes = new Uint32Array(END_OF_STRING + 1);
  let code = 0;
  for (let length = 1; length <= 30; length++) {
    code *= 2;
    for (let symbol = 0; symbol <= END_OF_STRING; symbol++) if (LENGTHS[symbol] === length) codes[symbol] = code++;
  }
  return codes;
}

type Node = { readonly state: number; readonly children: (Node | number | null)[] };

function buildStates(): void {
  const nodes = buildTree();
  for (const node of nodes)
    for (let nibble = 0; nibble < 16; nibble++) NEXT[node.state * 16 + nibble] = step(node, nibble);
  // The end of string is all ones: its first seven prefixes, and the root for a string that ends with its byte.
  let node: Node | number | null | undefined = nodes[0];
  for (let ones = 0; ones <= 7 && typeof node === 'object' && node !== null; ones++) {
    MAY_END[node.state] = 1;
    node = node.children[1];
  }

  function step(from: Node, nibble: number): number {
    let at = from;
    let symbol = 0;
    for (let bit = 3; bit >= 0; bit--) {
      const child = at.children[(nibble >> bit) & 1];
      if (child === undefined || child === null || child === END_OF_STRING) return FAILS;
      if (typeof child === 'number') {
        symbol = HAS_SYMBOL | child;
        at = nodes[0]!;
      } else at = child;
    }
    return (at.state << STATE_SHIFT) | symbol;
  }
}

function buildTree(): Node[] {
  const nodes: Node[] = [{ state: 0, children: [null, null] }];
  for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
    let at = nodes[0]!;
    for (let bit = LENGTHS[symbol]! - 1; bit > 0; bit--) {
      const way = (CODES[symbol]! >>> bit) & 1;
      let child = at.children[way];
      if (typeof child !== 'object' || child === null) {
        child = { state: nodes.length, children: [null, null] };
        nodes.push(child);
        at.children[way] = child;
      }
      at = child;
    }
    at.children[CODES[symbol]! & 1] = symbol;
  }
  return nodes;
}
