import { describe, expect, test } from 'vitest';
import { LiteralMemo } from './literal-memo.ts';

const at = (memo: LiteralMemo, text: string, huffman = false): string | undefined => {
  const bytes = Buffer.from(`<${text}>`);
  return memo.find(bytes, 1, bytes.length - 1, huffman);
};

function see(memo: LiteralMemo, text: string, name = 'server', huffman = false): string | undefined {
  const known = at(memo, text, huffman);
  const bytes = Buffer.from(`<${text}>`);
  if (known === undefined) memo.learn(bytes, 1, bytes.length - 1, huffman, name, text);
  return known;
}

describe('literals seen again', () => {
  test('a value is known from its third coming on', () => {
    const memo = new LiteralMemo();
    expect([see(memo, 'nginx'), see(memo, 'nginx'), see(memo, 'nginx')]).toEqual([undefined, undefined, 'nginx']);
  });

  test('values that never come again push out nothing', () => {
    const memo = new LiteralMemo();
    for (let i = 0; i < 3; i++) see(memo, 'nginx');
    for (let i = 0; i < 10_000; i++) see(memo, `id-${i}`);
    expect(at(memo, 'nginx')).toBe('nginx');
  });

  test('the same bytes in the other coding are another literal', () => {
    const memo = new LiteralMemo();
    for (let i = 0; i < 3; i++) see(memo, 'nginx');
    expect(at(memo, 'nginx', true)).toBe(undefined);
  });

  test('every value is what it was, also where two share a slot', () => {
    const memo = new LiteralMemo();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5_000; i++) {
        const value = `value ${i}`;
        expect([undefined, value]).toContain(see(memo, value));
        expect([undefined, value]).toContain(see(memo, value));
      }
    }
  });

  const never: readonly (readonly [what: string, text: string, name: string])[] = [
    ['a token', 'Bearer abc', 'authorization'],
    ['a session', 'id=1', 'cookie'],
    ['a session that begins', 'id=1', 'set-cookie'],
    ['a long value', 'x'.repeat(65), 'server'],
  ];
  test.each(never)('%s is not kept', (_what, text, name) => {
    const memo = new LiteralMemo();
    for (let i = 0; i < 4; i++) expect(see(memo, text, name)).toBe(undefined);
  });

  test('nothing is known as nothing', () => {
    expect([undefined, '']).toContain(at(new LiteralMemo(), ''));
  });
});
