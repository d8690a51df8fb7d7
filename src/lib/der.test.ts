import fc from 'fast-check';
import { expect, test } from 'vitest';
import { derElements, derTag } from './der.ts';
import '../../test/support/same-cases.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

test.each<[name: string, bytes: string, wants: (readonly [tag: number, body: string])[] | null]>([
  ['nothing', '', []],
  ['an integer', '02 01 05', [[derTag.integer, '05']]],
  [
    'two',
    '02 01 05 04 02 61 62',
    [
      [derTag.integer, '05'],
      [derTag.octetString, '6162'],
    ],
  ],
  ['a long length', `04 81 80 ${'00'.repeat(128)}`, [[derTag.octetString, '00'.repeat(128)]]],
  ['a context tag', 'a3 02 05 00', [[derTag.context(3), '0500']]],
  ['a tag without a length', '02', null],
  ['too short', '02 02 05', null],
  ['a length that is cut off', '04 82 01', null],
  ['an endless length', '30 80 00 00', null],
  ['too long a length', '04 85 00 00 00 00 01 00', null],
  ['a tag of several bytes', '1f 81 00 00', null],
])('%s', (_name, bytes, wants) => {
  expect(derElements(hex(bytes))?.map(({ tag, body }) => [tag, body.toString('hex')]) ?? null).toEqual(wants);
});

test('nothing is read beyond the end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const elements = derElements(Buffer.from(bytes)) ?? [];
      return elements.reduce((sum, { body }) => sum + body.length + 2, 0) <= bytes.length;
    }),
  );
});
