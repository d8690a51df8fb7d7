import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../test/support/wait-for.ts';
import { grpcStreams } from '../../test/support/xds-stream.ts';
import { CertificateAuthority, type KeyedCertificate } from '../identity/ca.ts';
import { createRequest, exportPrivateKey, generateKeys } from '../identity/workload-keys.ts';
import { systemClock } from '../lib/clock.ts';
import type { SpiffeId } from '../model/units.ts';
import { jitteredBackoff } from './backoff.ts';
import { SnapshotCache } from './cache.ts';
import { type Channel, plaintextChannel, tlsChannel } from './channel.ts';
import { XdsClient } from './client.ts';
import type { UpdateHandler } from './client-type.ts';
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.ts';
import { NodeSchema } from './gen/envoy/config/core/v3/base_pb.ts';
import { type EncodedResource, type Snapshot, typeUrl } from './resource.ts';
import { XdsServer, type XdsServerOptions } from './server.ts';

const web = 'spiffe://cluster.local/ns/shop/sa/web' as SpiffeId;
const NODE = 'sidecar~web';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** `{a: '1'}`: clusters by name and version. */
function clusters(versions: Record<string, string>): Snapshot {
  const resources = Object.entries(versions).map(([name, version]): [string, EncodedResource] => {
    const bytes = toBinary(ClusterSchema, create(ClusterSchema, { name, altStatName: version }));
    return [name, { typeUrl: typeUrl.cluster, name, version, bytes, origins: [] }];
  });
  return { resources: new Map([[typeUrl.cluster, new Map(resources)]]) };
}

type Setup = Partial<Pick<XdsServerOptions, 'security' | 'authorize' | 'limits' | 'address'>>;

async function startServer(setup: Setup = {}, cache = new SnapshotCache()) {
  const logged: { message: string; reason?: string }[] = [];
  const log = {
    info: () => undefined,
    warn: (fields: object, message: string) => void logged.push({ ...fields, message }),
  };
  const server = new XdsServer({
    cache,
    address: '127.0.0.1:0',
    security: { kind: 'plaintext' },
    authorize: (node) => ({ ok: true, nodeId: node.id }),
    log,
    ...setup,
  });
  const port = await server.listen();
  cleanups.push(() => server.close());
  return { cache, server, port, logged };
}

type ClientSetup = {
  readonly port: number;
  readonly protocol?: 'sotw' | 'delta';
  readonly channel?: Channel;
  readonly node?: string;
  readonly handler?: UpdateHandler;
};

/** A client of all clusters: `updates` collects what it is given, `next` waits for an event. */
function startClient({ port, protocol = 'delta', channel = plaintextChannel, node = NODE, handler }: ClientSetup) {
  const events = new EventTarget();
  const updates: string[] = [];
  const lost: string[] = [];
  const client = new XdsClient({
    open: grpcStreams(`127.0.0.1:${port}`, channel),
    service: 'ads',
    protocol,
    node: create(NodeSchema, {
      id: node,
      userAgentName: 'test',
      userAgentVersionType: { case: 'userAgentVersion', value: '1.2' },
    }),
    clock: systemClock,
    backoff: jitteredBackoff(5, 20, Math.random),
    onDisconnect(reason) {
      lost.push(reason);
      events.dispatchEvent(new Event('lost'));
    },
  });
  client.subscribe(typeUrl.cluster, ['*'], async (update) => {
    updates.push(
      [...update.added.map(({ name }) => name).sort(), ...update.removed.map((name) => `-${name}`)].join(' '),
    );
    const result = (await handler?.(update)) ?? [];
    events.dispatchEvent(new Event('update'));
    return result;
  });
  cleanups.push(() => client.close());
  const next = (event: 'update' | 'lost') => once(events, event);
  return { client, updates, lost, next };
}

/** Resolves when the cache has heard of the node's answer. */
function nextStatus(cache: SnapshotCache, done: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = cache.onStatus(() => {
      if (!done()) return;
      stop();
      resolve();
    });
  });
}

describe.each(['sotw', 'delta'] as const)('our client against our server (%s)', (protocol) => {
  it('gets clusters, changes and removals, and acknowledges them', async () => {
    const { cache, port } = await startServer();
    cache.setSnapshot(NODE, clusters({ a: '1', b: '1' }));
    const { client, updates, next } = startClient({ port, protocol });
    const first = next('update');
    client.start();
    await first;
    const second = next('update');
    cache.setSnapshot(NODE, clusters({ a: '2' }));
    await second;
    await nextStatus(cache, () => cache.status(NODE)?.types.get(typeUrl.cluster)?.acked.get('a')?.version === '2');
    expect(updates).toEqual(['a b', 'a -b']);
    expect(cache.status(NODE)).toMatchObject({ connected: true, client: { name: 'test', version: '1.2' } });
  });

  it('names what it rejects, keeps the rest, and is sent the next version', async () => {
    const { cache, port } = await startServer();
    cache.setSnapshot(NODE, clusters({ bad: '1', good: '1' }));
    const handler: UpdateHandler = ({ added }) =>
      added.filter(({ name }) => name === 'bad').map(({ name }) => ({ name, detail: 'connect_timeout: too long' }));
    const { client } = startClient({ port, protocol, handler });
    const refused = nextStatus(cache, () => cache.status(NODE)?.types.get(typeUrl.cluster)?.lastNack != null);
    client.start();
    await refused;
    const status = cache.status(NODE)?.types.get(typeUrl.cluster);
    expect(status?.lastNack?.detail).toBe('bad: connect_timeout: too long');
    expect([...(status?.rejected.keys() ?? [])]).toEqual(['bad']);
    expect([...(status?.acked.keys() ?? [])]).toEqual(['good']);
  });

  it('comes back after the control plane was gone, keeps what it has, and gets only what changed', async () => {
    const before = await startServer();
    before.cache.setSnapshot(NODE, clusters({ a: '1', b: '1', c: '1' }));
    const { client, updates, lost, next } = startClient({ port: before.port, protocol });
    const first = next('update');
    client.start();
    await first;
    const gone = next('lost');
    before.server.close();
    await gone;
    const cache = new SnapshotCache();
    cache.setSnapshot(NODE, clusters({ a: '1', b: '2' }));
    await startServer({ address: `127.0.0.1:${before.port}` }, cache);
    await waitFor('what is gone', () => updates.join(' ').includes('-c'));
    expect(updates.join(' ')).toBe('a b c b -c');
    expect(lost.length).toBeGreaterThan(0);
  });
});

describe('who may open a stream', () => {
  async function mesh() {
    const folder = await mkdtemp(join(tmpdir(), 'tulle-xds-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const options = { trustDomain: 'cluster.local', clock: systemClock };
    const authority = await CertificateAuthority.open(join(folder, 'mesh'), options);
    const foreign = await CertificateAuthority.open(join(folder, 'foreign'), options);
    const server = await startServer({
      security: { kind: 'mtls', identity: { ...(await authority.issueServer(['127.0.0.1'])), roots: authority.root } },
      authorize: (node, peer) =>
        peer?.uris.includes(web) && peer.instance === 'web-1' && node.id === NODE
          ? { ok: true, nodeId: node.id }
          : { ok: false, reason: `${peer?.uris.join()} (${peer?.instance}) may not be ${node.id}` },
    });
    server.cache.setSnapshot(NODE, clusters({ a: '1' }));
    return { ...server, authority, foreign };
  }

  async function certify(authority: CertificateAuthority, id: SpiffeId, instance: string): Promise<KeyedCertificate> {
    const keys = await generateKeys();
    const chain = await authority.issue(await createRequest(keys), id, instance);
    return { chain: chain.join('\n'), key: await exportPrivateKey(keys) };
  }

  it('lets in the identity and instance the node claims to be', async () => {
    const { authority, port } = await mesh();
    const client = await certify(authority, web, 'web-1');
    const channel = tlsChannel(`127.0.0.1:${port}`, { roots: authority.root, client });
    const t = startClient({ port, channel });
    const first = t.next('update');
    t.client.start();
    await first;
    expect(t.updates).toEqual(['a']);
  });

  it.each([
    [
      'another identity',
      'spiffe://cluster.local/ns/shop/sa/admin',
      'web-1',
      'mesh',
      /PERMISSION_DENIED.*admin \(web-1\) may not be/,
    ],
    ['another instance', web, 'web-2', 'mesh', /PERMISSION_DENIED.*\(web-2\) may not be/],
    [
      'a certificate of another CA',
      web,
      'web-1',
      'foreign',
      /UNAUTHENTICATED.*no client certificate that the mesh root signed/,
    ],
    ['no certificate', web, '', 'none', /UNAUTHENTICATED.*no client certificate/],
  ] as const)('refuses %s', async (_, id, instance, by, reason) => {
    const { authority, foreign, port, logged } = await mesh();
    const client = by === 'none' ? null : await certify(by === 'mesh' ? authority : foreign, id as SpiffeId, instance);
    const channel = tlsChannel(`127.0.0.1:${port}`, { roots: authority.root, client });
    const t = startClient({ port, channel });
    const lost = t.next('lost');
    t.client.start();
    await lost;
    expect(t.lost[0]).toMatch(reason);
    expect(t.updates).toEqual([]);
    expect(logged).toContainEqual(expect.objectContaining({ message: 'xds stream refused' }));
  });

  it('is not spoken to when its own certificate is another than asked for', async () => {
    const { authority, port } = await mesh();
    const roots = authority.root;
    const wanted = ['spiffe://cluster.local/ns/tulle-system/sa/control'];
    const t = startClient({
      port,
      channel: tlsChannel(`127.0.0.1:${port}`, { roots, client: null, serverUris: wanted }),
    });
    const lost = t.next('lost');
    t.client.start();
    await lost;
    expect(t.lost[0]).toMatch(/UNAVAILABLE/);
  });
});

describe('limits', () => {
  it('refuses one stream too many of a node', async () => {
    const { cache, port } = await startServer({ limits: { maxStreamsPerNode: 1 } });
    cache.setSnapshot(NODE, clusters({ a: '1' }));
    const first = startClient({ port });
    const served = first.next('update');
    first.client.start();
    await served;
    const second = startClient({ port });
    const lost = second.next('lost');
    second.client.start();
    await lost;
    expect(second.lost[0]).toMatch(/RESOURCE_EXHAUSTED.*already has 1 streams/);
  });

  it('refuses a node that is not named', async () => {
    const { port } = await startServer({
      authorize: (node) => (node.id === '' ? { ok: false, reason: 'node.id is empty' } : { ok: true, nodeId: node.id }),
    });
    const t = startClient({ port, node: '' });
    const lost = t.next('lost');
    t.client.start();
    await lost;
    expect(t.lost[0]).toMatch(/PERMISSION_DENIED: node.id is empty/);
  });

  it('says which address it cannot have', async () => {
    const { port } = await startServer();
    await expect(startServer({ address: `127.0.0.1:${port}` })).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`);
  });
});
