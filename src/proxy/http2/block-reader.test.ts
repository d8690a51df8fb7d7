import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BlockFields, BlockReader } from './block-reader.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { RequestFields } from './request-fields.ts';
import '../../../test/support/same-cases.ts';

type Field = readonly [name: string, value: string];

class Listed implements BlockFields {
  fields: Field[] = [];
  begun = 0;

  begin(): void {
    this.fields = [];
    this.begun += 1;
  }

  onField(name: string, value: string): void {
    this.fields.push([name, value]);
  }
}

const reader = () => new BlockReader(new HpackDecoder(4_096), () => new Listed());
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

function read(blocks: BlockReader<Listed>, block: Buffer): Listed | null {
  return blocks.read(block, 0, block.length);
}

function encode(encoder: HpackEncoder, fields: readonly Field[]): Buffer {
  const out = { bytes: Buffer.alloc(4_096), at: 0, reserve: () => {} };
  encoder.begin(out);
  for (const [name, value] of fields) encoder.field(out, name, value);
  return out.bytes.subarray(0, out.at);
}

const LITERAL = hex('82 0004 6b69 6e64 0573 6d61 6c6c');
const INDEXING = hex('82 4004 6b69 6e64 0573 6d61 6c6c');
const FIELDS: readonly Field[] = [
  [':method', 'GET'],
  ['kind', 'small'],
];

describe('header blocks seen again', () => {
  test('the same bytes are decoded once', () => {
    const blocks = reader();
    expect(read(blocks, LITERAL)!.fields).toEqual(FIELDS);
    const again = read(blocks, Buffer.concat([Buffer.from('xx'), LITERAL]).subarray(2))!;
    expect([again.fields, again.begun]).toEqual([FIELDS, 1]);
  });

  test('a block that adds to the table adds each time it comes', () => {
    const decoder = new HpackDecoder(4_096);
    const blocks = new BlockReader(decoder, () => new Listed());
    const changes = [1, 2, 3].map(() => {
      expect(read(blocks, INDEXING)!.fields).toEqual(FIELDS);
      return decoder.changes;
    });
    expect(new Set(changes).size).toBe(3);
  });

  test('a block that names an entry means another one after the table has changed', () => {
    const blocks = reader();
    read(blocks, INDEXING);
    expect(read(blocks, hex('be'))!.fields).toEqual([['kind', 'small']]);
    read(blocks, hex('4004 6b69 6e64 056c 6172 6765'));
    expect(read(blocks, hex('be'))!.fields).toEqual([['kind', 'large']]);
  });

  test('an error stays one', () => {
    const blocks = reader();
    expect([read(blocks, hex('c0')), read(blocks, hex('c0'))]).toEqual([null, null]);
  });

  test('trailers may be what was no head', () => {
    const limits = {
      maxHeadBytes: 1_000,
      maxHeaders: 10,
      allowConnect: false,
      proxies100Continue: false,
      underscores: 'allow' as const,
    };
    const blocks = new BlockReader(new HpackDecoder(4_096), () => new RequestFields(limits));
    const block = hex('0004 6b69 6e64 0573 6d61 6c6c');
    expect(blocks.read(block, 0, block.length)!.head(false)).toBeNull();
    expect(blocks.read(block, 0, block.length)!.trailers()!.get('kind')).toBe('small');
  });

  test('heads from one block are changed apart', () => {
    const limits = {
      maxHeadBytes: 1_000,
      maxHeaders: 10,
      allowConnect: false,
      proxies100Continue: false,
      underscores: 'allow' as const,
    };
    const blocks = new BlockReader(new HpackDecoder(4_096), () => new RequestFields(limits));
    const block = hex('82 84 86 0104 7474 7474 0004 6b69 6e64 0573 6d61 6c6c');
    const [one, other] = [0, 1].map(() => blocks.read(block, 0, block.length)!.head(false)!);
    one!.headers.set('kind', 'large');
    expect(other!.headers.get('kind')).toBe('small');
  });

  test('any order of blocks says what plain decoding says', () => {
    const blocks = [
      LITERAL,
      INDEXING,
      hex('82 4004 6b69 6e64 056c 6172 6765 4003 6b65 7903 6f6e 65'),
      // Entries by their place: the newest alone, the two newest, a name with another value, which is added.
      hex('be'),
      hex('82 bf be'),
      hex('7e 0374 776f'),
      // The table loses its entries, then it may have some again.
      hex('20 3fe1 1f 82'),
      hex('82 84 86'),
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...blocks), { maxLength: 60 }), (order) => {
        const decoder = new HpackDecoder(4_096);
        const seen = reader();
        for (const block of [INDEXING, ...order]) {
          const plain = new Listed();
          const good = decoder.decode(block, 0, block.length, plain);
          expect(read(seen, block)?.fields).toEqual(good ? plain.fields : undefined);
          if (!good) break;
        }
      }),
    );
  });

  const names = fc.constantFrom(':method', 'kind', 'cookie', 'x-id', 'x-much-longer-name');
  const values = fc.oneof(fc.constantFrom('', 'small', 'v'.repeat(300)), fc.stringMatching(/^[a-z]{0,20}$/));
  const heads = fc.array(fc.tuple(names, values), { maxLength: 6 });

  test('every block says what was encoded, however heads alternate', () => {
    fc.assert(
      fc.property(
        fc.array(heads, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 40 }),
        (kinds, order) => {
          const encoder = new HpackEncoder();
          const blocks = reader();
          for (const next of order) {
            const head = kinds[next % kinds.length]!;
            expect(read(blocks, encode(encoder, head))!.fields).toEqual(head);
          }
        },
      ),
    );
  });
});
