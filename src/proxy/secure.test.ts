// Mutual TLS both ways, over real sockets: who is let in, who is not, and that certificates change under traffic.

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Issuer, selfSign, signRequest } from '../identity/certificate.ts';
import { createRequest, exportPrivateKey, generateKeys } from '../identity/workload-keys.ts';
import { systemClock } from '../lib/clock.ts';
import { adsSource } from './config/config-source.ts';
import { plainAssignment } from './config/endpoints.ts';
import type { DownstreamTlsConfig, SecretValue, UpstreamTlsConfig, ValidationConfig } from './config/tls-types.ts';
import { DataPlane } from './data-plane.ts';
import type { Exchange } from './http/exchange.ts';
import { FilterChain } from './listener/filter-chain.ts';
import {
  chain,
  chainMatch,
  cluster,
  downstreamTls,
  endpoint,
  forward,
  http,
  listener,
  route,
  routeTable,
  tlsInspector,
  upstreamTls,
  validation,
} from './testing/configs.ts';
import { memoryLog, silentLog } from './testing/harness.ts';
import { openClient, rawClient, startEcho } from './testing/origin.ts';
import { TlsConnector } from './tls/client-tls.ts';
import { ServerTls } from './tls/server-tls.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const API = 'spiffe://cluster.local/ns/shop/sa/api';

type Authority = { readonly issuer: Issuer; readonly trust: SecretValue };
let mesh: Authority;
let stranger: Authority;
let web: SecretValue;
let api: SecretValue;
let foreign: SecretValue;

beforeAll(async () => {
  [mesh, stranger] = await Promise.all([authority('cluster.local'), authority('cluster.local')]);
  [web, api, foreign] = await Promise.all([issue(mesh, WEB), issue(mesh, API), issue(stranger, WEB)]);
});

const validity = () => ({ notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) });

async function authority(trustDomain: string): Promise<Authority> {
  const keys = await generateKeys();
  const certificate = await selfSign(keys, trustDomain, validity());
  return { issuer: { certificate, key: keys.privateKey }, trust: { kind: 'trust', roots: certificate } };
}

async function issue({ issuer }: Authority, identity: string): Promise<SecretValue> {
  const keys = await generateKeys();
  const holder = { commonName: '', names: [{ type: 'url' as const, value: identity }] };
  const chain = await signRequest(await createRequest(keys), holder, validity(), issuer);
  return { kind: 'certificate', chain, key: await exportPrivateKey(keys) };
}

const secret = (name: string) => ({ kind: 'sds', name, source: { ...adsSource, key: 'sds-grpc' } }) as const;
const uri = (wanted: string): ValidationConfig['sans'][number] => ({
  type: 'uri',
  matches: (value) => value === wanted,
});

const server = (change: Partial<DownstreamTlsConfig> = {}): DownstreamTlsConfig =>
  downstreamTls(secret('server'), {
    validation: validation(secret('ROOTCA')),
    requireClientCertificate: true,
    alpn: ['http/1.1'],
    ...change,
  });

const client = (change: Partial<UpstreamTlsConfig> = {}): UpstreamTlsConfig =>
  upstreamTls(secret('client'), {
    validation: validation(secret('ROOTCA'), { sans: [uri(API)] }),
    sni: 'outbound_.80_._.api',
    alpn: ['http/1.1'],
    ...change,
  });

/** An outbound listener (plain) whose cluster goes to an inbound listener (TLS, or plain text too when `permissive`) before an echo. */
async function twoHops(inbound: DownstreamTlsConfig, outbound: UpstreamTlsConfig, permissive = false) {
  const up = await startEcho();
  const logs = { inbound: [] as string[], outbound: [] as string[], complaints: [] as string[] };
  const seen: Exchange[] = [];
  const dataPlane = new DataPlane({ clock: systemClock, random: () => 0.5, log: silentLog(logs.complaints) });
  open.push(up, { close: () => dataPlane.close() });
  dataPlane.setSecret('sds-grpc', 'server', api);
  dataPlane.setSecret('sds-grpc', 'client', web);
  dataPlane.setSecret('sds-grpc', 'ROOTCA', mesh.trust);
  dataPlane.setCluster(cluster('local', [up.port]));
  const observe = { write: (exchange: Exchange) => void seen.push(exchange) };
  const local = http(routeTable('', { '/': route(forward('local')) }), {
    statPrefix: 'in',
    accessLogs: [memoryLog(logs.inbound), observe],
    forwardClientCert: { mode: 'append-forward', set: { subject: true, uri: true, dns: true, cert: false } },
  });
  const tls = chain(local, {
    name: 'tls',
    tls: inbound,
    match: chainMatch({ transport: 'tls' }),
  });
  const raw = chain(local, {
    name: 'raw',
    match: chainMatch({ transport: 'raw_buffer' }),
  });
  await dataPlane.setListener(
    listener(permissive ? [tls, raw] : [tls], {
      name: 'in',
      direction: 'inbound',
      listenerFilters: [tlsInspector],
    }),
  );
  const inPort = dataPlane.listeners()[0]!.port;
  const when = { tlsMode: 'istio' };
  const target = endpoint(inPort, { metadata: { 'envoy.transport_socket_match': when } });
  dataPlane.setCluster(
    cluster('api', [], {
      discovery: { kind: 'eds', serviceName: 'api', source: adsSource },
      tls: [
        { name: 'mtls', when, tls: outbound, proxyHeader: null },
        { name: 'plain', when: {}, tls: null, proxyHeader: null },
      ],
    }),
  );
  dataPlane.setEndpoints('api', plainAssignment([target]));
  const table = routeTable('', { '/': route(forward('api')) });
  await dataPlane.setListener(
    listener([chain(http(table, { statPrefix: 'out', accessLogs: [memoryLog(logs.outbound)] }))], { name: 'out' }),
  );
  const outPort = dataPlane.listeners()[1]!.port;
  const stat = (name: string) => new Map(dataPlane.stats()).get(name);
  return { dataPlane, inPort, outPort, logs, seen, stat, up };
}

async function ask(port: number): Promise<string> {
  const connection = openClient(port);
  open.push({ close: () => connection.socket.destroy() });
  connection.write(GET);
  return connection.until(/\r\n\r\n[\s\S]*(\r\n\r\n|\w)$/);
}

/** Sends a request over TLS and gives the whole of what came, '' when the handshake failed. */
async function askTls(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  open.push({ close: () => socket.destroy() });
  const connection = rawClient(socket);
  connection.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  return connection.ended();
}

const identityOf = (value: SecretValue): ConnectionOptions =>
  value.kind === 'certificate' ? { cert: value.chain, key: value.key } : {};

test('TLS on a Unix socket, several handshakes at once', async () => {
  const { dataPlane } = await twoHops(server(), client());
  const address = join(mkdtempSync(join(tmpdir(), 'tulle-secure-')), 'tls.sock');
  const table = routeTable('', { '/': route(forward('local')) });
  const secured = chain(http(table, { statPrefix: 'unix' }), { tls: server() });
  await dataPlane.setListener(listener([secured], { name: 'unix', address, port: 0 }));
  const over = (value: SecretValue) => askTls(0, { path: address, ...identityOf(value) });
  const [first, refused, second] = await Promise.all([over(web), over(foreign), over(web)]);
  expect(first).toMatch(/^HTTP\/1\.1 200 /);
  expect(second).toMatch(/^HTTP\/1\.1 200 /);
  expect(refused).toBe('');
  rmSync(dirname(address), { recursive: true });
});

describe('two hops', () => {
  test('the inbound side knows who calls, and tells the application', async () => {
    const { outPort, seen, logs } = await twoHops(server(), client());
    const answer = await ask(outPort);
    const hash =
      web.kind === 'certificate' ? new X509Certificate(web.chain).fingerprint256.replaceAll(':', '').toLowerCase() : '';
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain(`x-forwarded-client-cert: By=${API};Hash=${hash};Subject="";URI=${WEB}\r\n`);
    expect(answer).toContain('x-forwarded-proto: http\r\n');
    expect(seen[0]?.downstream.tls).toMatchObject({
      uriSans: [WEB],
      localUriSans: [API],
      sni: 'outbound_.80_._.api',
      alpn: 'http/1.1',
      version: 'TLSv1.3',
    });
    expect(logs.outbound).toEqual(['/ 200 - via_upstream']);
  });

  test.each<[string, () => SecretValue, () => SecretValue, () => Partial<UpstreamTlsConfig>, RegExp, string]>([
    ['a server of another CA', () => foreign, () => mesh.trust, () => ({}), /UNABLE_TO|CERT/, 'ssl.fail_verify_error'],
    [
      'a server of another name',
      () => api,
      () => mesh.trust,
      () => ({ validation: validation(secret('ROOTCA'), { sans: [uri(WEB)] }) }),
      /SAN_matcher/,
      'ssl.fail_verify_san',
    ],
  ])('%s is not spoken to', async (_name, serverSecret, trust, change, detail, counter) => {
    const { outPort, dataPlane, seen, logs, stat, up } = await twoHops(server(), client(change()));
    dataPlane.setSecret('sds-grpc', 'server', serverSecret());
    dataPlane.setSecret('sds-grpc', 'ROOTCA', trust());
    expect(await ask(outPort)).toMatch(/^HTTP\/1\.1 503 [\s\S]*reset reason: remote connection failure$/);
    expect(logs.outbound[0]).toMatch(
      /^\/ 503 UF upstream_reset_before_response_started\{remote_connection_failure\|TLS_error:\|268435581:/,
    );
    expect(logs.outbound[0]).toMatch(detail);
    expect(stat(`cluster.api.${counter}`)).toBe(1);
    expect(seen).toEqual([]);
    expect(up.requests).toEqual([]);
  });

  test('503 UF while a secret has not come', async () => {
    const { outPort, logs } = await twoHops(server(), client({ certificate: secret('late') }));
    expect(await ask(outPort)).toMatch(/^HTTP\/1\.1 503 /);
    expect(logs.outbound[0]).toContain('secret_late_has_not_come_from_sds-grpc');
  });

  test('new certificates are used by new connections while the old ones live on', async () => {
    const { outPort, inPort, dataPlane, seen, up } = await twoHops(server(), client());
    await ask(outPort);
    const fresh = await issue(mesh, API);
    dataPlane.setSecret('sds-grpc', 'server', fresh);
    await ask(outPort);
    expect(up.connections()).toBe(1);
    expect(new Set(seen.map(({ downstream }) => downstream.id)).size).toBe(1);
    const socket = connectTls({ host: '127.0.0.1', port: inPort, rejectUnauthorized: false, ...identityOf(web) });
    open.push({ close: () => socket.destroy() });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const shown = socket.getPeerX509Certificate()?.fingerprint256;
    expect(shown).toBe(fresh.kind === 'certificate' ? new X509Certificate(fresh.chain).fingerprint256 : '');
  });

  test('connections after the first resume its session, and show no certificate again', async () => {
    const { outPort, stat } = await twoHops(server(), client());
    await ask(outPort);
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(outPort)));
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(stat('cluster.api.ssl.session_reused')).toBeGreaterThan(0);
    expect(stat('cluster.api.ssl.fail_verify_error')).toBe(0);
  });

  test('a peer that is refused leaves no session to come back with', async () => {
    const { outPort, dataPlane, stat } = await twoHops(server(), client());
    dataPlane.setSecret('sds-grpc', 'server', await issue(stranger, API));
    for (let turn = 0; turn < 3; turn += 1) expect(await ask(outPort)).toMatch(/^HTTP\/1\.1 503 /);
    expect(stat('cluster.api.ssl.session_reused')).toBe(0);
  });

  test('a replaced trust bundle refuses also those who could resume a session', async () => {
    const { inPort, dataPlane } = await twoHops(server(), client());
    let session: Buffer | undefined;
    const socket = connectTls({ host: '127.0.0.1', port: inPort, rejectUnauthorized: false, ...identityOf(web) });
    open.push({ close: () => socket.destroy() });
    socket.on('session', (ticket) => {
      session = ticket;
    });
    const first = rawClient(socket);
    first.write(GET);
    await first.until(/200 OK/);
    expect(session).toBeDefined();
    dataPlane.setSecret('sds-grpc', 'ROOTCA', stranger.trust);
    expect(await askTls(inPort, { ...identityOf(web), session })).toBe('');
    expect(await askTls(inPort, identityOf(foreign))).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('who is let in', () => {
  test.each<[string, Partial<DownstreamTlsConfig>, () => ConnectionOptions, boolean, string]>([
    ['a caller of the mesh', {}, () => identityOf(web), true, ''],
    ['a caller of another CA', {}, () => identityOf(foreign), false, 'ssl.fail_verify_error'],
    ['a caller without certificate', {}, () => ({}), false, 'ssl.fail_verify_no_cert'],
    [
      'a caller whose name is not accepted',
      { validation: validation(secret('ROOTCA'), { sans: [uri(API)] }) },
      () => identityOf(web),
      false,
      'ssl.fail_verify_san',
    ],
    ['a caller without certificate, where none is required', { requireClientCertificate: false }, () => ({}), true, ''],
    [
      'a caller of another CA, where none is required',
      { requireClientCertificate: false },
      () => identityOf(foreign),
      false,
      'ssl.fail_verify_error',
    ],
    [
      'an old version',
      { minVersion: 'TLSv1.3' },
      () => ({ ...identityOf(web), maxVersion: 'TLSv1.2' }),
      false,
      'ssl.connection_error',
    ],
  ])('%s', async (_name, change, options, welcome, counter) => {
    const { inPort, stat, logs, up } = await twoHops(server(change), client());
    expect(/^HTTP\/1\.1 200 /.test(await askTls(inPort, options()))).toBe(welcome);
    expect(up.requests).toHaveLength(welcome ? 1 : 0);
    if (counter !== '') await expect.poll(() => stat(`listener.127.0.0.1_${inPort}.${counter}`)).toBe(1);
    expect(logs.complaints).toEqual([]);
    expect(stat(`listener.127.0.0.1_${inPort}.downstream_pre_cx_active`)).toBe(0);
  });

  test('plain text is refused by a TLS chain, and served where permitted, without an identity', async () => {
    const strict = await twoHops(server(), client());
    const refused = openClient(strict.inPort);
    refused.write(GET);
    expect(await refused.ended()).toBe('');
    expect(strict.stat(`listener.127.0.0.1_${strict.inPort}.no_filter_chain_match`)).toBe(1);
    const permissive = await twoHops(server(), client(), true);
    expect(await ask(permissive.inPort)).toMatch(/^HTTP\/1\.1 200 /);
    expect(permissive.seen[0]?.downstream.tls).toBeNull();
    expect(await askTls(permissive.inPort, identityOf(web))).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('garbage that begins like a handshake ends the connection, nothing else', async () => {
    const { inPort, outPort, logs, stat } = await twoHops(server(), client(), true);
    for (const bytes of ['\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00', '\x16\x03\x01\xff\xff', '\x16']) {
      const socket = connectSocket({ host: '127.0.0.1', port: inPort });
      socket.on('error', () => socket.destroy());
      socket.resume();
      socket.end(Buffer.from(bytes, 'latin1'));
      await new Promise((resolve) => socket.once('close', resolve));
    }
    expect(await ask(outPort)).toMatch(/^HTTP\/1\.1 200 /);
    expect(logs.complaints).toEqual([]);
    await expect.poll(() => stat(`listener.127.0.0.1_${inPort}.downstream_pre_cx_active`)).toBe(0);
  });
});

test('a connection that is in its handshake when its chain is left is that chain’s still: it ends with it', async () => {
  const { dataPlane } = await twoHops(server(), client());
  const secured = (fingerprint: string) => {
    const table = routeTable('', { '/': route(forward('local')) });
    return chain(http(table, { statPrefix: 'direct' }), { tls: server(), fingerprint });
  };
  await dataPlane.setListener(listener([secured('one')], { name: 'direct' }));
  const direct = dataPlane.listeners().find(({ config }) => config.name === 'direct')!;
  const raw = connectSocket(direct.port, '127.0.0.1');
  open.push({ close: () => raw.destroy() });
  await expect.poll(() => direct.activeConnections).toBe(1);
  await dataPlane.setListener(listener([secured('two')], { name: 'direct' }));
  expect(direct.activeConnections).toBe(1);
  const secure = connectTls({ socket: raw, rejectUnauthorized: false, ...identityOf(web) });
  const connection = rawClient(secure);
  await once(secure, 'secureConnect');
  await expect.poll(() => direct.stats.downstream_pre_cx_active).toBe(0);
  expect(direct.activeConnections).toBe(1);
  await dataPlane.close();
  expect(await connection.ended()).toBe('');
});

describe('an exception ends its connection only', () => {
  const boom = (): never => {
    throw new Error('a bug');
  };

  test.each([
    ['at the beginning of a handshake', () => vi.spyOn(ServerTls.prototype, 'accept'), 'listener', 503],
    ['after a handshake', () => vi.spyOn(FilterChain.prototype, 'serve'), 'listener', 503],
    ['before a handshake with an upstream', () => vi.spyOn(TlsConnector.prototype, 'connect'), 'out', 500],
  ] as const)('%s', async (_name, seam, counter, status) => {
    const { outPort, inPort, dataPlane, stat } = await twoHops(server(), client());
    const direct = connectTls({ host: '127.0.0.1', port: inPort, rejectUnauthorized: false, ...identityOf(web) });
    open.push({ close: () => direct.destroy() });
    const bystander = rawClient(direct);
    bystander.write(GET);
    await bystander.until(/ 200 /);
    const outgoing = openClient(outPort);
    open.push({ close: () => outgoing.socket.destroy() });
    outgoing.write('GET ');
    await expect.poll(() => stat('http.out.downstream_cx_active')).toBe(1);
    const spy = seam().mockImplementationOnce(boom);
    outgoing.write('/ HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await outgoing.until(/\r\n\r\n/)).toContain(`HTTP/1.1 ${status} `);
    spy.mockRestore();
    bystander.write(GET);
    await bystander.until(/ 200 [\s\S]* 200 /);
    expect(await ask(outPort)).toMatch(/ 200 /);
    const counted =
      counter === 'listener'
        ? dataPlane.listeners()[0]!.stats.uncaught_exceptions
        : stat('http.out.uncaught_exceptions');
    expect(counted).toBe(1);
  });
});
