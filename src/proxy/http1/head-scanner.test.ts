import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeadScanner, MORE } from './head-scanner.ts';
import '../../../test/support/same-cases.ts';

/** Text with an odd byte here and there: the end of a line, what must be refused, and what only looks like it. */
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: fc.constantFrom('a', 'Z', '9', ' ', '\t', '~', '!'), maxLength: 80 }) },
  { weight: 4, arbitrary: fc.constantFrom('\r\n', '\r\n\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\r', '\n', '\0', '\x1f', '\x7f', '\x80', '\xff', '\xa0') },
);
const section = fc
  .array(piece, { minLength: 1, maxLength: 30 })
  .map((pieces) => Buffer.from(pieces.join(''), 'latin1'));

/** Fed byte by byte it never sees four at once. */
function slowly(bytes: Buffer): number {
  const scanner = new HeadScanner();
  for (let i = 0; i < bytes.length; i++) {
    const result = scanner.scan(bytes, i, i + 1);
    if (result !== MORE) return result;
  }
  return MORE;
}

test('four bytes at a time find what one at a time finds, wherever the bytes lie in memory', () => {
  fc.assert(
    fc.property(section, fc.integer({ min: 0, max: 7 }), (bytes, offset) => {
      // Long enough for the fast way, with text that both take alike.
      const long = Buffer.concat([Buffer.alloc(300, 'x'), bytes]);
      const memory = Buffer.alloc(offset + long.length + 3);
      long.copy(memory, offset);
      const placed = memory.subarray(offset, offset + long.length);
      expect(new HeadScanner().scan(placed, 0, placed.length)).toBe(slowly(placed));
    }),
    { numRuns: 500 },
  );
});
