import { expect, test } from 'vitest';
import { Pieces } from './pieces.ts';

test('the source is stopped while much of it is not answered', () => {
  const heard: string[] = [];
  const pieces = new Pieces({
    proceed: () => undefined,
    write: () => undefined,
    finish: () => undefined,
    pause: () => heard.push('pause'),
    resume: () => heard.push('resume'),
  });
  pieces.push(Buffer.alloc(60_000), false);
  expect(heard).toEqual([]);
  pieces.push(Buffer.alloc(60_000), true);
  expect(heard).toEqual(['pause']);
  expect(pieces.shift()?.last).toBe(false);
  expect(heard).toEqual(['pause', 'resume']);
  expect(pieces.empty).toBe(false);
  expect(pieces.shift()?.last).toBe(true);
  expect(pieces.empty).toBe(true);
});
