import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../../lib/manual-clock.ts';
import { HTTPFaultSchema } from '../../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { flag } from '../../http/flags.ts';
import { testExchange } from '../../testing/exchange.ts';
import { filterStream } from '../../testing/filter-stream.ts';
import { testScope } from '../../testing/scope.ts';
import { fault } from './filter.ts';

const always = { numerator: 100 };
const half = { numerator: 50 };
const abort = (percentage: JsonObject) => ({ abort: { http_status: 418, percentage } });
const delay = (percentage: JsonObject) => ({ delay: { fixed_delay: '2s', percentage } });
const byHeader = { abort: { header_abort: {}, percentage: always }, delay: { header_delay: {}, percentage: always } };

function compile(config: JsonObject) {
  return fault.chain.compile(anyPack(HTTPFaultSchema, fromJson(HTTPFaultSchema, config)), 'fault', 'f')!;
}

function run(config: JsonObject, random: () => number = () => 0, headers: readonly string[] = []) {
  const clock = new ManualClock();
  const exchange = testExchange({ headers });
  const scope = testScope({ clock, random });
  const stream = filterStream();
  const opened = compile(config).open?.(exchange, scope, stream) ?? null;
  return { clock, exchange, scope, stream, opened, outcome: opened?.request?.head?.(exchange.request, true) };
}

const aborted = { status: 418, body: 'fault filter abort', details: 'fault_filter_abort', flags: flag.faultInjected };

describe('abort', () => {
  test.each<[name: string, config: JsonObject, random: number, headers: string[], wants: object | undefined]>([
    ['always', abort(always), 0.99, [], aborted],
    ['nothing configured', {}, 0, [], undefined],
    ['no percentage is none', { abort: { http_status: 418 } }, 0, [], undefined],
    ['inside the share', abort(half), 0.499, [], aborted],
    ['outside the share', abort(half), 0.5, [], undefined],
    ['headers that match', { ...abort(always), headers: [{ name: 'x' }] }, 0, ['x', ''], aborted],
    ['headers that do not', { ...abort(always), headers: [{ name: 'x' }] }, 0, [], undefined],
    ['a status of gRPC', { abort: { grpc_status: 5, percentage: always } }, 0, [], { status: 200, grpcStatus: 5 }],
    ['as a header says', byHeader, 0, ['x-envoy-fault-abort-request', '410'], { status: 410 }],
    ['as a header says, of gRPC', byHeader, 0, ['x-envoy-fault-abort-grpc-request', '4'], { grpcStatus: 4 }],
    ['a header that is no status', byHeader, 0, ['x-envoy-fault-abort-request', '99'], undefined],
    [
      'a share the header lowers',
      byHeader,
      0.3,
      ['x-envoy-fault-abort-request', '410', 'x-envoy-fault-abort-request-percentage', '20'],
      undefined,
    ],
    ['no header', byHeader, 0, [], undefined],
    [
      'another node',
      { ...abort(always), downstream_nodes: ['a'] },
      0,
      ['x-envoy-downstream-service-node', 'b'],
      undefined,
    ],
    [
      'one of the nodes',
      { ...abort(always), downstream_nodes: ['a'] },
      0,
      ['x-envoy-downstream-service-node', 'a'],
      aborted,
    ],
    ['another cluster', { ...abort(always), upstream_cluster: 'a' }, 0, [], undefined],
  ])('%s', (_name, config, random, headers, wants) => {
    const { exchange, outcome } = run(config, () => random, headers);
    if (wants === undefined) expect(outcome).toBe(undefined);
    else expect(outcome).toMatchObject(wants);
    expect(exchange.flags).toBe(wants === undefined ? 0 : flag.faultInjected);
  });
});

test('a chain in which nothing is configured pays nothing', () => {
  expect(compile({})).toEqual({ name: 'fault' });
});

test('a delayed request goes on when its time is over, and not before', () => {
  const { clock, exchange, stream, outcome, scope } = run(delay(always));
  expect(outcome).toBe('hold');
  clock.advance(1_990);
  expect(stream.request.proceed).not.toHaveBeenCalled();
  clock.advance(20);
  expect(stream.request.proceed).toHaveBeenCalledOnce();
  expect(exchange.flags).toBe(flag.delayInjected);
  expect(scope.stats('http.test.fault', () => ({}))).toMatchObject({ delays_injected: 1, active_faults: 1 });
});

test('delay and abort: both, each by its own share', () => {
  const { clock, exchange, stream } = run({ ...delay(half), ...abort(half) }, () => 0.4);
  clock.advance(2_010);
  expect(stream.answer).toHaveBeenCalledWith(expect.objectContaining({ status: 418 }));
  expect(exchange.flags).toBe(flag.delayInjected | flag.faultInjected);
});

test('a delay as long as a header says', () => {
  const { clock, stream } = run(byHeader, () => 0, ['x-envoy-fault-delay-request', '100']);
  clock.advance(110);
  expect(stream.request.proceed).toHaveBeenCalledOnce();
});

test('no more at a time than allowed', () => {
  const config = { ...abort(always), max_active_faults: 0 };
  const { outcome, scope } = run(config);
  expect(outcome).toBe(undefined);
  expect(scope.stats('http.test.fault', () => ({}))).toMatchObject({ faults_overflow: 1, active_faults: 0 });
});

test('a response is passed on at the rate', () => {
  const limit = { response_rate_limit: { fixed_limit: { limit_kbps: 1 }, percentage: always } };
  const { clock, stream, opened } = run(limit);
  opened!.response!.data!(Buffer.alloc(120));
  opened!.response!.end!(null);
  const passed = () => stream.response.write.mock.calls.reduce((sum, [chunk]) => sum + (chunk as Buffer).length, 0);
  expect(passed()).toBe(51);
  clock.advance(60);
  expect([passed(), stream.response.finish.mock.calls.length]).toEqual([108, 0]);
  clock.advance(60);
  expect([passed(), stream.response.finish.mock.calls.length]).toEqual([120, 1]);
});

test.each<[JsonObject, string]>([
  [{ delay: {} }, 'f.delay: has no fixed_delay'],
  [{ delay: { fixed_delay: '0s' } }, 'f.delay.fixed_delay: must be more than 0'],
  [{ abort: {} }, 'f.abort: has no http_status'],
  [{ abort: { http_status: 600 } }, 'f.abort.http_status: 600 is no status'],
  [{ response_rate_limit: {} }, 'f.response_rate_limit: has no fixed_limit'],
])('%j is refused', (config, wants) => {
  expect(() => compile(config)).toThrow(wants);
});
