import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { type AddressOrder, anyOrder } from '../config/address-order.ts';
import type { ConnectResult } from './connector.ts';
import { happyEyeballs, inOrder } from './happy-eyeballs.ts';

function race(...others: string[]) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => expect.unreachable(String(error)));
  const tried = new Map<string, ConnectResult>();
  const log: string[] = [];
  const inner = {
    connect(address: string, port: number, result: ConnectResult) {
      log.push(`${address}:${port}`);
      tried.set(address, result);
      return () => void log.push(`no ${address}`);
    },
  };
  const connector = happyEyeballs(
    inner,
    others.map((address) => ({ address, port: 2 })),
    anyOrder,
    wheel,
  );
  const cancel = connector.connect('a', 1, {
    onConnected: (socket) => log.push(`connected ${String(socket)}`),
    onFailed: (detail) => log.push(`failed ${detail}`),
  });
  const connected = (address: string) => tried.get(address)!.onConnected(address as unknown as Socket, '', null);
  const failed = (address: string) => tried.get(address)!.onFailed(`by ${address}`);
  return { clock, log, cancel, connected, failed };
}

test('the first that connects is all there is', () => {
  const { log, connected, clock } = race('b');
  connected('a');
  clock.advance(1_000);
  expect(log).toEqual(['a:1', 'connected a']);
});

test('a slow one gets company, and the winner ends the others', () => {
  const { log, connected, clock } = race('b', 'c');
  clock.advance(320);
  expect(log).toEqual(['a:1', 'b:2']);
  clock.advance(320);
  connected('b');
  expect(log).toEqual(['a:1', 'b:2', 'c:2', 'no a', 'no c', 'connected b']);
});

test('a failure brings the next at once; the last failure is the whole’s', () => {
  const { log, failed } = race('b');
  failed('a');
  failed('b');
  expect(log).toEqual(['a:1', 'b:2', 'failed by b']);
});

test('a failure while another is still trying says nothing', () => {
  const { log, failed, connected, clock } = race('b');
  clock.advance(320);
  failed('b');
  connected('a');
  expect(log).toEqual(['a:1', 'b:2', 'connected a']);
});

test('giving up ends all of them', () => {
  const { log, cancel, clock } = race('b', 'c');
  clock.advance(320);
  cancel();
  clock.advance(1_000);
  expect(log).toEqual(['a:1', 'b:2', 'no a', 'no b']);
});

test.each<[string, AddressOrder, string]>([
  ['the family of the first, in turn', anyOrder, '1.1.1.1 ::1 1.1.1.2 ::2 1.1.1.3'],
  ['the other family first', { first: 6, count: 1 }, '::1 1.1.1.1 ::2 1.1.1.2 1.1.1.3'],
  ['two of a family at a time', { first: 4, count: 2 }, '1.1.1.1 1.1.1.2 ::1 1.1.1.3 ::2'],
  ['more than there are', { first: 6, count: 9 }, '::1 ::2 1.1.1.1 1.1.1.2 1.1.1.3'],
])('the order of addresses: %s', (_name, order, wants) => {
  const addresses = ['1.1.1.1', '1.1.1.2', '1.1.1.3', '::1', '::2'].map((address) => ({ address, port: 1 }));
  const found = inOrder(addresses, order).map(({ address }) => address);
  expect(found.join(' ')).toBe(wants);
});
