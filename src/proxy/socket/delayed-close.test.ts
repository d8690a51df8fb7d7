import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { closeDelayed } from './delayed-close.ts';

/** A peer that takes a piece of what is written when it is told to. */
function peer() {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, (error) => {
    throw error;
  });
  const taken: (() => void)[] = [];
  const socket = new Duplex({
    allowHalfOpen: true,
    read: () => undefined,
    write: (_chunk, _encoding, done) => void taken.push(done),
  });
  let late = 0;
  return {
    socket,
    close: () => closeDelayed(socket as Socket, wheel, 1_000, () => void late++),
    take: () => taken.shift()?.(),
    pass: (time: number) => clock.advance(time),
    late: () => late,
  };
}

test('a peer that does not close is left when its time is over', () => {
  const { socket, close, pass, late } = peer();
  close();
  expect(socket.writableEnded).toBe(true);
  pass(950);
  expect(socket.destroyed).toBe(false);
  pass(100);
  expect([socket.destroyed, late()]).toEqual([true, 1]);
});

test('a peer that closes in time is not late', async () => {
  const { socket, close, pass, late } = peer();
  close();
  socket.push(null);
  await new Promise((resolve) => socket.once('close', resolve));
  pass(2_000);
  expect(late()).toBe(0);
});

test('a long answer that is read slowly is not cut off: the time counts from the last piece that was taken', () => {
  const { socket, close, take, pass, late } = peer();
  socket.write('a');
  socket.write('b');
  socket.write('c');
  close();
  for (let i = 0; i < 3; i++) {
    pass(900);
    take();
  }
  pass(900);
  expect([socket.destroyed, late()]).toEqual([false, 0]);
  pass(1_200);
  expect([socket.destroyed, late()]).toEqual([true, 1]);
});
