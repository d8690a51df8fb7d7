// The part of the protobuf wire format that descriptors are written in, read in place: nothing is copied, nothing but what is
// asked for is decoded.

/** Where something stands in the bytes; `end` is the first byte after it. */
export type Span = { readonly start: number; readonly end: number };

/** A field's number, and its value: that of a varint, or where the bytes of anything with a length are. */
export type Visit = (number: number, value: number, span: Span) => void;

const NOWHERE: Span = { start: 0, end: 0 };

/** Calls `visit` for each field of the message at `span`, in the order of the bytes. */
export function eachField(bytes: Uint8Array, { start, end }: Span, visit: Visit): void {
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < end) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const type = tag & 7;
    if (type === 0) {
      visit(number, varint(), NOWHERE);
    } else if (type === 2) {
      const length = varint();
      const from = at;
      at += length;
      visit(number, 0, { start: from, end: at });
    } else {
      // Fixed width: only options have such fields, and of those none is read.
      at += type === 1 ? 8 : 4;
    }
  }
}

/** Names are ASCII. */
export function textAt(bytes: Uint8Array, { start, end }: Span): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
