// What a user gets for bad input of every kind, in one running mesh; and after each, that everything else still works.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ProblemsResponse } from '../../src/api/types.ts';
import { CertificateAuthority } from '../../src/identity/ca.ts';
import { caClient } from '../../src/identity/ca-client.ts';
import { createRequest, exportPrivateKey, generateKeys } from '../../src/identity/workload-keys.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { nodeId } from '../../src/mesh/names.ts';
import type { SpiffeId } from '../../src/model/units.ts';
import { jitteredBackoff } from '../../src/xds/backoff.ts';
import { tlsChannel } from '../../src/xds/channel.ts';
import { XdsClient } from '../../src/xds/client.ts';
import { NodeSchema } from '../../src/xds/gen/envoy/config/core/v3/base_pb.ts';
import { typeUrl } from '../../src/xds/resource.ts';
import { freePorts } from '../support/ports.ts';
import { pinnedNode, repositoryRoot, TestProcess } from '../support/process.ts';
import { waitFor } from '../support/wait-for.ts';
import { grpcStreams } from '../support/xds-stream.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-bad-input-'));
const mesh = join(folder, 'mesh');
const state = join(folder, 'state');
const extra = join(mesh, 'zz-extra.yaml');
let [apiPort, xdsPort] = [0, 0];
let up: TestProcess;
/** Of the application that calls. */
let environment: Readonly<Record<string, string>> = {};

/** Answers every request once it is whole, but `/close`, which it cuts off. */
const server = `import { createServer } from 'node:http';
createServer((request, response) => {
  if (request.url === '/close') request.socket.destroy();
  else request.resume().on('end', () => response.end('fine'));
}).listen(Number(process.env.PORT), '127.0.0.1');
`;
const idle = `console.log(JSON.stringify(process.env)); setInterval(() => {}, 1e6);`;

const workload = (name: string, ports: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop, annotations: { tulle.dev/command: node ${name}.mjs } }
spec:
  template:
    metadata: { labels: { app: ${name} } }
    spec: { serviceAccountName: ${name}, containers: [ { name: app, ports: [ ${ports} ] } ] }
---
`;

const service = (name: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: web }, ports: [ { name: http, port: 80, targetPort: 8080 } ] }
---
`;

const runUp = (path: string, args: readonly string[]): Promise<TestProcess> =>
  TestProcess.start({
    command: pinnedNode,
    args: [join(repositoryRoot, 'src/bin/tulle.ts'), 'up', '-f', path, '--no-dashboard', ...args],
  });

beforeAll(async () => {
  mkdirSync(mesh);
  writeFileSync(join(mesh, 'web.mjs'), server);
  writeFileSync(join(mesh, 'client.mjs'), idle);
  const objects = [
    service('web'),
    service('other'),
    workload('web', '{ containerPort: 8080 }'),
    workload('client', ''),
  ];
  writeFileSync(join(mesh, 'mesh.yaml'), objects.join(''));
  [apiPort = 0, xdsPort = 0] = await freePorts(2);
  up = await runUp(mesh, ['--state', state, '--port', `${apiPort}`, '--xds-port', `${xdsPort}`]);
  await waitFor('ready', () => up.output.includes('ready in') || up.exitCode !== null, { deadline: 60_000 });
  environment = await waitFor(
    'the environment',
    () => JSON.parse(readFileSync(join(state, 'logs/client-0.shop.log'), 'utf8')) as Record<string, string>,
  );
  await waitFor('an answer', async () => (await get('WEB', '/')).startsWith('HTTP/1.1 200'));
});
afterAll(async () => {
  await up?.stop();
  rmSync(folder, { recursive: true });
});

/** Nothing else stops working. */
afterEach(async () => {
  rmSync(extra, { force: true });
  await waitFor('everything as it was', async () => (await problems()).length === 0);
  expect(await get('OTHER', '/')).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*fine$/);
  expect(await get('WEB', '/')).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*fine$/);
  expect(up.exitCode).toBeNull();
});

async function problems(): Promise<ProblemsResponse['problems']> {
  const answer = await fetch(`http://127.0.0.1:${apiPort}/api/v1/problems`);
  return ((await answer.json()) as ProblemsResponse).problems;
}

/** All that comes back for these bytes until the other side closes. */
function exchange(port: number, bytes: string, end: 'wait' | 'half-close' = 'wait'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      if (end === 'half-close') socket.end(bytes, 'latin1');
      else socket.write(bytes, 'latin1');
    });
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
    });
    socket.on('close', () => resolve(answer)).on('error', reject);
  });
}

const portOf = (name: 'WEB' | 'OTHER'): number => Number(environment[`${name}_SERVICE_PORT`]);

const get = (name: 'WEB' | 'OTHER', path: string): Promise<string> =>
  exchange(portOf(name), `GET ${path} HTTP/1.1\r\nhost: ${name.toLowerCase()}\r\nconnection: close\r\n\r\n`);

const route = (name: string, to: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [ web ], http: [ { match: [ { uri: { prefix: /routed } } ], route: [ { destination: { host: ${to} } } ] }, { route: [ { destination: { host: web } } ] } ] }
---
`;

describe('configuration', () => {
  test.each([
    ['a YAML syntax error', 'apiVersion: v1\nkind: [Service\n', 'syntax', /zz-extra\.yaml:\d+/, '/', 200],
    [
      'an unknown kind',
      'apiVersion: networking.istio.io/v1\nkind: VirtualServise\nmetadata: { name: x }\n',
      'unknown-kind',
      /VirtualService\?/,
      '/',
      200,
    ],
    [
      'a dangling reference',
      route('lost', 'nowhere'),
      'dangling',
      /service nowhere.* does not exist: its requests get 500/,
      '/routed',
      500,
    ],
    [
      'two dialects on one service',
      `${route('istio', 'other')}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: gateway-api, namespace: shop }
spec: { parentRefs: [ { kind: Service, group: "", name: web } ], rules: [ { backendRefs: [ { name: web, port: 80 } ] } ] }
`,
      'conflict',
      /routes of VirtualService shop\/istio .* HTTPRoute shop\/gateway-api decides there/,
      '/routed',
      200,
    ],
  ] as const)('%s is said with its place', async (_, text, code, said, path, status) => {
    writeFileSync(extra, text);
    const found = await waitFor('the problem', async () => (await problems()).find((each) => each.code === code));
    expect(found.origin.place).toMatchObject({ file: extra, line: expect.any(Number) });
    // As the terminal says it.
    await waitFor(`the words ${said}`, () => said.test(up.output));
    await waitFor('the status', async () => (await get('WEB', path)).startsWith(`HTTP/1.1 ${status} `));
  });
});

test('a port in use: named, with what wanted it, and nothing is started', async () => {
  const second = await runUp(mesh, ['--state', join(folder, 'second'), '--port', `${apiPort}`, '--xds-port', '0']);
  expect(await second.exited(20_000)).toBe(1);
  expect(second.output).toContain(
    `port ${apiPort}, which is for the dashboard and API, is taken (hint: choose another with --port)`,
  );
});

describe('who joins', () => {
  const identity = 'spiffe://cluster.local/ns/shop/sa/web' as SpiffeId;
  const roots = (): string => readFileSync(join(state, 'proxies/root-cert.pem'), 'utf8');

  /** What the control plane tells a client that shows the certificate and says it is the proxy of `name`. */
  async function joinAs(name: string, client: { chain: string; key: string }): Promise<string> {
    let told = '';
    const xds = new XdsClient({
      ...{ service: 'ads', protocol: 'delta', clock: systemClock },
      node: create(NodeSchema, {
        id: nodeId('sidecar', '127.0.0.1', `${name}-0`, 'shop'),
        metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: name },
      }),
      open: grpcStreams(`127.0.0.1:${xdsPort}`, tlsChannel(`127.0.0.1:${xdsPort}`, { roots: roots(), client })),
      backoff: jitteredBackoff(60_000, 60_000, Math.random),
      onDisconnect: (reason) => {
        told = reason;
      },
    });
    xds.subscribe(typeUrl.cluster, ['*'], () => {
      told ||= 'configuration';
      return [];
    });
    xds.start();
    try {
      return await waitFor('an outcome', () => told !== '' && told);
    } finally {
      xds.close();
    }
  }

  async function certify(
    issue: (request: string) => Promise<readonly string[]>,
  ): Promise<{ chain: string; key: string }> {
    const keys = await generateKeys();
    return { chain: (await issue(await createRequest(keys))).join('\n'), key: await exportPrivateKey(keys) };
  }

  const asWeb = (): Promise<{ chain: string; key: string }> => {
    const token = readFileSync(join(state, 'tokens/web-0.shop'), 'utf8');
    const request = caClient({ address: `127.0.0.1:${xdsPort}`, roots: roots() });
    return certify((csr) => request(csr, { kind: 'token', token }));
  };

  test('the identity of another workload on the stream: both are named', async () => {
    expect(await joinAs('client', await asWeb())).toContain(
      `PERMISSION_DENIED: the certificate is that of ${identity}, the node metadata says spiffe://cluster.local/ns/shop/sa/client`,
    );
  });

  test('a certificate of another CA counts as none', async () => {
    const options = { trustDomain: 'cluster.local', clock: systemClock };
    const foreign = await CertificateAuthority.open(join(folder, 'foreign'), options);
    const certificate = await certify((csr) => foreign.issue(csr, identity, 'web-0.shop'));
    expect(await joinAs('web', certificate)).toContain('no client certificate that the mesh root signed');
  });

  test('an unknown join token is refused, with what it may be', async () => {
    const request = caClient({ address: `127.0.0.1:${xdsPort}`, roots: roots() });
    await expect(certify((csr) => request(csr, { kind: 'token', token: 'a.b' }))).rejects.toThrow(
      'the join token is not known (hint: it may belong to an earlier run)',
    );
  });
});

describe('requests', () => {
  test.each([
    [
      'a head over the limit',
      `GET / HTTP/1.1\r\nhost: web\r\nx-long: ${'x'.repeat(70_000)}\r\n\r\n`,
      'wait',
      /^HTTP\/1\.1 431 /,
    ],
    ['no HTTP at all', 'hello\r\n\r\n', 'wait', /^HTTP\/1\.1 400 Bad Request\r\n/],
    ['half a head and an end: closed, as Envoy does', 'GET / HTTP/1.1\r\nhost: we', 'half-close', /^$/],
    [
      'half a body and an end: closed, and the upstream sees no whole request',
      'POST / HTTP/1.1\r\nhost: web\r\ncontent-length: 100\r\n\r\nabc',
      'half-close',
      /^$/,
    ],
    [
      'an upstream that closes early',
      'GET /close HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n',
      'wait',
      /^HTTP\/1\.1 503 Service Unavailable\r\n[\s\S]*upstream connect error or disconnect\/reset before headers/,
    ],
  ] as const)('%s', async (_, bytes, end, expected) => {
    expect(await exchange(portOf('WEB'), bytes, end)).toMatch(expected);
  });
});

describe('the API and dashboard', () => {
  const ask = (headers: string, request = 'GET /api/v1/version HTTP/1.1'): Promise<string> =>
    exchange(apiPort, `${request}\r\n${headers.replaceAll('PORT', String(apiPort))}connection: close\r\n\r\n`);

  test.each([
    ['its own host', 'host: 127.0.0.1:PORT\r\n', 200, '"version"'],
    ['its own page', 'host: localhost:PORT\r\norigin: http://localhost:PORT\r\n', 200, '"version"'],
    ['a name that was rebound', 'host: evil.example:PORT\r\n', 403, 'Host \\"evil.example:'],
    ['another port of this machine', 'host: 127.0.0.1:1\r\n', 403, 'Host \\"127.0.0.1:1\\"'],
    ['no host', 'host:\r\n', 403, 'is not this server'],
    [
      'a page of another site',
      'host: 127.0.0.1:PORT\r\norigin: http://evil.example\r\n',
      403,
      'Origin \\"http://evil.example\\"',
    ],
    ['a sandboxed page', 'host: 127.0.0.1:PORT\r\norigin: null\r\n', 403, 'Origin \\"null\\"'],
  ])('%s', async (_, headers, status, said) => {
    const answer = await ask(headers);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain(said);
  });

  test('it cannot be written to', async () => {
    expect(await ask('host: 127.0.0.1:PORT\r\ncontent-length: 0\r\n', 'POST /api/v1/version HTTP/1.1')).toMatch(
      /^HTTP\/1\.1 405 /,
    );
  });

  test('it listens on loopback only, and so does the port for proxies', async () => {
    const outside = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const { address } of outside) {
      for (const port of [apiPort, xdsPort]) expect(await canConnect(address, port), `${address}:${port}`).toBe(false);
    }
    expect(await canConnect('127.0.0.1', apiPort)).toBe(true);
  });
});

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2_000 });
    const answer = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true));
    socket.once('timeout', () => answer(false));
    socket.once('error', () => answer(false));
  });
}
