import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kind } from './field-kind.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { type BlockTarget, HpackEncoder } from './hpack-encoder.ts';
import { IntegerReader, writeInteger } from './hpack-integer.ts';
import { huffmanDecode, huffmanEncode, huffmanLength } from './huffman.ts';
import '../../../test/support/same-cases.ts';

type Field = readonly [name: string, value: string];

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

function decode(decoder: HpackDecoder, block: Buffer): Field[] | null {
  const fields: Field[] = [];
  const good = decoder.decode(block, 0, block.length, {
    onField: (name, value, what) => fields.push([what === kind.invalid ? `!${name}` : name, value]),
  });
  return good ? fields : null;
}

function target(): BlockTarget {
  return {
    bytes: Buffer.alloc(16),
    at: 0,
    reserve(room) {
      if (this.at + room > this.bytes.length)
        this.bytes = Buffer.concat([this.bytes, Buffer.alloc(this.bytes.length + room)]);
    },
  };
}

function encode(encoder: HpackEncoder, fields: readonly Field[]): Buffer {
  const out = target();
  encoder.begin(out);
  for (const [name, value] of fields) encoder.field(out, name, value);
  return out.bytes.subarray(0, out.at);
}

const REQUEST: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
];
const SECOND: readonly Field[] = [...REQUEST, ['cache-control', 'no-cache']];
const THIRD: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/index.html'],
  [':authority', 'www.example.com'],
  ['custom-key', 'custom-value'],
];
const DATE = 'Mon, 21 Oct 2013 20:13:21 GMT';
const ANSWER: readonly Field[] = [
  [':status', '302'],
  ['cache-control', 'private'],
  ['date', DATE],
  ['location', 'https://www.example.com'],
];
const ANSWERS: readonly (readonly Field[])[] = [
  ANSWER,
  [[':status', '307'], ...ANSWER.slice(1)],
  [
    [':status', '200'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
    ['location', 'https://www.example.com'],
    ['content-encoding', 'gzip'],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ],
];

describe('vectors of RFC 7541 appendix C', () => {
  const literals: readonly (readonly [string, string, Field])[] = [
    [
      'C.2.1 with indexing',
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      ['custom-key', 'custom-header'],
    ],
    ['C.2.2 without indexing', '040c 2f73 616d 706c 652f 7061 7468', [':path', '/sample/path']],
    ['C.2.3 never indexed', '1008 7061 7373 776f 7264 0673 6563 7265 74', ['password', 'secret']],
    ['C.2.4 indexed', '82', [':method', 'GET']],
  ];
  test.each(literals)('%s', (_name, block, field) => {
    expect(decode(new HpackDecoder(4_096), hex(block))).toEqual([field]);
  });

  const sequences: readonly (readonly [string, number, readonly (readonly [string, readonly Field[]])[]])[] = [
    [
      'C.3 requests',
      4_096,
      [
        ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', REQUEST],
        ['8286 84be 5808 6e6f 2d63 6163 6865', SECOND],
        ['8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65', THIRD],
      ],
    ],
    [
      'C.4 requests with Huffman',
      4_096,
      [
        ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', REQUEST],
        ['8286 84be 5886 a8eb 1064 9cbf', SECOND],
        ['8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', THIRD],
      ],
    ],
    [
      'C.6 responses with Huffman in a table of 256 bytes',
      256,
      [
        [
          '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
          ANSWERS[0]!,
        ],
        ['4883 640e ffc1 c0bf', ANSWERS[1]!],
        [
          '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
          ANSWERS[2]!,
        ],
      ],
    ],
  ];
  test.each(sequences)('%s', (_name, size, blocks) => {
    const decoder = new HpackDecoder(size);
    for (const [block, fields] of blocks) expect(decode(decoder, hex(block))).toEqual(fields);
  });

  test.each([
    [10, 0x1f, '0a'],
    [1337, 0x1f, '1f9a0a'],
    [42, 0xff, '2a'],
  ])('C.1 integer %d', (value, mask, bytes) => {
    const out = Buffer.alloc(8);
    const length = writeInteger(out, 0, 0, mask, value);
    expect(out.subarray(0, length).toString('hex')).toBe(bytes);
    expect(new IntegerReader().read(out, 0, length, mask)).toBe(value);
  });
});

describe('refused', () => {
  test.each([
    ['index 0', '80'],
    ['an index beyond both tables', 'be'],
    ['a name beyond both tables', '7e 01 61'],
    ['a string longer than the block', '40 05 61'],
    ['a block that ends in a literal', '40'],
    ['an integer that does not end', 'ff ff ff ff ff ff ff'],
    ['a table larger than allowed', '3f e2 1f'],
    ['a size update after a field', '82 20'],
    ['Huffman padding of eight bits', '00 85 f2b2 4a84 ff 84 4983 43 ff ff'],
    ['Huffman padding that is not all ones', '00 81 18 01 61'],
    ['the end of string inside a string', '00 84 ffff fffc 01 61'],
  ])('%s', (_name, block) => {
    expect(decode(new HpackDecoder(4_096), hex(block))).toBeNull();
  });

  test('a value that was refused twice was known as an empty one after', () => {
    const again = [1, 2, 3, 4].map(() => decode(new HpackDecoder(4_096), hex('82 0b 81 66')));
    expect(again).toEqual([null, null, null, null]);
  });

  test.each([
    ['upper case', 'X-A', 'b'],
    ['a space in a name', 'x a', 'b'],
    ['an empty name', '', 'b'],
    ['an unknown pseudo-header', ':what', 'b'],
    ['a line feed', 'x-a', 'b\nc'],
    ['a zero byte', 'x-a', 'b\0'],
    ['white space around', 'x-a', ' b'],
  ])('%s makes the field invalid, also from the table', (_name, name, value) => {
    const decoder = new HpackDecoder(4_096);
    const block = Buffer.from(
      `\x40${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`,
      'latin1',
    );
    expect(decode(decoder, block)).toEqual([[`!${name}`, value]]);
    expect(decode(decoder, hex('be'))).toEqual([[`!${name}`, value]]);
  });
});

const latin1 = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});
const name = fc.constantFrom(
  ':path',
  'x-a',
  'x-b',
  'date',
  'cookie',
  'authorization',
  'x-long-name-of-a-field',
  'etag',
);
const value = fc.oneof(
  fc.constantFrom('', 'a', 'GET', 'gzip, deflate', 'v'.repeat(90)),
  latin1.map((text) => text.replace(/[^\x21-\x7e\xa0-\xff]/g, '.')),
);
const blocks = fc.array(fc.array(fc.tuple(name, value), { maxLength: 12 }), { maxLength: 12 });

describe('properties', () => {
  test('Huffman: decode(encode(x)) = x', () => {
    fc.assert(
      fc.property(latin1, (text) => {
        const bytes = Buffer.alloc(huffmanLength(text) + 4);
        const end = huffmanEncode(text, bytes, 0);
        const into = Buffer.alloc(bytes.length * 2);
        expect(end).toBe(huffmanLength(text));
        expect(into.toString('latin1', 0, huffmanDecode(bytes, 0, end, into))).toBe(text);
      }),
    );
  });

  test('blocks: what is decoded is what was encoded, whatever the sizes of the table in between', () => {
    fc.assert(
      fc.property(blocks, fc.array(fc.integer({ min: 0, max: 4_096 })), (all, sizes) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(4_096);
        for (const [i, fields] of all.entries()) {
          if (sizes[i] !== undefined) encoder.resize(sizes[i]);
          expect(decode(decoder, encode(encoder, fields))).toEqual(fields);
        }
      }),
    );
  });

  test('arbitrary bytes neither throw nor hang', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decode(new HpackDecoder(4_096), Buffer.from(bytes));
      }),
    );
  });
});

describe('what the encoder keeps', () => {
  test('a value that repeats costs one byte from its third time on', () => {
    const encoder = new HpackEncoder();
    const sizes = [1, 2, 3].map(() => encode(encoder, [['x-team', 'shop']]).length);
    expect(sizes[2]).toBe(1);
  });

  test('credentials are never indexed', () => {
    const encoder = new HpackEncoder();
    const fields: Field[] = [
      ['authorization', 'Bearer x'],
      ['cookie', 'a=b'],
    ];
    const written = [1, 2, 3].map(() => encode(encoder, fields).toString('hex'));
    expect(new Set(written).size).toBe(1);
    expect(written[0]).toMatch(/^1f08/);
  });
});
