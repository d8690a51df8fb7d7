// What /clusters counts as a good answer of an endpoint: of gRPC what its status says, in the head or in trailers.

import type { DescMethod } from '@bufbuild/protobuf';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import { grpcCluster, startGrpcServer } from '../support/grpc-server.ts';
import { raw, respond } from '../support/upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { get, request, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';

/** Answers with the status that the metadata asks for. */
const handler: handleUnaryCall<Buffer, Buffer> = (call, done) => {
  const code = Number(call.metadata.get('x-code')[0]);
  if (code === status.OK) done(null, Buffer.alloc(1));
  else done({ code, details: 'no' });
};
const method = { methodKind: 'unary', name: 'Say', parent: { typeName: 'test.Talk' } } as unknown as DescMethod;
const server = await startGrpcServer([{ method, handler }]);
afterAll(() => server.stop());

const suite: Suite = {
  name: 'outcomes of gRPC',
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - {match: {prefix: /test.Talk}, route: {cluster: talk}}
  - {match: {prefix: /}, route: {cluster: a}}
`,
  clusters: grpcCluster('talk', server.port),
  cases: [],
};

const grpc = (path: string, ...headers: string[]) =>
  request('POST', path, {
    headers: ['content-type: application/grpc', 'te: trailers', ...headers],
    body: '\0\0\0\0\0',
  });
const say = (code: number) => grpc('/test.Talk/Say', `x-code: ${code}`);
const inHead = (code: number, code2 = 200) => ({
  a: [respond({ status: code2, headers: { 'grpc-status': String(code) } })],
});

const CASES = [
  { name: 'HTTP 200', send: get('/') },
  { name: 'HTTP 503', send: get('/'), script: { a: [respond({ status: 503 })] } },
  { name: 'OK in trailers', send: say(0) },
  { name: 'PERMISSION_DENIED', send: say(7) },
  { name: 'UNAVAILABLE', send: say(14) },
  { name: 'OK in the head', send: grpc('/'), script: inHead(0) },
  { name: 'NOT_FOUND in the head', send: grpc('/'), script: inHead(5) },
  { name: 'INTERNAL in the head', send: grpc('/'), script: inHead(13) },
  { name: 'HTTP 503 with OK', send: grpc('/'), script: inHead(0, 503) },
  { name: 'no status, no body', send: grpc('/'), script: { a: [respond({ status: 200 })] } },
  { name: 'no status, a body', send: grpc('/'), script: { a: [respond({ status: 200, body: 'x' })] } },
  { name: 'HTTP 503, no status', send: grpc('/'), script: { a: [respond({ status: 503 })] } },
  { name: 'HTTP 503 and a body', send: grpc('/'), script: { a: [respond({ status: 503, body: 'x' })] } },
  {
    name: 'broken off',
    send: grpc('/'),
    script: { a: [raw('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc', 'close')] },
  },
];

compareWithEnvoy(suite, (pair) => {
  test.each(CASES)('$name', async (one) => {
    const { reference, ours } = pair();
    const wants = { status: 0 };
    const before = await Promise.all([reference, ours].map(outcomes));
    await Promise.all([reference, ours].map((stand) => observe(stand, { ...one, wants }, one.name)));
    const [theirs, mine] = await Promise.all(
      [reference, ours].map((stand, i) =>
        waitFor('an outcome', async () => {
          const after = await outcomes(stand);
          return JSON.stringify(after) !== JSON.stringify(before[i]) && after;
        }),
      ),
    );
    expect(mine).toEqual(theirs);
  });
});

/** Good and bad answers, by cluster. */
async function outcomes(stand: Pair['ours']): Promise<Record<string, string>> {
  const text = await (await fetch(`http://127.0.0.1:${stand.portOf('admin')}/clusters`)).text();
  const found = text.matchAll(/^(a|talk)::127\.0\.0\.1:\d+::(rq_success|rq_error)::(\d+)$/gm);
  return Object.fromEntries([...found].map(([, cluster, field, value]) => [`${cluster} ${field}`, value!]));
}
