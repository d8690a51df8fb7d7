import { Writable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { BufferedSink, DEFAULT_FLUSH, setFlushing } from './sink.ts';

afterEach(() => setFlushing(DEFAULT_FLUSH));

/** A stream that finishes its first write only when told to. */
class SlowStream extends Writable {
  written = '';
  release: () => void = () => undefined;

  constructor() {
    super({ highWaterMark: 1 });
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.written += chunk.toString('latin1');
    this.release = done;
  }
}

function sinkTo(stream: Writable) {
  const clock = new ManualClock();
  let opened = 0;
  const sink = new BufferedSink(() => {
    opened += 1;
    return stream;
  }, clock);
  return { sink, clock, opened: () => opened };
}

test('lines wait for the timer, and nothing is opened before the first', () => {
  const stream = new SlowStream();
  const { sink, clock, opened } = sinkTo(stream);
  expect(opened()).toBe(0);
  sink.write('a\n');
  sink.write('\xe9\n');
  clock.advance(999);
  expect([opened(), stream.written]).toEqual([0, '']);
  clock.advance(1);
  expect([opened(), stream.written]).toEqual([1, 'a\n\xe9\n']);
});

test('much text is written at once', () => {
  const stream = new SlowStream();
  const { sink } = sinkTo(stream);
  sink.write('x'.repeat(64 * 1024));
  expect(stream.written.length).toBe(64 * 1024);
});

test('the proxy is started with an interval and a size of its own', () => {
  const written: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      done();
    },
  });
  const { sink, clock } = sinkTo(stream);
  setFlushing({ interval: 50, size: 4 });
  sink.write('a\n');
  clock.advance(49);
  expect(written).toEqual([]);
  clock.advance(1);
  expect(written).toEqual(['a\n']);
  sink.write('b\n');
  sink.write('c\n');
  expect(written).toEqual(['a\n', 'b\nc\n']);
});

test('a sink that lags drops lines, counts them, and goes on when it has caught up', () => {
  const stream = new SlowStream();
  const { sink } = sinkTo(stream);
  const line = 'x'.repeat(64 * 1024);
  for (let i = 0; i < 100; i++) sink.write(line);
  expect(sink.dropped).toBe(35);
  expect(stream.writableLength).toBeLessThan(5 * 1024 * 1024);
});

test('a stream that fails loses lines, not the process', async () => {
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) });
  const { sink } = sinkTo(broken);
  const failed = new Promise((resolve) => broken.once('close', resolve));
  sink.write('a\n');
  sink.write('b\n');
  sink.flush();
  await failed;
  sink.write('c\n');
  expect(sink.dropped).toBe(3);
});

test('what is held can be taken, once', () => {
  const { sink } = sinkTo(new SlowStream());
  sink.write('a\n');
  expect([sink.take(), sink.take()]).toEqual(['a\n', '']);
});
