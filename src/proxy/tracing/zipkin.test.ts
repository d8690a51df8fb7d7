import { describe, expect, test } from 'vitest';
import { HeaderMap } from '../http/headers.ts';
import type { Propagator } from './trace-context.ts';
import { zipkinContext, zipkinPropagators, zipkinSignal } from './zipkin.ts';

const TRACE = '463ac35c9f6413ad';
const SPAN = 'a2fb4a1d1a96d312';
const PARENT = '0020000000000001';
const CONFIG = { shared: true, wideIds: false, timedIds: false, w3c: false };
const [zipkinPropagator] = zipkinPropagators(CONFIG) as [Propagator];
const multi = ['x-b3-traceid', TRACE, 'x-b3-spanid', SPAN, 'x-b3-parentspanid', PARENT];

describe('headers', () => {
  test.each<[name: string, headers: string[], wants: object | null]>([
    ['several', [...multi, 'x-b3-sampled', '0'], { traceId: TRACE, parentId: PARENT, sampled: false, said: true }],
    ['several, without a decision', multi, { sampled: true, said: false }],
    ['debug', [...multi, 'x-b3-flags', '1'], { sampled: true, said: true }],
    ['one', ['b3', `${TRACE}${TRACE}-${SPAN}-1-${PARENT}`], { traceId: TRACE + TRACE, spanId: SPAN, parentId: PARENT }],
    ['one, without a parent', ['b3', `${TRACE}-${SPAN}-0`], { parentId: '', sampled: false }],
    ['only a decision', ['b3', '0'], null],
    ['an id of nothing', ['x-b3-traceid', '0'.repeat(16), 'x-b3-spanid', SPAN], null],
    ['no hexadecimal digits', ['x-b3-traceid', 'x'.repeat(16), 'x-b3-spanid', SPAN], null],
  ])('%s', (_name, headers, wants) => {
    const found = zipkinPropagator.extract(new HeaderMap(headers));
    if (wants === null) expect(found).toBeNull();
    else expect(found).toMatchObject(wants);
  });

  test.each([multi, ['b3', `${TRACE}-${SPAN}-1`]])('are answered in their own form: %s', (...headers) => {
    const map = new HeaderMap([...headers]);
    const names = [...map].map(([name]) => name);
    zipkinPropagator.inject(map, { ...zipkinPropagator.extract(map)!, spanId: PARENT, parentId: SPAN, sampled: false });
    expect([...map].map(([name]) => name).filter((name) => name !== 'x-b3-sampled')).toEqual(names);
    expect(zipkinPropagator.extract(map)).toMatchObject({ spanId: PARENT, parentId: SPAN, sampled: false });
  });
});

test('trace context stands beside B3 where that is asked for', () => {
  const [b3, w3c] = zipkinPropagators({ ...CONFIG, w3c: true });
  const headers = new HeaderMap([...multi, 'x-b3-sampled', '1']);
  const context = b3!.extract(headers)!;
  w3c!.inject(headers, context);
  expect(headers.get('traceparent')).toBe(`00-${TRACE.padStart(32, '0')}-${SPAN}-01`);
  expect(w3c!.extract(headers)).toMatchObject({ spanId: SPAN, sampled: true });
});

describe('the span of an exchange', () => {
  const parent = zipkinPropagator.extract(new HeaderMap([...multi, 'x-b3-sampled', '1']));
  const config = CONFIG;
  const newId = () => 'f'.repeat(16);
  const made = { serves: true, wanted: true, newId, startedAt: 1_700_000_000_999 };
  test.each<[name: string, got: object, wants: object]>([
    [
      'is that of the caller',
      zipkinContext(parent, config, { ...made, wanted: false }),
      { spanId: SPAN, parentId: PARENT, sampled: true },
    ],
    [
      'is a child of a client',
      zipkinContext(parent, config, { ...made, serves: false }),
      { spanId: newId(), parentId: SPAN },
    ],
    ['is a child where none is shared', zipkinContext(parent, { ...config, shared: false }, made), { parentId: SPAN }],
    [
      'begins a trace of its own id',
      zipkinContext(null, config, { ...made, wanted: false }),
      { traceId: newId(), spanId: newId(), parentId: '', sampled: false },
    ],
    ['begins a wide one', zipkinContext(null, { ...config, wideIds: true }, made), { traceId: 'f'.repeat(32) }],
    [
      'begins one with the time',
      zipkinContext(null, { ...config, timedIds: true }, made),
      { traceId: '6553f100ffffffff', spanId: newId() },
    ],
    [
      'begins a wide one with the time',
      zipkinContext(null, { ...config, timedIds: true, wideIds: true }, made),
      { traceId: `6553f100ffffffff${newId()}` },
    ],
  ])('%s', (_name, got, wants) => {
    expect(got).toMatchObject(wants);
  });
});

test('a span as JSON', () => {
  const signal = zipkinSignal(CONFIG, { service: 'shop', address: '::1' });
  const span = {
    ...{ traceId: TRACE, spanId: SPAN, parentId: '', state: '', name: 'shop.example', failed: false },
    ...{
      start: 1_700_000_000_000.25,
      end: 1_700_000_000_010,
      events: [['sent', 1_700_000_000_005.5]] as const,
      attributes: [
        ['zone', ''],
        ['a', 'caf\xc3\xa9'],
      ] as const,
    },
  };
  const encoded = signal.encode(
    [
      { ...span, kind: 'server' },
      { ...span, kind: 'client', parentId: PARENT },
    ],
    [],
  );
  const common = {
    traceId: TRACE,
    id: SPAN,
    name: 'shop.example',
    timestamp: 1_700_000_000_000_250,
    duration: 9_750,
    localEndpoint: { serviceName: 'shop', ipv6: '::1', port: 0 },
    tags: { a: 'café' },
  };
  const sent = { timestamp: 1_700_000_000_005_500, value: 'sent' };
  expect(JSON.parse(Buffer.from(encoded).toString())).toEqual([
    { ...common, kind: 'SERVER', shared: true, annotations: [sent, { timestamp: 1_700_000_000_010_000, value: 'ss' }] },
    {
      ...common,
      kind: 'CLIENT',
      parentId: PARENT,
      annotations: [sent, { timestamp: 1_700_000_000_010_000, value: 'cr' }],
    },
  ]);
});
