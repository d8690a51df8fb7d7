// Proxyless gRPC as the third client of our ADS server: resolves xds:///… over state of the world and makes a call.
import {
  Client,
  credentials,
  type handleUnaryCall,
  type MethodDefinition,
  Server,
  ServerCredentials,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SnapshotCache } from '../../src/xds/cache.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { handBuiltSnapshot } from '../support/hand-built-snapshot.ts';
import { waitFor } from '../support/wait-for.ts';

const NODE = 'grpc~127.0.0.1~client.shop~shop.svc.cluster.local';
const target = 'echo.test:50051';
const text = { to: (value: string) => Buffer.from(value), from: (bytes: Buffer) => bytes.toString() };
const echo: MethodDefinition<string, string> = {
  path: '/test.Echo/Echo',
  requestStream: false,
  responseStream: false,
  requestSerialize: text.to,
  requestDeserialize: text.from,
  responseSerialize: text.to,
  responseDeserialize: text.from,
};
const cache = new SnapshotCache();
const warnings: object[] = [];
const log = { info: () => undefined, warn: (fields: object) => void warnings.push(fields) };
const xds = new XdsServer({
  cache,
  address: '127.0.0.1:0',
  security: { kind: 'plaintext' },
  authorize: (node) => ({ ok: true, nodeId: node.id }),
  log,
});
const upstreams = new Map<string, { readonly server: Server; readonly port: number }>();
let client: Client;

beforeAll(async () => {
  for (const name of ['one', 'two']) upstreams.set(name, await startEcho(name));
  const port = await xds.listen();
  process.env['GRPC_XDS_BOOTSTRAP_CONFIG'] = JSON.stringify({
    node: { id: NODE, locality: {} },
    xds_servers: [
      { server_uri: `127.0.0.1:${port}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] },
    ],
  });
  // Reads its bootstrap from the environment, so only now.
  const { register } = await import('@grpc/grpc-js-xds');
  register();
  client = new Client(`xds:///${target}`, credentials.createInsecure());
});

afterAll(() => {
  client.close();
  xds.close();
  for (const { server } of upstreams.values()) server.forceShutdown();
});

it('resolves a service and calls it', async () => {
  set('one', '1');
  expect(await call('hello')).toBe('one: hello');
  await waitFor('acknowledgement', () => cache.applied('origin').applied === 1);
  expect(cache.applied('origin')).toMatchObject({ proxies: 1, applied: 1, rejected: 0 });
  expect(cache.status(NODE)?.client.name).toContain('gRPC');
});

it('follows a change to another cluster', async () => {
  set('two', '2');
  await waitFor('the answer of the new upstream', async () => (await call('hello')) === 'two: hello');
  expect(warnings).toEqual([]);
});

function set(upstream: 'one' | 'two', version: string): void {
  const upstreamPort = upstreams.get(upstream)?.port ?? 0;
  cache.setSnapshot(NODE, handBuiltSnapshot({ listenerPort: null, apiName: target, upstream, upstreamPort, version }));
}

function call(message: string): Promise<string | undefined> {
  const { path, requestSerialize, responseDeserialize } = echo;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      message,
      { deadline: Date.now() + 10_000 },
      (error, answer) => (error === null ? resolve(answer) : reject(error)),
    );
  });
}

async function startEcho(name: string): Promise<{ server: Server; port: number }> {
  const server = new Server();
  const answer: handleUnaryCall<string, string> = (unary, callback) => callback(null, `${name}: ${unary.request}`);
  server.addService({ echo }, { echo: answer });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { server, port };
}
