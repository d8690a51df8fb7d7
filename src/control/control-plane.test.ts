// Over a real port: a proxy that joins gets its configuration; one that claims to be another is told why not.

import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../test/support/wait-for.ts';
import { grpcStreams } from '../../test/support/xds-stream.ts';
import type { ErrorResponse, ObjectResponse, ProblemsResponse, ProxiesResponse } from '../api/types.ts';
import { IdentityAgent, type WorkloadSecrets } from '../identity/agent.ts';
import { caClient } from '../identity/ca-client.ts';
import { systemClock } from '../lib/clock.ts';
import { nodeId } from '../mesh/names.ts';
import type { Instance } from '../model/service.ts';
import { port, type SpiffeId } from '../model/units.ts';
import { parseFile } from '../sources/document.ts';
import { jitteredBackoff } from '../xds/backoff.ts';
import { type Channel, plaintextChannel, tlsChannel } from '../xds/channel.ts';
import { XdsClient } from '../xds/client.ts';
import { NodeSchema } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import { typeUrl } from '../xds/resource.ts';
import { ControlPlane } from './control-plane.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const cleanups: (() => void | Promise<void>)[] = [];
let folder = '';
let control: ControlPlane;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-control-'));
  control = await startControl();
  const { objects, problems } = parseFile('mesh.yaml', mesh);
  control.setObjects(objects, problems);
  runBoth();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  rmSync(folder, { recursive: true });
});

function runBoth(): void {
  const nodes = ['web', 'cart'].map((name) => ({ name, nodeId: idOf(name) }));
  const proxies = nodes.map(({ name, nodeId }) => ({
    ...{ name: `${name}-0`, namespace: 'shop', workload: name, nodeId, dataPlane: 'tulle' as const, pid: null },
    admin: { host: '127.0.0.1', port: 1 },
  }));
  control.setRunning({ instances: [instance('web'), instance('cart')], gateways: [], proxies, problems: [] });
}

async function startControl(ports = { xds: 0, api: 0 }, authority = 'ca', lifetime = 3600_000): Promise<ControlPlane> {
  const started = await ControlPlane.start({
    trustDomain: 'cluster.local',
    authority: join(folder, authority),
    certificateLifetime: lifetime,
    host: '127.0.0.1',
    ports,
    dashboard: '',
    version: '1.2.3',
    clock: systemClock,
    log: quiet,
  });
  cleanups.push(() => started.close());
  return started;
}

const mesh = `
apiVersion: v1
kind: Service
metadata: { name: cart, namespace: shop }
spec: { selector: { app: cart }, ports: [ { name: http, port: 80, colour: red } ] }
`;

const doors = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: door, namespace: shop }
spec: { colour: red, servers: [ { port: { number: 8081, name: http, protocol: HTTP }, hosts: [ "*" ] } ] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: door, namespace: shop }
spec: { gatewayClassName: tulle, listeners: [ { name: web, port: 8082, protocol: HTTP } ] }
`;

const identityOf = (name: string): SpiffeId => `spiffe://cluster.local/ns/shop/sa/${name}` as SpiffeId;
const idOf = (name: string): string => nodeId('sidecar', '127.0.0.1', `${name}-0`, 'shop');

const instance = (name: string): Instance => ({
  name: `${name}-0`,
  namespace: 'shop',
  workload: name,
  labels: { app: name },
  serviceAccount: name,
  identity: identityOf(name),
  ready: true,
  dataPlane: 'tulle',
  ports: [],
  capture: { listeners: [], forwardProxy: { host: '127.0.0.1', port: port(21_000) } },
});

/** The certificate that the proxy of `name` gets for its join token. */
async function enrol(
  name: string,
  token: Promise<string> | string = control.tokens.issue({ identity: identityOf(name), instance: `${name}-0.shop` }),
) {
  const agent = new IdentityAgent({
    identity: identityOf(name),
    roots: control.authority.root,
    token: async () => token,
    request: caClient({ address: `127.0.0.1:${control.xdsPort}`, roots: control.authority.root }),
    clock: systemClock,
    random: Math.random,
    log: quiet,
  });
  cleanups.push(() => agent.close());
  agent.start();
  return agent.ready();
}

const channelOf = ({ certificate }: WorkloadSecrets): Channel =>
  tlsChannel(`127.0.0.1:${control.xdsPort}`, { roots: control.authority.root, client: certificate });

/** What a client that says it is `name` is given, or told. */
async function subscribe(name: string, channel: Channel): Promise<string> {
  const { names, disconnects } = await watch(name, channel);
  return names() || disconnects().join(' ');
}

/** A client that says it is `name`, once it was given or told something. */
async function watch(name: string, channel: Channel): Promise<{ names(): string; disconnects(): string[] }> {
  let names: string | null = null;
  const disconnects: string[] = [];
  const client = new XdsClient({
    open: grpcStreams(`127.0.0.1:${control.xdsPort}`, channel),
    service: 'ads',
    protocol: 'delta',
    node: create(NodeSchema, { id: idOf(name), metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: name } }),
    backoff: jitteredBackoff(60_000, 60_000, Math.random),
    clock: systemClock,
    onDisconnect: (reason) => void disconnects.push(reason),
  });
  cleanups.push(() => client.close());
  client.subscribe(typeUrl.cluster, ['*'], ({ added }) => {
    names = added.map((one) => one.name).join(' ');
    return [];
  });
  client.start();
  await waitFor('an outcome', () => names !== null || disconnects.length > 0);
  return { names: () => names ?? '', disconnects: () => disconnects };
}

/** What the xDS port shows whoever connects now. */
function portCertificate(): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: control.xdsPort, rejectUnauthorized: false, ALPNProtocols: ['h2'] };
    const socket = connect(options, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

test('a proxy that joins gets its configuration, and the API shows it connected', async () => {
  expect(await subscribe('web', channelOf(await enrol('web')))).toBe('outbound|80||cart.shop.svc.cluster.local');
  await waitFor('its acknowledgement', async () => {
    const { proxies } = (await (await fetch(`${control.api?.url}/api/v1/proxies`)).json()) as ProxiesResponse;
    const web = proxies.find(({ nodeId }) => nodeId === idOf('web'));
    return web?.sync.find(({ type }) => type === 'cluster')?.state === 'synced';
  });
  expect(control.loop.applied('Service/shop/cart')).toMatchObject({ applied: 1, rejected: 0, proxies: 2 });
});

test('a proxy that says it is another is told why not', async () => {
  const secrets = await enrol('web');
  expect(await subscribe('cart', channelOf(secrets))).toContain(
    `the certificate is that of ${identityOf('web')}, the node metadata says ${identityOf('cart')}`,
  );
});

test('a proxy that is not of this mesh is told so', async () => {
  expect(await subscribe('ghost', channelOf(await enrol('ghost')))).toContain(
    `no instance of this mesh has the node id ${idOf('ghost')}`,
  );
});

test('without a certificate, or with one of another CA, there is no stream', async () => {
  const bare = tlsChannel(`127.0.0.1:${control.xdsPort}`, { roots: control.authority.root, client: null });
  expect(await subscribe('web', bare)).toMatch(/certificate/);
  const mine = control;
  control = await startControl(undefined, 'other-ca');
  const foreign = await enrol('web');
  control = mine;
  expect(await subscribe('web', channelOf(foreign))).toMatch(/certificate/);
  expect(await subscribe('web', plaintextChannel)).not.toContain('outbound');
});

test('the API tells the problems, the metrics of the control plane, and what explain says', async () => {
  const url = control.api?.url;
  const { problems } = (await (await fetch(`${url}/api/v1/problems`)).json()) as ProblemsResponse;
  expect(problems).toEqual([expect.objectContaining({ code: 'unknown-field' })]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toContain('\npilot_services 1\n');
  expect(metrics).toContain('\ntulle_plans 2\n');
  const question = 'from=web&to=http%3A%2F%2Fcart%2F';
  const answer = (await (await fetch(`${url}/api/v1/explain?${question}`)).json()) as { verdict: string };
  // Nobody is behind the service.
  expect(answer.verdict).toBe('failed');
});

test('a port that is taken is an error', async () => {
  const api = Number(new URL(control.api?.url ?? '').port);
  await expect(startControl({ xds: 0, api })).rejects.toThrow('EADDRINUSE');
  await expect(startControl({ xds: control.xdsPort, api: 0 })).rejects.toThrow('cannot listen');
});

test('a restart keeps the root that proxies trust', async () => {
  const { root } = control.authority;
  expect((await startControl()).authority.root).toBe(root);
});

test('a join token is still good after a restart, unless its instance is gone', async () => {
  const tokens = await Promise.all(
    ['web', 'cart'].map((name) => control.tokens.issue({ identity: identityOf(name), instance: `${name}-0.shop` })),
  );
  control.setRunning({ instances: [instance('web')], gateways: [], proxies: [], problems: [] });
  await control.tokens.issue({ identity: identityOf('late'), instance: 'late-0.shop' });
  await control.close();
  control = await startControl();
  expect((await enrol('web', tokens[0])).certificate.chain).toContain('BEGIN CERTIFICATE');
  expect(control.tokens.redeem(tokens[1] ?? '')).toBeNull();
});

test('the port renews its own certificate before it ends, and open streams go on', async () => {
  control = await startControl(undefined, 'short-lived', 6_000);
  control.setRunning({ instances: [instance('web')], gateways: [], proxies: [], problems: [] });
  const watching = await watch('web', channelOf(await enrol('web')));
  const first = await portCertificate();
  await waitFor('another certificate', async () => (await portCertificate()).serialNumber !== first.serialNumber, {
    deadline: 20_000,
  });
  expect(Date.now()).toBeLessThan(first.validToDate.getTime());
  await waitFor('the end of the first', () => Date.now() > first.validToDate.getTime(), { deadline: 20_000 });
  const { objects } = parseFile('mesh.yaml', mesh);
  control.setObjects(objects, []);
  await waitFor('an update on the stream that was open all along', () => watching.names().includes('cart'));
  expect(watching.disconnects()).toEqual([]);
  // Who connects now is shown a certificate that is good.
  expect((await watch('web', channelOf(await enrol('web')))).disconnects()).toEqual([]);
}, 60_000);

test('the API tells when the certificate of each proxy ends, also after a restart', async () => {
  const expiries = async (): Promise<(string | null)[]> => {
    const { proxies } = (await (await fetch(`${control.api?.url}/api/v1/proxies`)).json()) as ProxiesResponse;
    return proxies.map(({ certificateExpires }) => certificateExpires);
  };
  expect(await expiries()).toEqual([null, null]);
  const secrets = await enrol('web');
  const expires = new X509Certificate(secrets.certificate.chain).validToDate.toISOString();
  expect(await expiries()).toEqual([null, expires]);
  await control.close();
  control = await startControl();
  runBoth();
  expect(await expiries()).toEqual([null, null]);
  await watch('web', channelOf(secrets));
  expect(await expiries()).toEqual([null, expires]);
});

test('objects of two groups may share a kind and a name: each is itself', async () => {
  const ask = async (kind: string) => {
    const response = await fetch(`${control.api?.url}/api/v1/objects/${kind}/shop/door`);
    return (await response.json()) as Partial<ObjectResponse & ErrorResponse>;
  };
  const { objects } = parseFile('doors.yaml', doors);
  control.setObjects(objects, []);
  control.loop.flush();
  expect((await ask('Gateway')).hint).toBe('say one of Gateway.networking.istio.io, Gateway.gateway.networking.k8s.io');
  const [istio, other] = [await ask('Gateway.networking.istio.io'), await ask('Gateway.gateway.networking.k8s.io')];
  expect([istio, other].map(({ object }) => object?.dialect)).toEqual(['istio', 'gateway-api']);
  expect([istio, other].map(({ object }) => object?.problems.map(({ message }) => message))).toEqual([
    // A way in is served once under a name, whatever its dialect.
    ['not used: Gateway shop/door of doors.yaml:7 is already shop/door', 'unknown field "colour"'],
    [],
  ]);
});
