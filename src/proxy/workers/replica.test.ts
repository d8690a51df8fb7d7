import { expect, test } from 'vitest';
import type { Change } from './messages.ts';
import { Replica } from './replica.ts';

const bytes = (text: string) => Buffer.from(text);
const cluster = (text: string): Change => ({ kind: 'cluster', name: 'web', bytes: bytes(text) });
const listener = (name: string): Change => ({ kind: 'listener', name, bytes: bytes(name), ports: [80], sockets: [] });
const secret = (source: string, roots: string): Change => {
  return { kind: 'secret', source, name: 'ROOTCA', value: { kind: 'trust', roots } };
};
const routes: Change = { kind: 'routes', name: 'r', bytes: bytes('r') };

test('a late worker is told the last of everything, and first what the rest needs', () => {
  const replica = new Replica();
  const endpoints: Change = { kind: 'endpoints', name: 'web', bytes: bytes('e') };
  for (const change of [listener('a'), routes, cluster('1'), endpoints, secret('x', '1'), cluster('2')]) {
    replica.record(change);
  }
  replica.record(listener('b'));
  replica.record({ kind: 'endpoints', name: 'old', bytes: bytes('o') });
  replica.record({ kind: 'listener gone', name: 'a' });
  replica.record({ kind: 'endpoints gone', name: 'old' });
  replica.record(secret('y', '1'));
  expect(replica.changes()).toEqual([
    secret('x', '1'),
    secret('y', '1'),
    endpoints,
    cluster('2'),
    routes,
    listener('b'),
  ]);
});

test('what is refused is taken back', () => {
  const replica = new Replica();
  replica.record(cluster('1'));
  expect(replica.record(cluster('2'))()).toEqual(cluster('1'));
  expect(replica.record(routes)()).toEqual({ kind: 'routes gone', name: 'r' });
  expect(replica.record(secret('x', '1'))()).toBeNull();
  expect(replica.changes()).toEqual([cluster('1')]);
});

test('but not what something newer has taken the place of', () => {
  const replica = new Replica();
  const takeBack = replica.record(cluster('1'));
  replica.record(cluster('2'));
  expect(takeBack()).toBeNull();
  expect(replica.changes()).toEqual([cluster('2')]);
});
