import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { RuntimeSchema } from '../../xds/gen/envoy/service/runtime/v3/rtds_pb.ts';
import { RuntimeLayers } from '../bootstrap/runtime-layers.ts';
import { adsSource } from '../config/config-source.ts';
import type { ResourceHandler } from './apply.ts';
import { followRuntime } from './runtime-resources.ts';

function follow() {
  const clock = new ManualClock();
  const asked: string[] = [];
  const handlers: ResourceHandler[] = [];
  const answer = Promise.withResolvers<void>();
  const runtime = new RuntimeLayers(
    ['one', 'two'].map((name) => ({ name, kind: 'rtds', resource: `${name}-values`, source: adsSource })),
  );
  const done = followRuntime({
    runtime,
    clock,
    open: (source, handler) => {
      handlers.push(handler);
      return {
        received: answer.promise,
        first: answer.promise,
        setNames: (names) => void asked.push(`${source.key}: ${[...names].join()}`),
        close: () => undefined,
      };
    },
  });
  return { clock, asked, handler: handlers[0]!, answer, runtime, done };
}

const bytes = (name: string, layer: Record<string, number | null>) =>
  toBinary(RuntimeSchema, create(RuntimeSchema, { name, layer }));

test('layers of one source are asked for together, and each takes what is its own', async () => {
  const { asked, handler, answer, runtime, done } = follow();
  expect(asked).toEqual(['ads: one-values,two-values']);
  void handler.set(bytes('two-values', { a: 2 }), 'two-values');
  answer.resolve();
  await done;
  expect(runtime.number('a')).toBe(2);
  expect(runtime.describe()).toMatchObject({ entries: { a: { layer_values: ['', '2'] } } });
  expect(() => handler.set(bytes('two-values', { b: null }), 'two-values')).toThrow(
    'invalid runtime entry value for b',
  );
  expect(runtime.number('a')).toBe(2);
});

test('what does not come is waited for no longer than initial_fetch_timeout', async () => {
  const { clock, done } = follow();
  clock.advance(15_000);
  await done;
});
