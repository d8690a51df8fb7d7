// An exception in any layer ends its connection or exchange only: it is answered or reset, counted, and whoever else is there goes on.
// The seams are there anyway: closures of the configuration, and methods that a test replaces for one call.
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Cluster } from './cluster/cluster.ts';
import { Pool } from './cluster/pool.ts';
import type { ClusterConfig, FilterChainConfig, HttpConnectionConfig, ListenerConfig } from './config/types.ts';
import type { HttpFilter } from './filter/filter.ts';
import { BodyDecoder } from './http1/body-decoder.ts';
import { Http1ClientConnection } from './http1/client-connection.ts';
import { RequestParser } from './http1/request-parser.ts';
import { ResponseParser } from './http1/response-parser.ts';
import { Http1ServerConnection } from './http1/server-connection.ts';
import { FirstBytes } from './listener/filter/first-bytes.ts';
import { FilterChain } from './listener/filter-chain.ts';
import { retryNever } from './route/retry-policy.ts';
import type { ForwardAction, RouteEntry } from './route/table.ts';
import { Mirror } from './router/mirror.ts';
import { cluster, forward, route, tlsInspector } from './testing/configs.ts';
import { type Harness, startProxy } from './testing/harness.ts';
import { type Origin, openClient, startOrigin } from './testing/origin.ts';
import { ExchangeSpan } from './tracing/span.ts';
import { Tracer } from './tracing/tracer.ts';

const open: { close(): unknown }[] = [];
const uncaught: unknown[] = [];
const note = (error: unknown) => void uncaught.push(error);

beforeEach(() => {
  uncaught.length = 0;
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const thing of open.splice(0)) await thing.close();
  process.off('uncaughtException', note);
  process.off('unhandledRejection', note);
});

type Fault = {
  readonly http?: Partial<HttpConnectionConfig>;
  readonly action?: Partial<ForwardAction>;
  readonly route?: Partial<RouteEntry>;
  readonly cluster?: Partial<ClusterConfig>;
  readonly chain?: Partial<FilterChainConfig>;
  readonly listener?: Partial<ListenerConfig>;
  /** Breaks something just before the request of the test. */
  readonly spy?: () => unknown;
  readonly body?: string;
  /** A status; `reset`: no answer, or no whole one. */
  readonly ends: number | 'reset';
  /** What counts it, 1 unless `count` says otherwise. */
  readonly counter?: 'listener' | 'timers';
  readonly count?: number;
};

const boom = (): never => {
  throw new Error('a bug');
};
const bugs = ({ path }: { readonly path: string }): boolean => path === '/bug';
const filter = (change: Omit<HttpFilter, 'name'>) => ({ http: { filters: [{ name: 'broken', ...change }] } });
/** A filter with a part in the exchange of `/bug` alone. */
const opened = (part: ReturnType<NonNullable<HttpFilter['open']>>) =>
  filter({ open: ({ request }) => (bugs(request) ? part : null) });
const tracing: NonNullable<HttpConnectionConfig['tracing']> = {
  options: {
    clientSampling: { numerator: 100, denominator: 100 },
    randomSampling: { numerator: 100, denominator: 100 },
    overallSampling: { numerator: 100, denominator: 100 },
    customTags: [],
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
    resource: [],
    queueSize: 16,
    target: { kind: 'grpc', service: { cluster: 'none', authority: '', timeout: 0, metadata: null, maxMessage: null } },
  },
};
const networkFilter = (admit: () => null) => ({ chain: { networkFilters: [{ name: 'n', start: () => ({ admit }) }] } });

const faults: Readonly<Record<string, Fault>> = {
  'a listener filter': {
    listener: { listenerFilters: [tlsInspector] },
    spy: () => vi.spyOn(FirstBytes.prototype, 'stop').mockImplementationOnce(boom),
    ends: 'reset',
    counter: 'listener',
  },
  'a network filter': {
    ...networkFilter(() => (armed ? boom() : null)),
    ends: 'reset',
    counter: 'listener',
  },
  'a filter chain': {
    spy: () => vi.spyOn(FilterChain.prototype, 'serve').mockImplementationOnce(boom),
    ends: 'reset',
    counter: 'listener',
  },
  'the parser of requests': {
    spy: () => vi.spyOn(RequestParser.prototype, 'parse').mockImplementationOnce(boom),
    ends: 'reset',
  },
  'the reader of bodies': {
    spy: () => vi.spyOn(BodyDecoder.prototype, 'feed').mockImplementationOnce(boom),
    body: 'abc',
    ends: 500,
  },
  'the writer of responses, for good': {
    spy: () => vi.spyOn(Http1ServerConnection.prototype, 'respond').mockImplementation(boom),
    ends: 'reset',
  },
  'a look at a request': { ...filter({ request: ({ request }) => (bugs(request) ? boom() : undefined) }), ends: 500 },
  'a promise of a filter': {
    ...filter({ request: ({ request }) => (bugs(request) ? Promise.reject(new Error('a bug')) : undefined) }),
    ends: 500,
  },
  'a look at a response': { ...filter({ response: ({ request }) => (bugs(request) ? boom() : undefined) }), ends: 500 },
  'the opening of a filter': {
    ...filter({ open: ({ request }) => (bugs(request) ? boom() : null) }),
    ends: 500,
    count: 2,
  },
  'a filter at the request': { ...opened({ request: { head: boom } }), ends: 500 },
  'a filter at its body': { ...opened({ request: { data: boom } }), body: 'abc', ends: 500 },
  'a filter at its end': { ...opened({ request: { data: () => undefined, end: boom } }), body: 'abc', ends: 500 },
  'a filter at the response': { ...opened({ response: { head: boom } }), ends: 500 },
  'a filter at the body of the response': { ...opened({ response: { data: boom } }), ends: 'reset' },
  'a filter that hears of the end': { ...opened({ done: boom }), ends: 200 },
  'the edit of a request': { route: { editRequest: ({ request }) => (bugs(request) ? boom() : undefined) }, ends: 500 },
  'the edit of every response': {
    route: { editResponse: ({ request }) => (bugs(request) ? boom() : undefined) },
    ends: 'reset',
    count: 3,
  },
  'the choice of a cluster': {
    action: {
      pickCluster: (request) =>
        bugs(request)
          ? boom()
          : { cluster: 'up', subset: null, filters: null, editRequest: () => undefined, editResponse: () => undefined },
    },
    ends: 500,
  },
  'a hash policy': {
    cluster: { balancing: { kind: 'maglev', tableSize: 7, key: 'address', balanceFactor: 0 } },
    action: { hash: (request) => (bugs(request) ? boom() : null) },
    ends: 500,
  },
  'a retry policy': {
    action: { retry: { ...retryNever(null), retries: 1, retriable: () => (armed ? boom() : false) } },
    ends: 500,
  },
  'a mirror': {
    action: {
      mirrors: [
        {
          clusterFor: (request) => (bugs(request) ? 'up' : 'none'),
          share: () => 1,
          edits: [],
          sampled: null,
          rename: (host) => host,
        },
      ],
    },
    spy: () => vi.spyOn(Mirror.prototype, 'onResponse').mockImplementation(boom),
    ends: 200,
    count: 0,
  },
  balancing: { spy: () => vi.spyOn(Cluster.prototype, 'pick').mockImplementationOnce(boom), ends: 500 },
  'a pool': { spy: () => vi.spyOn(Pool.prototype, 'acquire').mockImplementationOnce(boom), ends: 500 },
  'a new connection of a pool': {
    spy: () => vi.spyOn(Pool.prototype, 'onAvailable').mockImplementationOnce(boom),
    ends: 500,
  },
  'the writer to the upstream': {
    spy: () => vi.spyOn(Http1ClientConnection.prototype, 'open').mockImplementationOnce(boom),
    ends: 500,
  },
  'the parser of responses': {
    spy: () => vi.spyOn(ResponseParser.prototype, 'parse').mockImplementationOnce(boom),
    ends: 500,
  },
  'an access log': {
    http: { accessLogs: [{ write: ({ request }) => (bugs(request) ? boom() : undefined) }] },
    ends: 200,
  },
  'an access log at the beginning': {
    http: {
      accessLogs: [
        { write: ({ request, logType }) => (bugs(request) && logType === 'DownstreamStart' ? boom() : undefined) },
      ],
      earlyLogs: { onNewRequest: true, interval: 0 },
    },
    ends: 200,
  },
  'the beginning of a span': {
    http: { tracing },
    spy: () => vi.spyOn(Tracer.prototype, 'begin').mockImplementationOnce(boom),
    ends: 500,
  },
  'the end of a span': {
    http: { tracing },
    spy: () => vi.spyOn(ExchangeSpan.prototype, 'finish').mockImplementationOnce(boom),
    ends: 200,
  },
  'a timer of nobody': {
    ...filter({
      request({ request }, { wheel }) {
        if (bugs(request)) wheel.set(1, boom);
        return undefined;
      },
    }),
    ends: 200,
    counter: 'timers',
  },
  'a timer of a filter': {
    ...filter({
      open: ({ request }, { wheel }, { run }) => {
        if (!bugs(request)) return null;
        wheel.set(10, () => run(boom));
        return { request: { head: () => 'hold' } };
      },
    }),
    ends: 500,
  },
};

/** Whether a closure of the configuration may break: the bystander has been let in. */
let armed = false;

test.each(Object.entries(faults))('%s', async (_name, fault) => {
  armed = false;
  const up = await heldOrigin();
  const proxy = await start(fault, up.origin.port);
  const bystander = openClient(proxy.port);
  bystander.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await expect.poll(() => up.origin.requests.length).toBe(1);

  armed = true;
  fault.spy?.();
  const { body = '' } = fault;
  const one = openClient(proxy.port);
  one.write(`POST /bug HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  if (fault.ends === 'reset') expect(await one.ended()).not.toMatch(/ok$/);
  else expect(await one.until(/\r\n\r\n(ok)?$/)).toMatch(new RegExp(`^HTTP/1\\.1 ${fault.ends} `));
  one.socket.destroy();

  vi.restoreAllMocks();
  armed = false;
  up.release();
  expect(await bystander.until(/ok$/)).toMatch(/^HTTP\/1\.1 200 /);
  bystander.write('GET /again HTTP/1.1\r\nHost: a\r\n\r\n');
  await bystander.until(/ok[\s\S]*ok$/);
  bystander.socket.destroy();
  expect(uncaught).toEqual([]);
  const { dataPlane, stat } = proxy;
  const counters = {
    http: () => stat('http.test.uncaught_exceptions'),
    listener: () => dataPlane.listeners()[0]!.stats.uncaught_exceptions,
    timers: () => stat('server.timer_exceptions'),
  };
  await expect.poll(counters[fault.counter ?? 'http']).toBe(fault.count ?? 1);
  await expect.poll(() => stat('http.test.downstream_cx_active')).toBe(0);
  expect(stat('http.test.downstream_rq_active')).toBe(0);
  await expect.poll(() => stat('cluster.up.upstream_rq_active')).toBe(0);
});

/** Holds its answer to `/slow` until `release`. */
async function heldOrigin(): Promise<{ readonly origin: Origin; release(): void }> {
  let held: Socket | null = null;
  const answer = (socket: Socket | null) => socket?.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  const origin = await startOrigin((socket, request) => {
    if (request.includes(' /slow ')) held = socket;
    else answer(socket);
  });
  open.push(origin);
  return { origin, release: () => void answer(held) };
}

async function start(fault: Fault, port: number): Promise<Harness> {
  const entry = route(forward('up', fault.action), fault.route);
  const proxy = await startProxy({ '/': entry }, [cluster('up', [port], fault.cluster)], fault.http, fault);
  open.push({ close: () => proxy.dataPlane.close() });
  return proxy;
}
