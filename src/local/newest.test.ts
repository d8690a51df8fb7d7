import { expect, test } from 'vitest';
import { NewestOnly } from './newest.ts';

/** Work that ends when it is told to. */
function slowWork() {
  const begun: string[] = [];
  const errors: unknown[] = [];
  let current = Promise.withResolvers<void>();
  const newest = new NewestOnly<string>(
    (item) => {
      begun.push(item);
      current = Promise.withResolvers();
      return current.promise;
    },
    (error) => errors.push(error),
  );
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    ...{ begun, errors, newest, turn },
    finish: (error?: Error) => (error === undefined ? current.resolve() : current.reject(error)),
  };
}

test('of those that wait only the newest is worked on', async () => {
  const { newest, begun, finish, turn } = slowWork();
  for (const item of ['a', 'b', 'c']) newest.give(item);
  expect(begun).toEqual(['a']);
  finish();
  await turn();
  expect(begun).toEqual(['a', 'c']);
});

test('work that fails is told, and the next goes on', async () => {
  const { newest, begun, errors, finish, turn } = slowWork();
  newest.give('a');
  newest.give('b');
  const failure = new Error('no');
  finish(failure);
  await turn();
  expect([begun, errors]).toEqual([['a', 'b'], [failure]]);
});

test('after a stop nothing is begun, and what was begun is waited for', async () => {
  const { newest, begun, finish, turn } = slowWork();
  newest.give('a');
  newest.give('b');
  let stopped = false;
  const stop = newest.stop().then(() => {
    stopped = true;
  });
  await turn();
  expect(stopped).toBe(false);
  finish();
  await stop;
  newest.give('c');
  await turn();
  expect(begun).toEqual(['a']);
});
