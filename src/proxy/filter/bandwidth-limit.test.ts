import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test, vi } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { SharedTallies } from '../../lib/shared-tallies.ts';
import { BandwidthLimitSchema } from '../../xds/gen/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.ts';
import { HeaderMap } from '../http/headers.ts';
import { testExchange } from '../testing/exchange.ts';
import { testScope } from '../testing/scope.ts';
import { bandwidthLimit } from './bandwidth-limit.ts';
import type { FilterScope } from './filter.ts';

const both = { stat_prefix: 'b', limit_kbps: '1', enable_mode: 'REQUEST_AND_RESPONSE' };
const packed = (config: JsonObject) => anyPack(BandwidthLimitSchema, fromJson(BandwidthLimitSchema, config));
const compile = (config: JsonObject) => bandwidthLimit.chain.compile(packed(config), 'bandwidth', 'b')!;

function outlet() {
  const calls = { proceed: vi.fn(), write: vi.fn(), finish: vi.fn(), pause: vi.fn(), resume: vi.fn() };
  const bytes = () => calls.write.mock.calls.reduce((sum, [chunk]) => sum + (chunk as Buffer).length, 0);
  return { ...calls, bytes };
}

function opened(filter: ReturnType<typeof compile>, scope: FilterScope) {
  const stream = {
    request: outlet(),
    response: outlet(),
    answer: vi.fn(),
    reroute: () => undefined,
    run: (work: () => void) => work(),
  };
  return { stream, part: filter.open?.(testExchange(), scope, stream) ?? null };
}

function start(config: JsonObject, change: Partial<FilterScope> = {}) {
  const clock = new ManualClock();
  const scope = testScope({ clock, ...change });
  const filter = compile(config);
  const stats = () => scope.stats('b.http_bandwidth_limit', () => ({})) as Record<string, number>;
  return { clock, scope, filter, stats, ...opened(filter, scope) };
}

test('a second passes at once, the rest at the rate', () => {
  const { clock, stream, part, stats } = start(both);
  part!.request!.data!(Buffer.alloc(1_100));
  part!.request!.end!(null);
  expect([stream.request.bytes(), stream.request.finish.mock.calls.length]).toEqual([1_024, 0]);
  expect(stats()).toMatchObject({ request_pending: 1, request_enforced: 1, request_allowed_size: 1_024 });
  clock.advance(60);
  expect([stream.request.bytes(), stream.request.finish.mock.calls.length]).toEqual([1_081, 0]);
  clock.advance(60);
  expect([stream.request.bytes(), stream.request.finish.mock.calls.length]).toEqual([1_100, 1]);
  expect(stats()).toMatchObject({
    request_pending: 0,
    request_enforced: 2,
    request_incoming_total_size: 1_100,
    request_allowed_total_size: 1_100,
    response_incoming_total_size: 0,
  });
});

test('all requests share a bucket', () => {
  const { scope, filter, stream, part } = start(both);
  part!.request!.data!(Buffer.alloc(1_000));
  const other = opened(filter, scope);
  other.part!.response!.data!(Buffer.alloc(100));
  expect([stream.request.bytes(), other.stream.response.bytes()]).toEqual([1_000, 24]);
});

test('threads share a bucket', () => {
  const memory = SharedTallies.allocate(2);
  const clock = new ManualClock();
  const [one, other] = [0, 1].map((thread) => {
    const tallies = new SharedTallies(memory, 2, thread);
    return start(both, { clock, workers: 2, tally: (name) => tallies.of(name) });
  });
  one!.part!.request!.data!(Buffer.alloc(1_000));
  other!.part!.request!.data!(Buffer.alloc(100));
  expect([one!.stream.request.bytes(), other!.stream.request.bytes()]).toEqual([1_000, 24]);
  clock.advance(200);
  expect(other!.stream.request.bytes()).toBe(100);
});

test('threads share the rate out, where there are too many names', () => {
  const { stream, part } = start(both, { workers: 2 });
  part!.request!.data!(Buffer.alloc(1_000));
  expect(stream.request.bytes()).toBe(512);
});

test('the source waits while much is waiting', () => {
  const { clock, stream, part } = start({ ...both, limit_kbps: '64' });
  part!.request!.data!(Buffer.alloc(65_536));
  expect(stream.request.pause).not.toHaveBeenCalled();
  part!.request!.data!(Buffer.alloc(65_536));
  expect(stream.request.pause).toHaveBeenCalledOnce();
  clock.advance(60);
  expect(stream.request.resume).toHaveBeenCalledOnce();
});

test('a request that ends early leaves nothing behind', () => {
  const { clock, stream, part, stats } = start(both);
  part!.request!.data!(Buffer.alloc(2_000));
  part!.done!();
  clock.advance(1_000);
  expect(stream.request.bytes()).toBe(1_024);
  expect(stats()).toMatchObject({ request_pending: 0 });
});

describe('delays', () => {
  const slow = (config: JsonObject, trailers: HeaderMap | null) => {
    const { clock, stream, part } = start({ ...both, enable_response_trailers: true, ...config });
    part!.request!.data!(Buffer.alloc(1_060));
    part!.request!.end!(null);
    clock.advance(60);
    part!.response!.data!(Buffer.alloc(50));
    part!.response!.end!(trailers);
    clock.advance(60);
    return (stream.response.finish.mock.calls[0]?.[0] as HeaderMap | null | undefined)?.fields;
  };
  const told = [
    ...['bandwidth-request-delay-ms', '56', 'bandwidth-request-filter-delay-ms', '50'],
    ...['bandwidth-response-delay-ms', '52', 'bandwidth-response-filter-delay-ms', '50'],
  ];
  test.each<[name: string, config: JsonObject, trailers: string[] | null, wants: string[] | undefined]>([
    ['told', {}, null, told],
    ['behind trailers', {}, ['x-end', '1'], ['x-end', '1', ...told]],
    [
      'under a name',
      { response_trailer_prefix: 'My' },
      null,
      told.map((text, i) => (i % 2 === 0 ? `my-${text}` : text)),
    ],
    ['not told', { enable_response_trailers: false }, null, undefined],
  ])('%s', (_name, config, trailers, wants) => {
    expect(slow(config, trailers === null ? null : new HeaderMap(trailers))).toEqual(wants);
  });
});

test.each<[name: string, config: JsonObject, opens: readonly string[]]>([
  ['disabled', { stat_prefix: 'b', limit_kbps: '1' }, []],
  ['requests', { ...both, enable_mode: 'REQUEST' }, ['request']],
  ['responses', { ...both, enable_mode: 'RESPONSE' }, ['response']],
  ['off by the runtime', { ...both, runtime_enabled: { default_value: false, runtime_key: 'x' } }, []],
])('limits %s', (_name, config, opens) => {
  const { part } = start(config);
  expect(Object.keys(part ?? {}).filter((key) => key !== 'done')).toEqual(opens);
});

test.each<[JsonObject, string]>([
  [{ ...both, stat_prefix: '' }, 'b.stat_prefix: is empty'],
  [{ ...both, limit_kbps: '0' }, 'b.limit_kbps: must be more than 0'],
  [{ ...both, fill_interval: '0.019s' }, 'b.fill_interval: must be 20ms to 1s'],
  [{ ...both, fill_interval: '1.001s' }, 'b.fill_interval: must be 20ms to 1s'],
])('%j is refused', (config, wants) => {
  expect(() => compile(config)).toThrow(wants);
});

test('of a route it needs a limit', () => {
  const config = packed({ stat_prefix: 'b', enable_mode: 'REQUEST' });
  expect(() => bandwidthLimit.route!.compile(config, 'bandwidth', 'b')).toThrow('b.limit_kbps: is required');
});
