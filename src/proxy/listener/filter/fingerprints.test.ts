import { expect, test } from 'vitest';
import { fingerprint } from './fingerprints.ts';

const number = (value: number, size: number): Buffer => {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(value, 0, size);
  return bytes;
};
const vector = (size: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([number(body.length, size), body]);
};
const numbers = (size: number, list: readonly number[]): Buffer => vector(size, ...list.map((one) => number(one, 2)));

type Hello = {
  readonly ciphers: readonly number[];
  readonly extensions: readonly (readonly [type: number, body: Buffer])[];
};

/** A ClientHello in one record. */
function hello({ ciphers, extensions }: Hello): Buffer {
  const sent = extensions.map(([type, body]) => Buffer.concat([number(type, 2), vector(2, body)]));
  const body = Buffer.concat([
    number(0x0303, 2),
    Buffer.alloc(32),
    vector(1),
    numbers(2, ciphers),
    vector(1, Buffer.alloc(1)),
    vector(2, ...sent),
  ]);
  const message = Buffer.concat([Buffer.from([1]), vector(3, body)]);
  return Buffer.concat([Buffer.from([0x16, 3, 1]), vector(2, message)]);
}

const EXTENSIONS: Hello['extensions'] = [
  [0x1a1a, Buffer.alloc(0)],
  [0, vector(2, Buffer.from([0]), vector(2, Buffer.from('a.example')))],
  [10, numbers(2, [0x2a2a, 29, 23])],
  [11, vector(1, Buffer.from([0]))],
  [13, numbers(2, [0x0403, 0x0804])],
  [16, vector(2, vector(1, Buffer.from('h2')))],
  [43, numbers(1, [0x3a3a, 0x0304, 0x0303])],
];
const FULL: Hello = { ciphers: [0x0a0a, 0x1302, 0x1301], extensions: EXTENSIONS };
const both = { ja3: true, ja4: true };

test('GREASE makes no difference', () => {
  const real: Hello['extensions'] = [
    [10, numbers(2, [29, 23])],
    [43, numbers(1, [0x0304, 0x0303])],
  ];
  const kept = EXTENSIONS.slice(1).filter(([type]) => type !== 10 && type !== 43);
  const plain = { ciphers: [0x1302, 0x1301], extensions: [...kept, ...real].sort(([a], [b]) => a - b) };
  expect(fingerprint(hello(FULL), both)).toEqual(fingerprint(hello(plain), both));
});

test.each<[string, Hello, string]>([
  ['all there is', FULL, 't13d0206h2'],
  ['no extension at all', { ciphers: [0x1301], extensions: [] }, 't12i010000'],
  ['no cipher', { ciphers: [], extensions: [] }, 't12i000000'],
  [
    'a protocol of other bytes',
    { ciphers: [1], extensions: [[16, vector(2, vector(1, Buffer.from([0xab, 0xcd])))]] },
    't12i0101ad',
  ],
  ['old versions', { ciphers: [1], extensions: [[43, numbers(1, [0x0301, 0x0302])]] }, 't11i010100'],
])('the first part of JA4: %s', (_name, client, wants) => {
  expect(fingerprint(hello(client), both)?.ja4.split('_')[0]).toBe(wants);
});

test('the order of ciphers and extensions is JA3’s concern alone', () => {
  const turned = { ciphers: [0x1301, 0x1302], extensions: EXTENSIONS.toReversed() };
  const [one, other] = [FULL, turned].map((client) => fingerprint(hello(client), both));
  expect(one?.ja4).toBe(other?.ja4);
  expect(one?.ja3).not.toBe(other?.ja3);
});

test('what is not asked for is not taken, and of what is no ClientHello nothing', () => {
  expect(fingerprint(hello(FULL), { ja3: false, ja4: true })?.ja3).toBe('');
  expect(fingerprint(Buffer.from('GET / HTTP/1.1\r\n'), both)).toBe(null);
  expect(fingerprint(hello({ ciphers: [], extensions: [] }), both)?.ja4).toBe('t12i000000_000000000000_000000000000');
});
