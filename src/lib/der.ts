// DER (X.690) as far as certificates and what is said of them need it: elements of one-byte tags and definite lengths, one after the other.

export type DerElement = { readonly tag: number; readonly body: Buffer };

export const derTag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** Context-specific, constructed. */
  context: (number: number): number => 0xa0 + number,
} as const;

const LONG_TAG = 0x1f;
const LONG_LENGTH = 0x80;
/** Bytes of a length that still is one: 2^32 bytes are more than anybody reads. */
const LONGEST_LENGTH = 4;

/** [] where there are none, or where they cannot be read. */
export function derChildren(element: DerElement | undefined): readonly DerElement[] {
  return element === undefined ? [] : (derElements(element.body) ?? []);
}

/** null: it is not well-formed, or of a form that is not read. */
export function derElements(bytes: Buffer): readonly DerElement[] | null {
  const elements: DerElement[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at]!;
    const first = bytes[at + 1];
    if (first === undefined || (tag & LONG_TAG) === LONG_TAG) return null;
    at += 2;
    let length = first;
    if (first >= LONG_LENGTH) {
      const size = first - LONG_LENGTH;
      if (size < 1 || size > LONGEST_LENGTH || at + size > bytes.length) return null;
      length = bytes.readUIntBE(at, size);
      at += size;
    }
    if (at + length > bytes.length) return null;
    elements.push({ tag, body: bytes.subarray(at, at + length) });
    at += length;
  }
  return elements;
}
