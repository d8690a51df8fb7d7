// HPACK: any block is decoded or refused; what was decoded survives encoding and decoding again, whole or in a fresh pair of tables; a block
// seen again says what decoding it again would.
import { type BlockFields, BlockReader } from '../../src/proxy/http2/block-reader.ts';
import { isFieldValue, kind } from '../../src/proxy/http2/field-kind.ts';
import { HpackDecoder } from '../../src/proxy/http2/hpack-decoder.ts';
import { type BlockTarget, HpackEncoder } from '../../src/proxy/http2/hpack-encoder.ts';
import type { Target } from './target.ts';

type Field = [name: string, value: string];

export const hpack: Target = {
  name: 'hpack',
  run(input) {
    const decoder = new HpackDecoder(4_096);
    const encoder = new HpackEncoder();
    const again = new HpackDecoder(4_096);
    // The first byte says where the input is cut into two blocks.
    const cut = Math.min(input[0] ?? 0, input.length);
    const blocks = [input.subarray(1, cut), input.subarray(Math.max(cut, 1))] as const;
    repeat(blocks);
    for (const block of blocks) {
      const fields = decode(decoder, block);
      if (fields === null) return;
      const out = target();
      encoder.begin(out);
      for (const [name, value] of fields) encoder.field(out, name, value);
      const repeated = decode(again, out.bytes.subarray(0, out.at));
      if (JSON.stringify(repeated) !== JSON.stringify(fields)) throw new Error('decode(encode(x)) is not x');
    }
  },
};

function repeat([one, other]: readonly [Buffer, Buffer]): void {
  const decoder = new HpackDecoder(4_096);
  const reader = new BlockReader(new HpackDecoder(4_096), () => new Listed());
  for (const block of [one, one, other, one, one, other, other, one]) {
    const plain = new Listed();
    const good = decoder.decode(block, 0, block.length, plain);
    const seen = reader.read(block, 0, block.length);
    if (good !== (seen !== null)) throw new Error('a block seen again was not refused as before');
    if (!good) return;
    if (JSON.stringify(seen?.fields) !== JSON.stringify(plain.fields))
      throw new Error('a block seen again says otherwise');
  }
}

class Listed implements BlockFields {
  fields: Field[] = [];

  begin(): void {
    this.fields = [];
  }

  onField(name: string, value: string): void {
    this.fields.push([name, value]);
  }
}

/** Fields that may be passed on; null for a block that is refused. */
function decode(decoder: HpackDecoder, block: Buffer): Field[] | null {
  const fields: Field[] = [];
  const good = decoder.decode(block, 0, block.length, {
    onField(name, value, what) {
      if (what === kind.invalid) return;
      if (!isFieldValue(value)) throw new Error('a value that is none was let through');
      fields.push([name, value]);
    },
  });
  return good ? fields : null;
}

function target(): BlockTarget {
  return {
    bytes: Buffer.alloc(1_024),
    at: 0,
    reserve(room) {
      if (this.at + room > this.bytes.length)
        this.bytes = Buffer.concat([this.bytes, Buffer.alloc(this.bytes.length + room)]);
    },
  };
}
