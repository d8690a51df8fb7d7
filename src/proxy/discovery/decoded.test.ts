import { expect, test } from 'vitest';
import { Decoded } from './decoded.ts';

test('the same bytes are the same object, until they change or are forgotten', () => {
  const decoded = new Decoded((bytes) => ({ text: Buffer.from(bytes).toString() }));
  const first = decoded.get('a', Buffer.from('x'));
  expect(decoded.get('a', Buffer.from('x'))).toBe(first);
  expect(decoded.get('b', Buffer.from('x'))).not.toBe(first);
  expect(decoded.get('a', Buffer.from('y'))).toEqual({ text: 'y' });
  expect(decoded.get('a', Buffer.from('x'))).not.toBe(first);
  const again = decoded.get('a', Buffer.from('x'));
  decoded.forget('a');
  expect(decoded.get('a', Buffer.from('x'))).not.toBe(again);
});

test('what cannot be decoded leaves the one before', () => {
  const decoded = new Decoded((bytes) => {
    if (bytes.length === 0) throw new Error('empty');
    return { bytes };
  });
  const first = decoded.get('a', Buffer.from('x'));
  expect(() => decoded.get('a', Buffer.alloc(0))).toThrow('empty');
  expect(decoded.get('a', Buffer.from('x'))).toBe(first);
});
