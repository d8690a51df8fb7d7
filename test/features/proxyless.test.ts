// A Deployment that is marked as proxyless in `tulle up`: no proxy, a bootstrap for its gRPC library instead, which follows the YAML.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ObjectsResponse, ProblemsResponse, ProxiesResponse, ProxyStatus } from '../../src/api/types.ts';
import { freePorts } from '../support/ports.ts';
import { pinnedNode, repositoryRoot, TestProcess } from '../support/process.ts';
import { waitFor } from '../support/wait-for.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-proxyless-'));
const mesh = join(folder, 'mesh');
const state = join(folder, 'state');
let api = '';
let up: TestProcess;

const app = join(repositoryRoot, 'test/support/grpc-app.ts');

const deployment = (name: string, labels: string, command: string, annotation: string, ports: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop, annotations: { tulle.dev/command: ${command}, ${annotation} } }
spec:
  template:
    metadata: { labels: { ${labels} } }
    spec: { serviceAccountName: ${name}, containers: [ { name: app, ports: [ ${ports} ] } ] }
---
`;

const server = (version: string): string =>
  deployment(
    `echo-${version}`,
    `app: echo, version: ${version}`,
    `node ${app} server`,
    'tulle.dev/data-plane: proxyless',
    '{ containerPort: 50051 }',
  );

// Istio's own mark for the same.
const client = deployment(
  'client',
  'app: client',
  `node ${app} client xds:///echo.shop.svc.cluster.local:80`,
  'inject.istio.io/templates: grpc-agent',
  '',
);

const service = `
apiVersion: v1
kind: Service
metadata: { name: echo, namespace: shop }
spec: { selector: { app: echo }, ports: [ { name: grpc, port: 80, targetPort: 50051 } ] }
---
`;

const routing = (version: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: echo, namespace: shop }
spec: { host: echo, subsets: [ { name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } } ] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: echo, namespace: shop }
spec: { hosts: [ echo ], http: [ { route: [ { destination: { host: echo, subset: ${version} } } ] } ] }
`;

const writeRouting = (version: string): void => writeFileSync(join(mesh, 'routing.yaml'), routing(version));
const ask = async <T>(path: string): Promise<T> => (await (await fetch(`${api}/api/v1/${path}`)).json()) as T;
const answers = (): string[] =>
  readFileSync(join(state, 'logs/client-0.shop.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '');

beforeAll(async () => {
  mkdirSync(mesh);
  writeFileSync(join(mesh, 'mesh.yaml'), service + server('v1') + server('v2') + client);
  writeRouting('v1');
  const [port = 0, xds = 0] = await freePorts(2);
  api = `http://127.0.0.1:${port}`;
  const options = ['-f', mesh, '--state', state, '--port', `${port}`, '--xds-port', `${xds}`, '--no-dashboard'];
  up = await TestProcess.start({
    command: pinnedNode,
    args: [join(repositoryRoot, 'src/bin/tulle.ts'), 'up', ...options],
  });
  await waitFor('ready', () => up.output.includes('ready in') || (up.exitCode !== null && Promise.reject(up.output)), {
    deadline: 60_000,
  });
});
afterAll(async () => {
  await up?.stop();
  rmSync(folder, { recursive: true });
});

test('its gRPC library resolves xds:///… and is routed by the YAML, edited while it runs', async () => {
  await waitFor('an answer of v1', () => answers().at(-1) === 'v1');
  writeRouting('v2');
  await waitFor('an answer of v2', () => answers().at(-1) === 'v2');
  expect(new Set(answers().filter((line) => !/no connection|Name resolution|No healthy/i.test(line)))).toEqual(
    new Set(['v1', 'v2']),
  );
});

test('it is listed: connected, up to date, without an admin interface', async () => {
  const isGood = ({ name, connected, dataPlane, admin, sync }: ProxyStatus): boolean =>
    name === 'client-0' &&
    connected &&
    dataPlane === 'proxyless' &&
    admin === '' &&
    ['listener', 'routes', 'cluster', 'endpoints'].every((type) =>
      sync.some((each) => each.type === type && each.state === 'synced'),
    );
  await waitFor('the client', async () => (await ask<ProxiesResponse>('proxies')).proxies.some(isGood));
  expect((await ask<ProblemsResponse>('problems')).problems).toEqual([]);
  // The servers call nobody and never ask: only the client counts.
  const { objects } = await ask<ObjectsResponse>('objects');
  const applied = objects.find(({ kind }) => kind === 'VirtualService')?.applied;
  expect(applied).toMatchObject({ applied: 1, total: 1, rejected: 0 });
  const refused = await fetch(`${api}/api/v1/proxies/client-0/config_dump`);
  expect([refused.status, await refused.json()]).toMatchObject([
    409,
    { error: 'client-0 is a gRPC client without a proxy: it shows its configuration to nobody' },
  ]);
  const asked = await fetch(`${api}/api/v1/explain?from=client&to=${encodeURIComponent('http://echo/')}`);
  expect([asked.status, await asked.json()]).toMatchObject([
    400,
    { error: 'client-0 is a gRPC client without a proxy: its own library decides, not the code of ours' },
  ]);
});

test('its bootstrap and socket are for its own user alone', () => {
  const path = join(state, 'proxies/client-0.shop.grpc.json');
  const bootstrap = JSON.parse(readFileSync(path, 'utf8')) as { xds_servers: [{ server_uri: string }] };
  const socket = bootstrap.xds_servers[0].server_uri.replace('unix:', '');
  expect([path, socket].map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
});
