import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../../lib/manual-clock.ts';
import { AdaptiveConcurrencySchema } from '../../../xds/gen/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.ts';
import { noRuntime } from '../../config/runtime-keys.ts';
import { HeaderMap } from '../../http/headers.ts';
import { testExchange } from '../../testing/exchange.ts';
import { filterStream } from '../../testing/filter-stream.ts';
import { testScope } from '../../testing/scope.ts';
import type { FilterScope } from '../filter.ts';
import { adaptiveConcurrency } from './adaptive-concurrency.ts';

type Params = { limits?: JsonObject; fastest?: JsonObject; gradient?: JsonObject; filter?: JsonObject };

const config = ({ limits = {}, fastest = { interval: '60s' }, gradient = {}, filter = {} }: Params) => ({
  gradient_controller_config: {
    concurrency_limit_params: { concurrency_update_interval: '0.1s', ...limits },
    min_rtt_calc_params: fastest,
    ...gradient,
  },
  ...filter,
});

const compile = (message: JsonObject) =>
  adaptiveConcurrency.chain.compile(
    anyPack(AdaptiveConcurrencySchema, fromJson(AdaptiveConcurrencySchema, message)),
    'concurrency',
    'f',
  )!;

function start(params: Params, change: Partial<FilterScope> = {}) {
  const clock = new ManualClock();
  const filter = compile(config(params));
  const scope = testScope({ clock, ...change });
  const running = filter.start!(scope);
  const stream = filterStream();
  const begin = () => {
    const exchange = testExchange();
    const opened = filter.open!(exchange, scope, stream);
    return { opened, refused: opened?.request?.head?.(exchange.request, true) };
  };
  const end = ({ opened }: ReturnType<typeof begin>) => {
    opened!.response!.head!({ status: 200, headers: new HeaderMap() }, true);
    opened!.done!();
  };
  /** So many requests one after another, each of which takes so long. */
  const run = (count: number, millis: number) => {
    for (let i = 0; i < count; i++) {
      const request = begin();
      clock.advance(millis);
      end(request);
    }
  };
  const stats = () => scope.stats('http.test.adaptive_concurrency.gradient_controller', () => ({}));
  return { clock, running, begin, end, run, stats };
}

test('one too many is refused, until another has ended', () => {
  const { begin, end, stats } = start({ fastest: { interval: '60s', min_concurrency: 1 } });
  const first = begin();
  expect(first.refused).toBe(undefined);
  expect(begin().refused).toEqual({
    status: 503,
    body: 'reached concurrency limit',
    details: 'reached_concurrency_limit',
    flags: 0,
    headers: null,
  });
  expect(stats()).toMatchObject({ rq_blocked: 1, concurrency_limit: 1, min_rtt_calculation_active: 1 });
  end(first);
  expect(begin().refused).toBe(undefined);
});

test('the fastest is measured with few requests, then the limit follows the latency', () => {
  const { clock, run, stats } = start({
    fastest: { interval: '60s', request_count: 4 },
    limits: { min_concurrency_limit: 1 },
  });
  run(4, 8);
  expect(stats()).toMatchObject({ min_rtt_calculation_active: 0, min_rtt_msecs: 8, concurrency_limit: 3 });
  // As fast as before, and a quarter: 3 × 1.25 + √3.75.
  run(2, 8);
  clock.advance(104);
  expect(stats()).toMatchObject({ sample_rtt_msecs: 8, gradient: expect.closeTo(1_250, -2), concurrency_limit: 5 });
  // Far slower: no less than half, 5 × 0.5 + √2.5.
  run(1, 99);
  clock.advance(104);
  expect(stats()).toMatchObject({ sample_rtt_msecs: 99, gradient: 500, burst_queue_size: 1, concurrency_limit: 4 });
});

test('no answers say nothing', () => {
  const { clock, stats } = start({ fastest: { fixed_value: '0.01s' } });
  clock.advance(1_000);
  expect(stats()).toMatchObject({ concurrency_limit: 3, gradient: 0, min_rtt_msecs: 10 });
});

test('the limit keeps within its bounds', () => {
  const { clock, run, stats } = start({
    fastest: { fixed_value: '0.1s' },
    limits: { min_concurrency_limit: 2, max_concurrency_limit: 5 },
  });
  expect(stats()).toMatchObject({ concurrency_limit: 2 });
  run(1, 0);
  clock.advance(104);
  expect(stats()).toMatchObject({ gradient: 2_000, concurrency_limit: 5 });
});

test('the fastest is measured again after its time and a part of it by chance', () => {
  const { clock, run, stats } = start(
    { fastest: { interval: '10s', jitter: { value: 50 }, request_count: 1 } },
    { random: () => 0.5 },
  );
  run(1, 8);
  clock.advance(12_400);
  expect(stats()).toMatchObject({ min_rtt_calculation_active: 0 });
  clock.advance(150);
  expect(stats()).toMatchObject({ min_rtt_calculation_active: 1 });
});

test('of requests that began before a measurement nothing is learnt', () => {
  const { clock, begin, end, run, stats } = start({ fastest: { interval: '1s', jitter: {}, request_count: 1 } });
  run(1, 8);
  const early = begin();
  clock.advance(1_008);
  expect(stats()).toMatchObject({ min_rtt_calculation_active: 1 });
  end(early);
  expect(stats()).toMatchObject({ min_rtt_calculation_active: 1 });
  run(1, 24);
  expect(stats()).toMatchObject({ min_rtt_calculation_active: 0, min_rtt_msecs: 24 });
});

test('a limit that stays at the least makes the fastest be measured again', () => {
  const { clock, run, stats } = start({ fastest: { interval: '1000s', request_count: 1 } });
  run(1, 8);
  for (let i = 0; i < 5; i++) {
    expect(stats()).toMatchObject({ min_rtt_calculation_active: 0 });
    run(1, 80);
    clock.advance(104);
  }
  expect(stats()).toMatchObject({ min_rtt_calculation_active: 1 });
});

test('a request that is broken off leaves its place, and no sample', () => {
  const { begin, stats } = start({ fastest: { interval: '60s', min_concurrency: 1, request_count: 1 } });
  begin().opened!.done!();
  expect(stats()).toMatchObject({ min_rtt_calculation_active: 1 });
  expect(begin().refused).toBe(undefined);
});

test('nothing goes on once no requests are to come', () => {
  const { clock, running, begin, end, stats } = start({ fastest: { interval: '1s', request_count: 1 } });
  const late = begin();
  running.stop();
  end(late);
  clock.advance(10_000);
  expect(stats()).toMatchObject({ min_rtt_calculation_active: 0 });
});

describe('settings', () => {
  test.each<[name: string, filter: JsonObject, wants: number | undefined]>([
    ['a status', { concurrency_limit_exceeded_status: { code: 'TooManyRequests' } }, 429],
    ['a status that is no error', { concurrency_limit_exceeded_status: { code: 'OK' } }, 503],
    ['not enabled', { enabled: { default_value: false, runtime_key: 'x' } }, undefined],
  ])('%s', (_name, filter, wants) => {
    const { begin } = start({ filter, fastest: { interval: '60s', min_concurrency: 1 } });
    begin();
    expect(begin().refused).toEqual(wants === undefined ? undefined : expect.objectContaining({ status: wants }));
  });

  test('the runtime has the last word', () => {
    const integer = (key: string) => (key.endsWith('.min_concurrency') ? 7 : undefined);
    const { stats } = start({}, { runtime: { ...noRuntime, integer } });
    expect(stats()).toMatchObject({ concurrency_limit: 7 });
  });
});

const gradient = 'f.gradient_controller_config';

test.each<[JsonObject, string]>([
  [{}, `${gradient}: is required`],
  [{ gradient_controller_config: {} }, `${gradient}.concurrency_limit_params: is required`],
  [config({ fastest: {} }), `${gradient}.min_rtt_calc_params: has neither an interval nor a fixed_value`],
  [config({ fastest: { interval: '0s' } }), `${gradient}.min_rtt_calc_params.interval: must be 1ms or more`],
  [config({ fastest: { fixed_value: '0.0001s' } }), `${gradient}.min_rtt_calc_params.fixed_value: must be 1ms or more`],
  [
    config({ limits: { concurrency_update_interval: '0s' } }),
    `${gradient}.concurrency_limit_params.concurrency_update_interval: must be more than 0`,
  ],
  [
    config({ limits: { max_concurrency_limit: 0 } }),
    `${gradient}.concurrency_limit_params.max_concurrency_limit: must be more than 0`,
  ],
  [
    config({ gradient: { sample_aggregate_percentile: { value: 101 } } }),
    `${gradient}.sample_aggregate_percentile: is no percentage`,
  ],
])('%j is refused', (message, wants) => {
  expect(() => compile(message)).toThrow(wants);
});
