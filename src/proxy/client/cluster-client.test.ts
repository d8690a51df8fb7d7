// Calls through a cluster to a real server: answers, failures of every kind, time-outs, limits, retries. gRPC is spoken over HTTP/1.1 here,
// which the messages do not mind.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import {
  Authorization,
  CheckRequestSchema,
  CheckResponseSchema,
} from '../../xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import {
  ExternalProcessor,
  ProcessingRequestSchema,
  ProcessingResponseSchema,
} from '../../xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import { Cluster } from '../cluster/cluster.ts';
import { nothingOnDemand } from '../config/on-demand.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import type { ClusterConfig } from '../config/types.ts';
import { frameMessage } from '../http/grpc-messages.ts';
import { HeaderMap } from '../http/headers.ts';
import { Overload } from '../overload/overload.ts';
import { compileRetriable } from '../route/retry-on.ts';
import { cluster, outlierDetection } from '../testing/configs.ts';
import { silentLog } from '../testing/harness.ts';
import { freePort } from '../testing/origin.ts';
import type { CallServices } from './call.ts';
import { ClusterClient } from './cluster-client.ts';
import type { UnaryOutcome } from './grpc-call.ts';
import type { HttpCall, HttpOutcome } from './http-call.ts';

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const thing of open.splice(0)) thing.close();
});

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer, nth: number) => void;

async function serve(answer: Answer): Promise<number> {
  let count = 0;
  const server = createServer((request, response) => {
    const nth = ++count;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(request, response, Buffer.concat(chunks), nth));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  });
  return (server.address() as AddressInfo).port;
}

function client(ports: readonly number[], change: Partial<ClusterConfig> = {}): { client: ClusterClient; up: Cluster } {
  const log = silentLog([]);
  const wheel = new TimerWheel(systemClock, () => undefined);
  const shared = { clock: systemClock, wheel, random: () => 0, log };
  const up = new Cluster(cluster('up', ports, change), {
    ...shared,
    tally: () => null,
    cluster: () => undefined,
    dnsCaches: null as never,
    local: () => null,
    judgement: null,
    outlierLog: null,
    resolve: () => expect.unreachable('no names here'),
    watchHealth: () => ({ add: () => undefined, remove: () => undefined, failNow: () => undefined }),
    tlsConnector: () => {
      throw new Error('no TLS here');
    },
  });
  open.push(up);
  const services: CallServices = {
    ...shared,
    overload: new Overload(systemClock),
    runtime: noRuntime,
    workers: 1,
    tally: () => null,
    health: { failing: false },
    leaving: { failing: false },
    node: { id: 'node', cluster: 'service', zone: '', metadata: {} },
    localAddress: '192.0.2.1',
    onDemand: nothingOnDemand,
    secrets: { get: () => undefined },
    clusters: new Map([['up', up]]),
    routes: new Map(),
    filterStats: (_name, make) => make(),
  };
  return { client: new ClusterClient(services), up };
}

const call = (change: Partial<HttpCall> = {}): HttpCall => ({
  cluster: 'up',
  head: {
    method: 'GET',
    scheme: 'http',
    authority: 'auth.test',
    path: '/check',
    protocol: 'HTTP/1.1',
    upgrade: '',
    headers: new HeaderMap(),
  },
  body: null,
  timeout: 5_000,
  maxBytes: 1_000,
  retry: null,
  ...change,
});

const ask = (to: ClusterClient, change: Partial<HttpCall> = {}): Promise<HttpOutcome> =>
  new Promise((resolve) => void to.http(call(change), resolve));

describe('what a call finds out counts for outlier detection', () => {
  const first = { count: 1, enforcing: 100 };
  const outlier = { outlierDetection: outlierDetection({ consecutive5xx: first, maxEjectionPercent: 100 }) };
  test.each<[name: string, port: () => Promise<number>, change: Partial<HttpCall>, ejections: number]>([
    ['an answer', () => serve((_, response) => response.end()), {}, 0],
    ['an error', () => serve((_, response) => response.writeHead(500).end()), {}, 1],
    ['nobody listens', () => freePort(), {}, 1],
    ['no answer in time', () => serve(() => undefined), { timeout: 30 }, 1],
    ['an end before the answer', () => serve((_, { socket }) => socket?.destroy()), {}, 1],
  ])('%s', async (_name, port, change, ejections) => {
    const { client: one, up } = client([await port()], outlier);
    await ask(one, change);
    expect(up.stats.outlier_detection.ejections_active).toBe(ejections);
  });
});

describe('HTTP', () => {
  test('an answer with its body', async () => {
    const port = await serve(({ url, method, headers }, response, body) => {
      response.end(`${method} ${url} ${headers.host} ${body}`);
    });
    const { client: one, up } = client([port]);
    const head = { ...call().head, method: 'POST', headers: new HeaderMap(['content-length', '2']) };
    const outcome = await ask(one, { head, body: Buffer.from('hi') });
    expect(outcome).toMatchObject({ kind: 'answer', answer: { status: 200 } });
    expect(outcome.kind === 'answer' && outcome.answer.body.toString()).toBe('POST /check auth.test hi');
    expect(up.stats.upstream_rq_active).toBe(0);
    expect(up.stats.upstream_rq_2xx).toBe(1);
  });

  test.each<[name: string, ports: () => Promise<number[]>, change: Partial<HttpCall>, reason: string]>([
    ['no such cluster', async () => [], { cluster: 'other' }, 'no-cluster'],
    ['no endpoint', async () => [], {}, 'no-endpoint'],
    ['nobody listens', async () => [await freePort()], {}, 'connection-failure'],
    ['no answer in time', async () => [await serve(() => undefined)], { timeout: 30 }, 'timeout'],
    [
      'an answer too large',
      async () => [await serve((_, response) => response.end('x'.repeat(1_001)))],
      {},
      'too-large',
    ],
    [
      'an end before the answer',
      async () => [await serve((_, { socket }) => socket?.destroy())],
      {},
      'connection-termination',
    ],
  ])('%s', async (_name, ports, change, reason) => {
    const { client: one, up } = client(await ports());
    expect(await ask(one, change)).toMatchObject({ kind: 'failure', failure: { reason } });
    expect(up.stats.upstream_rq_active).toBe(0);
  });

  test.each([
    ['until it succeeds', 3, [200, 3]],
    ['as often as allowed', 1, [503, 2]],
  ])('retries %s', async (_name, retries, wants) => {
    let seen = 0;
    const port = await serve((_, response, __, nth) => {
      seen = nth;
      response.writeHead(nth < 3 ? 503 : 200).end();
    });
    const retriable = compileRetriable(new Set(['5xx']), { statusCodes: new Set(), matchesHeaders: () => false });
    const outcome = await ask(client([port]).client, { retry: { retries, base: 1, max: 10, retriable } });
    expect([outcome.kind === 'answer' && outcome.answer.status, seen]).toEqual(wants);
  });

  test('an exception in who hears of the end is told as a failure', async () => {
    const port = await serve((_, response) => void response.end('ok'));
    const { client: one, up } = client([port]);
    const heard: string[] = [];
    await new Promise<void>((resolve) => {
      one.http(call(), (outcome) => {
        heard.push(outcome.kind === 'failure' ? outcome.failure.reason : outcome.kind);
        if (outcome.kind === 'answer') throw new Error('a bug');
        resolve();
      });
    });
    expect(heard).toEqual(['answer', 'bug']);
    expect(up.stats.upstream_rq_active).toBe(0);
  });

  test('given up, nothing is heard of it', async () => {
    let arrived: () => void = () => undefined;
    const came = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const port = await serve(() => arrived());
    const { client: one, up } = client([port]);
    const cancel = one.http(call(), () => expect.fail('heard'));
    await came;
    cancel();
    expect(up.stats.upstream_rq_active).toBe(0);
  });
});

const target = {
  cluster: 'up',
  authority: '',
  timeout: 5_000,
  metadata: new HeaderMap(['x-token', 't']),
  maxMessage: null,
};
const check = (to: ClusterClient, change = {}) =>
  new Promise<UnaryOutcome<typeof CheckResponseSchema>>((resolve) => {
    const request = create(CheckRequestSchema, { attributes: { request: { http: { path: '/a' } } } });
    to.grpc(Authorization.method.check, { ...target, ...change }, request, resolve);
  });

function grpcAnswer(response: ServerResponse, message: Buffer | null, trailers: Record<string, string>): void {
  response.writeHead(200, { 'content-type': 'application/grpc', trailer: 'grpc-status' });
  if (message !== null) response.write(message);
  response.addTrailers(trailers);
  response.end();
}

describe('gRPC', () => {
  const ok = frameMessage(toBinary(CheckResponseSchema, create(CheckResponseSchema, { status: { code: 7 } })));

  test('one message for one', async () => {
    const port = await serve(({ url, headers }, response, body) => {
      const { attributes } = fromBinary(CheckRequestSchema, body.subarray(5));
      expect([url, headers['x-token'], headers['content-type'], attributes?.request?.http?.path]).toEqual([
        '/envoy.service.auth.v3.Authorization/Check',
        't',
        'application/grpc',
        '/a',
      ]);
      grpcAnswer(response, ok, { 'grpc-status': '0' });
    });
    expect(await check(client([port]).client)).toMatchObject({ kind: 'message', message: { status: { code: 7 } } });
  });

  test.each<[name: string, answer: Answer, code: number]>([
    ['a status in the trailers', (_, response) => grpcAnswer(response, null, { 'grpc-status': '5' }), 5],
    ['a status in the head', (_, response) => void response.writeHead(200, { 'grpc-status': '9' }).end(), 9],
    ['another HTTP status', (_, response) => void response.writeHead(503).end('busy'), 14],
    ['no status at all', (_, response) => void response.writeHead(200).end(), 2],
    ['no message', (_, response) => grpcAnswer(response, null, { 'grpc-status': '0' }), 13],
    [
      'a broken message',
      (_, response) => grpcAnswer(response, frameMessage(Buffer.from([255])), { 'grpc-status': '0' }),
      13,
    ],
    ['a message too large', (_, response) => void response.writeHead(200).end(Buffer.from([0, 255, 0, 0, 0, 1])), 13],
    ['a compressed message', (_, response) => void response.writeHead(200).end(Buffer.from([1, 0, 0, 0, 0])), 13],
    [
      'a message over the limit of its target',
      (_, response) => void response.writeHead(200).end(frameMessage(Buffer.alloc(2_000))),
      13,
    ],
    ['an end without an answer', (_, { socket }) => void socket?.destroy(), 14],
  ])('%s', async (_name, answer, code) => {
    const { client: one, up } = client([await serve(answer)]);
    expect(await check(one, { maxMessage: 1_999 })).toMatchObject({ kind: 'status', status: { code } });
    expect(up.stats.upstream_rq_active).toBe(0);
  });

  test.each<[name: string, fails: Answer, code: number, calls: number]>([
    ['a status that is worth it', (_, response) => void response.writeHead(200, { 'grpc-status': '14' }).end(), 0, 2],
    ['an end without an answer', (_, { socket }) => void socket?.destroy(), 0, 2],
    ['another status', (_, response) => void response.writeHead(200, { 'grpc-status': '7' }).end(), 7, 1],
    ['a status behind a message', (_, response) => grpcAnswer(response, null, { 'grpc-status': '14' }), 14, 1],
  ])('tried again: %s', async (_name, fails, code, calls) => {
    let asked = 0;
    const port = await serve((request, response, body, nth) => {
      asked = nth;
      if (nth === 1) fails(request, response, body, nth);
      else grpcAnswer(response, ok, { 'grpc-status': '0' });
    });
    const words = new Set(['unavailable', 'reset']);
    const retriable = compileRetriable(words, { statusCodes: new Set(), matchesHeaders: () => false });
    const outcome = await check(client([port]).client, { retry: { retries: 2, base: 1, max: 1_000, retriable } });
    expect([outcome.kind === 'message' ? 0 : outcome.status.code, asked]).toEqual([code, calls]);
  });

  test('the words of a status are decoded', async () => {
    const answer: Answer = (_, response) =>
      grpcAnswer(response, null, { 'grpc-status': '7', 'grpc-message': 'f%C3%BCr 100%25' });
    const { client: one } = client([await serve(answer)]);
    expect(await check(one)).toEqual({ kind: 'status', status: { code: 7, message: 'für 100%' } });
  });

  test('no answer in time', async () => {
    const { client: one } = client([await serve(() => undefined)]);
    expect(await check(one, { timeout: 30 })).toMatchObject({ kind: 'status', status: { code: 4 } });
  });

  test('a stream: messages cut anywhere come whole', async () => {
    const port = await serve((_, response) => {
      const message = create(ProcessingResponseSchema, { response: { case: 'requestHeaders', value: {} } });
      const frame = frameMessage(toBinary(ProcessingResponseSchema, message));
      response.writeHead(200, { 'content-type': 'application/grpc' });
      response.write(Buffer.concat([frame, frame.subarray(0, 3)]));
      setImmediate(() => {
        response.write(frame.subarray(3));
        response.addTrailers({ 'grpc-status': '0' });
        response.end();
      });
    });
    const seen: string[] = [];
    const status = await new Promise<number>((resolve) => {
      const stream = client([port]).client.stream(ExternalProcessor.method.process, target, {
        onMessage: ({ response }) => seen.push(response.case ?? ''),
        onClosed: ({ code }) => resolve(code),
      });
      stream.send(create(ProcessingRequestSchema, { request: { case: 'requestHeaders', value: {} } }));
      stream.close();
    });
    expect([status, seen]).toEqual([0, ['requestHeaders', 'requestHeaders']]);
  });
});
