import { expect, test, vi } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { testScope } from '../testing/scope.ts';
import { byteBucket, Throttle } from './throttle.ts';

function start(bytesPerSecond: number) {
  const clock = new ManualClock();
  const outlet = { proceed: vi.fn(), write: vi.fn(), finish: vi.fn(), pause: vi.fn(), resume: vi.fn() };
  const run = (work: () => void) => work();
  const stream = { request: outlet, response: outlet, answer: vi.fn(), reroute: vi.fn(), run };
  const place = { scope: testScope({ clock }), stream, outlet, watch: null };
  const bucket = byteBucket(bytesPerSecond, clock.now());
  const passed = () => outlet.write.mock.calls.map(([chunk]) => (chunk as Buffer).toString());
  return { clock, outlet, passed, throttle: new Throttle(bucket, 100, place) };
}

test('order and boundaries of chunks do not matter to the rate', () => {
  const { clock, outlet, passed, throttle } = start(10);
  throttle.data(Buffer.from('abcdefgh'));
  throttle.data(Buffer.from('ijklm'));
  expect(passed()).toEqual(['abcdefgh', 'ij']);
  throttle.end(null);
  expect(outlet.finish).not.toHaveBeenCalled();
  clock.advance(320);
  expect(passed().slice(2)).toEqual(['k', 'l', 'm']);
  expect(outlet.finish).toHaveBeenCalledExactlyOnceWith(null);
});

test('an end without a body passes at once', () => {
  const { outlet, throttle } = start(10);
  throttle.end(null);
  expect(outlet.finish).toHaveBeenCalledOnce();
});

test('once stopped, nothing passes', () => {
  const { clock, passed, throttle } = start(10);
  throttle.data(Buffer.alloc(20));
  throttle.stop();
  clock.advance(10_000);
  expect(passed()).toHaveLength(1);
});
