import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import type { HttpCall, HttpOutcome } from '../client/http-call.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import type { SpanOptions } from '../config/span-options.ts';
import { HeaderMap } from '../http/headers.ts';
import { testExchange } from '../testing/exchange.ts';
import type { TracingConfig } from './config.ts';
import { Exporter, ExporterStats } from './exporter.ts';
import { type SpanRecord, spanSignal } from './otlp.ts';
import { drawOf, reasonOf, withReason } from './request-id.ts';
import { parentBased, ratio } from './sampler.ts';
import { b3, b3Multi, propagatorsOf, traceContext } from './trace-context.ts';
import { Tracer, type TracerServices, TracingStats } from './tracer.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const ID = '01234567-89ab-4def-8123-456789abcdef';

describe('trace context', () => {
  test.each([
    ['sampled', `00-${TRACE}-${SPAN}-01`, true],
    ['not sampled', `00-${TRACE}-${SPAN}-00`, false],
    ['other flags', `00-${TRACE}-${SPAN}-03`, true],
    ['a later version', `01-${TRACE}-${SPAN}-01-more`, true],
    ['more than version 00 has', `00-${TRACE}-${SPAN}-01-more`, null],
    ['version ff', `ff-${TRACE}-${SPAN}-01`, null],
    ['no trace', `00-${'0'.repeat(32)}-${SPAN}-01`, null],
    ['no span', `00-${TRACE}-${'0'.repeat(16)}-01`, null],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`, null],
    ['garbage', 'x', null],
  ])('%s', (_, traceparent, sampled) => {
    const found = traceContext.extract(new HeaderMap(['traceparent', traceparent, 'tracestate', 'a=1']));
    const wants = { traceId: TRACE, spanId: SPAN, parentId: '', sampled, said: true, state: 'a=1' };
    expect(found).toEqual(sampled === null ? null : wants);
  });

  test.each([
    ['b3 single', b3, ['b3', `${TRACE}-${SPAN}-1`], true],
    ['b3 single, short', b3, ['b3', `${TRACE.slice(16)}-${SPAN}-0-${SPAN}`], false],
    ['b3 single, debug', b3, ['b3', `${TRACE}-${SPAN}-d`], true],
    ['b3 single, deferred', b3, ['b3', `${TRACE}-${SPAN}`], true],
    ['b3 single, only a decision', b3, ['b3', '0'], null],
    ['b3 multi', b3Multi, ['x-b3-traceid', TRACE, 'x-b3-spanid', SPAN, 'x-b3-sampled', '0'], false],
    ['b3 multi, debug', b3Multi, ['x-b3-traceid', TRACE, 'x-b3-spanid', SPAN, 'x-b3-flags', '1'], true],
    ['b3 multi, half', b3Multi, ['x-b3-traceid', TRACE], null],
  ])('%s', (_, propagator, headers, sampled) => {
    const found = propagator.extract(new HeaderMap(headers));
    expect(found?.sampled ?? null).toBe(sampled);
    if (found !== null) expect(found.traceId.endsWith(TRACE.slice(16))).toBe(true);
  });

  test.each([traceContext, b3, b3Multi])('what is injected is extracted', (propagator) => {
    const headers = new HeaderMap();
    const context = { traceId: TRACE, spanId: SPAN, parentId: '', sampled: true, said: true, state: '' };
    propagator.inject(headers, context);
    expect(propagator.extract(headers)).toEqual(context);
  });

  test('propagators by name', () => {
    expect(propagatorsOf(undefined)).toEqual([traceContext]);
    expect(propagatorsOf('b3multi, tracecontext,baggage')).toEqual([b3Multi, traceContext]);
  });
});

describe('request ids', () => {
  test.each(['none', 'sampled', 'client', 'forced'] as const)('carry the reason %s', (reason) => {
    expect(reasonOf(withReason(ID, reason))).toBe(reason);
  });

  test('of another form are left alone', () => {
    expect(withReason('mine', 'sampled')).toBe('mine');
    expect([reasonOf('mine'), drawOf('mine')]).toEqual(['none', null]);
  });
});

describe('samplers', () => {
  test('by share of the trace id', () => {
    expect(ratio(0.5)(`${'0'.repeat(16)}7fffffff00000000`, null)).toBe(true);
    expect(ratio(0.5)(`${'0'.repeat(16)}8000000000000000`, null)).toBe(false);
  });

  test('by the parent', () => {
    const parent = { traceId: TRACE, spanId: SPAN, parentId: '', sampled: false, said: true, state: '' };
    expect(parentBased(() => true)(TRACE, parent)).toBe(false);
    expect(parentBased(() => true)(TRACE, null)).toBe(true);
  });
});

const config: TracingConfig = {
  options: {
    clientSampling: { numerator: 100, denominator: 100 },
    randomSampling: { numerator: 100, denominator: 100 },
    overallSampling: { numerator: 100, denominator: 100 },
    customTags: [{ tag: 'mine', read: () => 'value' }],
    operation: null,
    upstreamOperation: null,
  },
  verbose: false,
  maxPathLength: 256,
  spawnUpstream: false,
  propagate: true,
  sampler: null,
  zipkin: null,
  requestIds: { packReason: true, decide: true },
  exporter: {
    target: {
      kind: 'http',
      uri: { scheme: 'http', authority: 'c', path: '/v1/traces', cluster: 'c', timeout: 1_000 },
      headers: [],
    },
    resource: [['service.name', 's']],
    queueSize: 3,
  },
};

const none = { numerator: 0, denominator: 100 };
const withOptions = (change: Partial<SpanOptions>): Partial<TracingConfig> => ({
  options: { ...config.options, ...change },
});
const never = withOptions({ randomSampling: none });
const nothing = withOptions({ overallSampling: none });

function world(change: Partial<TracingConfig> = {}, runtime: Readonly<Record<string, number>> = {}) {
  const clock = new ManualClock();
  const calls: HttpCall[] = [];
  const answers: ((outcome: HttpOutcome) => void)[] = [];
  const client = {
    http(call: HttpCall, done: (outcome: HttpOutcome) => void) {
      calls.push(call);
      answers.push(done);
      return () => undefined;
    },
  };
  const services = {
    client,
    wheel: new TimerWheel(clock, (error) => expect.unreachable(String(error))),
    runtime: { ...noRuntime, number: (key: string) => runtime[key], share: (key: string) => runtime[key] },
  } as unknown as TracerServices;
  const stats = { requests: new TracingStats(), spans: new ExporterStats() };
  const node = { id: 'n', cluster: '', zone: 'z' };
  const localAddress = '192.0.2.1';
  let drawn = 0;
  const random = () => ++drawn / 1000;
  const tracer = new Tracer({ ...config, ...change }, 'ingress', { ...services, node, localAddress, random }, stats);
  return { clock, calls, answers, services, stats, tracer };
}

describe('decisions', () => {
  const decide = (change: Partial<TracingConfig>, headers: readonly string[]) => {
    const { tracer, stats } = world(change);
    const exchange = testExchange({ headers: ['x-request-id', ID, ...headers] });
    const span = tracer.begin(exchange);
    const [counted] = Object.entries(stats.requests).find(([, count]) => count === 1) ?? ['nothing'];
    return [span.sampled, reasonOf(exchange.request.headers.get('x-request-id')!), counted];
  };
  const parent = (flags: string) => ['traceparent', `00-${TRACE}-${SPAN}-${flags}`];
  test.each<[name: string, change: Partial<TracingConfig>, headers: readonly string[], wants: unknown[]]>([
    ['by chance', {}, [], [true, 'sampled', 'random_sampling']],
    ['not by chance', never, [], [false, 'none', 'not_traceable']],
    ['for the client', never, ['x-client-trace-id', 'c'], [true, 'client', 'client_enabled']],
    ['by force', never, ['x-envoy-force-trace', '1'], [true, 'forced', 'service_forced']],
    ['none over all', nothing, ['x-envoy-force-trace', '1'], [false, 'none', 'not_traceable']],
    ['a sampled parent', {}, parent('01'), [true, 'sampled', 'random_sampling']],
    ['a parent that is not', {}, parent('00'), [false, 'sampled', 'random_sampling']],
    ['a sampled parent, unwanted', never, parent('01'), [false, 'none', 'not_traceable']],
    ['said by no id', { requestIds: { packReason: false, decide: true } }, [], [true, 'none', 'random_sampling']],
    [
      'without a look at ids',
      { ...nothing, requestIds: { packReason: true, decide: false } },
      [],
      [true, 'none', 'random_sampling'],
    ],
    ['a sampler against the parent', { sampler: () => true }, parent('00'), [true, 'sampled', 'random_sampling']],
  ])('%s', (_, change, headers, wants) => {
    expect(decide(change, headers)).toEqual(wants);
  });

  test.each<[name: string, sampling: Partial<SpanOptions>, headers: string[], wants: boolean]>([
    ['a route that is never traced', { randomSampling: none }, [], false],
    ['a route of which nothing is', { overallSampling: none }, ['x-envoy-force-trace', '1'], false],
    ['a draw that is less', { randomSampling: { numerator: 8_744, denominator: 10_000 } }, [], true],
    ['a draw that is not', { randomSampling: { numerator: 8_743, denominator: 10_000 } }, [], false],
  ])('%s', (_name, sampling, headers, wants) => {
    const { tracer } = world();
    const exchange = testExchange({ headers: ['x-request-id', ID, ...headers] });
    expect(drawOf(ID)).toBe(8_743);
    exchange.route = { tracing: { ...config.options, ...sampling }, decorator: null } as never;
    expect(tracer.begin(exchange).sampled).toBe(wants);
  });

  test('the runtime goes first', () => {
    const { tracer } = world(never, { 'tracing.random_sampling': 1 });
    expect(tracer.begin(testExchange({ headers: ['x-request-id', ID] })).sampled).toBe(true);
  });

  test('what the id says holds', () => {
    const { tracer } = world(never);
    const exchange = testExchange({ headers: ['x-request-id', withReason(ID, 'sampled')] });
    expect(tracer.begin(exchange).sampled).toBe(true);
  });
});

describe('spans', () => {
  test('are told to the next hop and exported with their attributes', () => {
    const { tracer, clock, calls } = world();
    const exchange = testExchange({ headers: ['x-request-id', ID, 'traceparent', `00-${TRACE}-${SPAN}-01`] });
    exchange.response = { status: 503, headers: new HeaderMap() };
    const span = tracer.begin(exchange);
    span.attempt(1000);
    expect(exchange.request.headers.get('traceparent')).toBe(`00-${TRACE}-${span.spanId}-01`);
    span.finish(1010);
    clock.advance(5_000);
    const sent = calls[0]!.body!.toString('latin1');
    for (const part of [
      'service.name',
      'ingress',
      'http.url',
      'http://shop.example/',
      '503',
      'error',
      'mine',
      'node_id',
    ])
      expect(sent).toContain(part);
    expect(calls[0]!.head.path).toBe('/v1/traces');
  });

  test('are made for every attempt where that is asked for', () => {
    const { tracer, clock, calls } = world({ spawnUpstream: true });
    const exchange = testExchange({ headers: ['x-request-id', ID] });
    exchange.cluster = 'api';
    exchange.response = { status: 200, headers: new HeaderMap() };
    const span = tracer.begin(exchange);
    span.attempt(1000);
    const first = exchange.request.headers.get('traceparent');
    span.attempted({ status: 503, flags: 0, fault: null, sent: true }, 1001);
    span.attempt(1002);
    span.finish(1010);
    clock.advance(5_000);
    expect(first).not.toContain(span.spanId);
    expect(calls[0]!.body!.toString('latin1').match(/router api egress/g)).toHaveLength(2);
  });

  test('of requests that are not sampled are only propagated', () => {
    const { tracer, clock, calls } = world(never);
    const exchange = testExchange({ headers: ['x-request-id', ID] });
    const span = tracer.begin(exchange);
    span.attempt(1000);
    span.finish(1001);
    clock.advance(10_000);
    expect(exchange.request.headers.get('traceparent')).toMatch(/-00$/);
    expect(calls).toEqual([]);
  });
});

describe('the exporter', () => {
  const record = {
    traceId: TRACE,
    spanId: SPAN,
    parentId: '',
    state: '',
    name: 'n',
    kind: 'server',
    start: 1.5,
    end: 2,
    attributes: [],
    failed: false,
    events: [],
  } satisfies SpanRecord;
  const taken: HttpOutcome = {
    kind: 'answer',
    answer: { status: 200, headers: new HeaderMap(), body: Buffer.alloc(0) },
  };

  test('sends when there are enough, drops when too many wait', () => {
    const { services, calls, answers } = world({}, { 'tracing.opentelemetry.min_flush_spans': 2 });
    const stats = new ExporterStats();
    const exporter = new Exporter(config.exporter, spanSignal, services, stats);
    for (let i = 0; i < 5; i++) exporter.add(record);
    expect(calls).toHaveLength(1);
    expect(stats.spans_dropped).toBe(2);
    answers[0]!(taken);
    exporter.add(record);
    expect(calls).toHaveLength(2);
    expect(stats).toMatchObject({ spans_sent: 2, spans_dropped: 2, export_failed: 0 });
  });

  test('counts what the collector refuses, and frames messages for gRPC', () => {
    const { services, calls, answers, clock } = world();
    const stats = new ExporterStats();
    const service = { cluster: 'otel', authority: '', timeout: 0, metadata: null, maxMessage: null };
    const exporter = new Exporter(
      { ...config.exporter, target: { kind: 'grpc', service } },
      spanSignal,
      services,
      stats,
    );
    exporter.add(record);
    clock.advance(5_000);
    const { head, body } = calls[0]!;
    expect(head.path).toBe('/opentelemetry.proto.collector.trace.v1.TraceService/Export');
    expect(body!.readUInt32BE(1)).toBe(body!.length - 5);
    answers[0]!({
      kind: 'answer',
      answer: { status: 200, headers: new HeaderMap(['grpc-status', '12']), body: Buffer.alloc(0) },
    });
    expect(stats).toMatchObject({ spans_sent: 0, spans_dropped: 1, export_failed: 1, timer_flushed: 1 });
  });
});
