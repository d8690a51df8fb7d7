import { describe, expect, test } from 'vitest';
import { noRuntime } from '../config/runtime-keys.ts';
import type { SpanOptions } from '../config/span-options.ts';
import type { Exchange } from '../http/exchange.ts';
import { HeaderMap } from '../http/headers.ts';
import { testExchange } from '../testing/exchange.ts';
import type { TracingConfig } from './config.ts';
import type { SpanRecord } from './otlp.ts';
import { ExchangeSpan } from './span.ts';
import { exchangeEvents } from './span-events.ts';
import type { Tracer } from './tracer.ts';

const all = { numerator: 100, denominator: 100 };
const plain: SpanOptions = {
  ...{ clientSampling: all, randomSampling: all, overallSampling: all },
  customTags: [],
  operation: null,
  upstreamOperation: null,
};
const context = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), parentId: '', sampled: true, said: true, state: '' };

/** The spans of one exchange: of its attempt, then its own. */
function spansOf(
  options: Partial<SpanOptions>,
  route: Partial<SpanOptions> | null,
  live: (span: ExchangeSpan, exchange: Exchange) => void,
): SpanRecord[] {
  const records: SpanRecord[] = [];
  const config = { options: { ...plain, ...options }, spawnUpstream: true, verbose: false, maxPathLength: 256 };
  const tracer = {
    config: config as unknown as TracingConfig,
    exporter: { add: (record: SpanRecord) => records.push(record) },
    node: { id: '', cluster: '', zone: '' },
    direction: 'ingress',
    nameOf: () => 'by default',
    newSpanId: () => '3'.repeat(16),
    inject: () => undefined,
    runtime: noRuntime,
  } as unknown as Tracer;
  const exchange = testExchange({ headers: ['x-envoy-decorator-operation', 'theirs'] });
  exchange.route = { decorator: null, tracing: route && { ...plain, ...route } } as never;
  exchange.cluster = 'a';
  exchange.attempts = 1;
  exchange.response = { status: 200, headers: new HeaderMap() };
  const span = new ExchangeSpan(tracer, exchange, context, '');
  live(span, exchange);
  span.finish(1_100);
  return records;
}
const once = (span: ExchangeSpan, exchange: Exchange) => {
  span.attempt(1_010);
  exchange.upstreamStarted = 1_020;
  exchange.upstreamEnded = 1_030;
};

describe('names', () => {
  const name = (text: string) => ({ operation: () => `${text} op`, upstreamOperation: () => `${text} try` });
  test.each<[Partial<SpanOptions>, Partial<SpanOptions> | null, wants: string[]]>([
    [{}, null, ['router a egress', 'theirs']],
    [name('all'), null, ['all try', 'all op']],
    [name('all'), {}, ['all try', 'all op']],
    [name('all'), name('route'), ['route try', 'route op']],
    [{}, name('route'), ['route try', 'route op']],
  ])('%#', (options, route, wants) => {
    expect(spansOf(options, route, once).map((span) => span.name)).toEqual(wants);
  });
});

test('tags of a route go before those of all', () => {
  const tag = (key: string, value: string) => ({ tag: key, read: () => value });
  const [, span] = spansOf(
    { customTags: [tag('a', 'all'), tag('b', 'all')] },
    { customTags: [tag('b', 'route'), tag('c', 'route')] },
    once,
  );
  expect(span!.attributes.filter(([key]) => key.length === 1)).toEqual([
    ['a', 'all'],
    ['b', 'route'],
    ['c', 'route'],
  ]);
});

describe('ends of attempts', () => {
  const told = (live: Parameters<typeof spansOf>[2]) =>
    spansOf({}, null, live)
      .slice(0, -1)
      .map(({ attributes }) =>
        attributes
          .filter(([key]) => /^(http\.status_code|retry\.count|error\.reason|canceled|error)$/.test(key))
          .map((pair) => pair.join(' ')),
      );
  test('well', () => expect(told(once)).toEqual([['http.status_code 200']]));
  test('reset, and again', () => {
    const twice = (span: ExchangeSpan, exchange: Exchange) => {
      span.attempt(1_001);
      span.attempted({ status: 0, flags: 0, fault: 'remote reset', sent: true }, 1_002);
      exchange.attempts = 2;
      once(span, exchange);
    };
    expect(told(twice)).toEqual([
      ['http.status_code 0', 'error true', 'error.reason remote reset'],
      ['retry.count 1', 'http.status_code 200'],
    ]);
  });
  test('given up', () => {
    expect(told((span) => span.attempt(1_001))).toEqual([['http.status_code 0', 'error true', 'canceled true']]);
  });
});

test('what happened when', () => {
  const exchange = testExchange();
  exchange.requestEnded = 1_001;
  exchange.upstreamSent = 1_002.5;
  exchange.responded = 1_004;
  expect(exchangeEvents(exchange, 1_005)).toEqual([
    ['last_downstream_rx_byte_received', exchange.startedAt + 1],
    ['first_upstream_tx_byte_sent', exchange.startedAt + 2.5],
    ['first_downstream_tx_byte_sent', exchange.startedAt + 4],
    ['last_downstream_tx_byte_sent', exchange.startedAt + 5],
  ]);
});
