import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../../lib/manual-clock.ts';
import { AdmissionControlSchema } from '../../../xds/gen/envoy/extensions/filters/http/admission_control/v3/admission_control_pb.ts';
import { noRuntime } from '../../config/runtime-keys.ts';
import { HeaderMap } from '../../http/headers.ts';
import { testExchange } from '../../testing/exchange.ts';
import { filterStream } from '../../testing/filter-stream.ts';
import { testScope } from '../../testing/scope.ts';
import type { FilterScope } from '../filter.ts';
import { admissionControl } from './admission-control.ts';

const compile = (config: JsonObject) =>
  admissionControl.chain.compile(
    anyPack(AdmissionControlSchema, fromJson(AdmissionControlSchema, { success_criteria: {}, ...config })),
    'admission',
    'f',
  )!;

function start(config: JsonObject, change: Partial<FilterScope> = {}) {
  const clock = new ManualClock();
  const filter = compile(config);
  const scope = testScope({ clock, random: () => 0.5, ...change });
  const stream = filterStream();
  const open = (exchange = testExchange()) => filter.open!(exchange, scope, stream)!;
  /** The status a request is answered with, which `status` is where it passes. */
  const ask = (status: number) => {
    const exchange = testExchange();
    const opened = open(exchange);
    const refused = opened.request!.head!(exchange.request, true);
    if (typeof refused === 'object') return refused.status;
    opened.response!.head!({ status, headers: new HeaderMap() }, true);
    return status;
  };
  const stats = () => scope.stats('http.test.admission_control', () => ({}));
  return { clock, open, ask, stats };
}

const times = (count: number, work: () => unknown) => Array.from({ length: count }, work);

test('as many are refused as too many failed, by chance', () => {
  // 10 requests, 5 of which succeeded: (10 - 5 / 0.95) / 11 = 0.43.
  const after = (random: number) => {
    let chance = 0.9999;
    const { ask } = start({}, { random: () => chance });
    times(5, () => [ask(200), ask(500)]);
    chance = random;
    return ask(200);
  };
  expect([after(0.43), after(0.44)]).toEqual([503, 200]);
});

test('a refusal is told as Envoy tells it, and does not count', () => {
  const { open, ask, stats } = start({ aggression: { default_value: 1e9, runtime_key: 'x' } });
  expect([ask(500), ask(200), ask(200)]).toEqual([500, 503, 503]);
  const exchange = testExchange();
  expect(open(exchange).request!.head!(exchange.request, true)).toEqual({
    status: 503,
    body: '',
    details: 'denied_by_admission_control',
    flags: 0,
    headers: null,
  });
  expect(stats()).toEqual({ rq_rejected: 3, rq_success: 0, rq_failure: 1 });
});

describe('settings', () => {
  const certain = { aggression: { default_value: 1e9, runtime_key: 'a' } };
  const whole = { value: 100 };
  const setting = (value: JsonObject | number | boolean) => ({ default_value: value, runtime_key: 'key' });
  test.each<[name: string, config: JsonObject, wants: readonly number[]]>([
    ['no more are refused than allowed', { max_rejection_probability: setting({ value: 50 }) }, [500, 500, 500]],
    ['all may be', { max_rejection_probability: setting(whole) }, [500, 503, 503]],
    ['nothing is refused below a rate', { rps_threshold: setting(1) }, [500, 500, 500]],
    ['not enabled', { enabled: setting(false) }, [500, 500, 500]],
    ['as many successes as are enough', { sr_threshold: setting(whole) }, [500, 503, 503]],
  ])('%s', (_name, config, wants) => {
    const { ask } = start({ ...certain, ...config });
    expect(times(3, () => ask(500))).toEqual(wants);
  });

  test('the runtime has the last word', () => {
    const number = (key: string) => (key === 'key' ? 0 : undefined);
    const { ask } = start(
      { ...certain, max_rejection_probability: setting(whole) },
      {
        runtime: { ...noRuntime, number },
      },
    );
    expect(times(3, () => ask(500))).toEqual([500, 500, 500]);
  });
});

test('what is long ago is forgotten', () => {
  const { clock, ask } = start({ sampling_window: '2.9s', aggression: { default_value: 1e9, runtime_key: 'x' } });
  expect([ask(500), ask(200)]).toEqual([500, 503]);
  clock.advance(1_999);
  expect(ask(200)).toBe(503);
  clock.advance(1);
  expect(ask(200)).toBe(200);
});

test('a rate is of the window at least', () => {
  const rate = { default_value: 3, runtime_key: 'x' };
  const { ask } = start({
    sampling_window: '2s',
    rps_threshold: rate,
    aggression: { default_value: 1e9, runtime_key: 'y' },
  });
  expect(times(7, () => ask(500))).toEqual([500, 500, 500, 500, 500, 500, 503]);
});

describe('success', () => {
  const http = (...ranges: (readonly [start: number, end: number])[]) => ({
    success_criteria: { http_criteria: { http_success_status: ranges.map(([start, end]) => ({ start, end })) } },
  });
  const grpc = (...statuses: number[]) => ({ success_criteria: { grpc_criteria: { grpc_success_status: statuses } } });
  const called = ['content-type', 'application/grpc'];
  type Answer = { status?: number; headers?: string[]; last?: boolean; trailers?: string[] };
  test.each<[name: string, config: JsonObject, answer: Answer, wants: boolean | undefined]>([
    ['a client error', {}, { status: 499 }, true],
    ['a server error', {}, { status: 500 }, false],
    ['within a range', http([200, 201], [404, 405]), { status: 404 }, true],
    ['behind a range', http([200, 201]), { status: 201 }, false],
    ['of gRPC in the head', {}, { headers: [...called, 'grpc-status', '14'] }, false],
    ['of gRPC in trailers', {}, { headers: called, last: false, trailers: ['grpc-status', '5'] }, true],
    ['of gRPC as listed', grpc(14), { headers: called, last: false, trailers: ['grpc-status', '14'] }, true],
    ['of gRPC, none in trailers', {}, { headers: called, last: false, trailers: [] }, false],
    ['of gRPC without trailers', {}, { headers: called, last: false }, undefined],
    ['of gRPC with an error of HTTP', {}, { status: 502, headers: called, last: false }, false],
  ])('%s', (_name, config, { status = 200, headers = [], last = true, trailers }, wants) => {
    const { open, stats } = start(config);
    const opened = open();
    opened.request!.head!(testExchange().request, true);
    opened.response!.head!({ status, headers: new HeaderMap(headers) }, last);
    if (!last) opened.response!.end!(trailers === undefined ? null : new HeaderMap(trailers));
    expect(stats()).toMatchObject({ rq_success: Number(wants === true), rq_failure: Number(wants === false) });
  });

  test('of a health check is nobody’s', () => {
    const { open, stats } = start({});
    const exchange = testExchange();
    exchange.healthCheck = true;
    const opened = open(exchange);
    opened.request!.head!(exchange.request, true);
    opened.response!.head!({ status: 500, headers: new HeaderMap() }, true);
    expect(stats()).toMatchObject({ rq_failure: 0 });
  });
});

test.each<[JsonObject, string]>([
  [{ success_criteria: { http_criteria: {} } }, 'f.success_criteria.http_criteria.http_success_status: is empty'],
  [
    { success_criteria: { http_criteria: { http_success_status: [{ start: 50, end: 200 }] } } },
    'f.success_criteria.http_criteria.http_success_status[0]: [50, 200) is no range of statuses',
  ],
  [
    { success_criteria: { grpc_criteria: { grpc_success_status: [17] } } },
    'f.success_criteria.grpc_criteria.grpc_success_status[0]: 17 is no status of gRPC',
  ],
  [{ sr_threshold: { runtime_key: 'x' } }, 'f.sr_threshold.default_value: must be at least 1'],
  [{ max_rejection_probability: { default_value: { value: 101 } } }, 'f.max_rejection_probability: is no percentage'],
])('%j is refused', (config, wants) => {
  expect(() => compile(config)).toThrow(wants);
});
