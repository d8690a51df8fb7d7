import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { systemClock } from '../../lib/clock.ts';
import { ManualClock } from '../../lib/manual-clock.ts';
import { SnapshotCache } from '../../xds/cache.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { type EncodedResource, type TypeUrl, typeUrl } from '../../xds/resource.ts';
import { XdsServer } from '../../xds/server.ts';
import { readBootstrap } from '../bootstrap/bootstrap.ts';
import { decodeCluster } from '../config/cluster.ts';
import { adsSource, type ConfigSource } from '../config/config-source.ts';
import { plainAssignment } from '../config/endpoints.ts';
import { nothingOnDemand } from '../config/on-demand.ts';
import type { SecretRef } from '../config/tls-types.ts';
import type { ClusterConfig } from '../config/types.ts';
import { DataPlane } from '../data-plane.ts';
import { chain, cluster, downstreamTls, http, listener, routeTable } from '../testing/configs.ts';
import type { ConfigTarget } from './config-target.ts';
import type { Decoders } from './decoders.ts';
import { Discovery } from './discovery.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const NODE = 'sidecar~1';
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const schemas = {
  cluster: ClusterSchema,
  endpoints: ClusterLoadAssignmentSchema,
  listener: ListenerSchema,
  routes: RouteConfigurationSchema,
  virtualHost: VirtualHostSchema,
  secret: SecretSchema,
};

/** `cluster a 1`; what each refers to goes by names: cluster `a` → endpoints `a`, listener `l+s` → routes `l`, secret `s`; routes `v…` have virtual hosts of their own source, `n…` need cluster `a`. */
function encode(line: string): EncodedResource {
  const [kind, name = '', version = ''] = line.split(' ');
  const type = kind as keyof typeof schemas;
  const bytes =
    type === 'endpoints'
      ? toBinary(ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, { clusterName: name }))
      : toBinary(schemas[type], create(schemas[type], { name }));
  return { typeUrl: typeUrl[type], name, version, bytes, origins: [] };
}

const secretRef = (name: string): SecretRef => ({ kind: 'sds', source: adsSource, name });

/** The static cluster of the control plane. */
const CONTROL = 'x';

/** Decodes what `encode` makes; a name that begins with `bad` is refused. */
const decoders: Decoders = {
  decodeCluster: (one) => (one.name === CONTROL ? decodeCluster(one) : discovered(one.name)),
  decodeEndpoints: ({ clusterName }) => ({ name: clusterName, assignment: plainAssignment([]) }),
  decodeRoutes: ({ name }) => ({
    ...routeTable(name, {}),
    neededClusters: name.startsWith('n') ? [{ name: 'a', path: 'routes[0].route.cluster' }] : [],
    hostSource: name.startsWith('v') ? adsSource : null,
  }),
  decodeListener({ name }) {
    refuseBad(name);
    const [routes = '', secret] = name.split('+');
    const config = http(routeTable('', {}), { routes: { kind: 'rds', name: routes, source: adsSource } });
    const tls = secret === undefined ? null : downstreamTls(secretRef(secret));
    return listener([chain(config, { tls })], { name });
  },
  decodeSecret: () => ({ kind: 'trust', roots: 'pem' }),
};

function discovered(name: string): ClusterConfig {
  refuseBad(name);
  return cluster(name, [], { discovery: { kind: 'eds', serviceName: name, source: adsSource } });
}

function refuseBad(name: string): null {
  if (name.startsWith('bad')) throw new Error('connect_timeout: is not a duration');
  return null;
}

/** Writes down what it is told; its streams are those of a real proxy. A listener whose name begins with `taken` cannot be bound. */
function recorder() {
  const calls: string[] = [];
  const asked = { onDemand: nothingOnDemand };
  const changed = new EventTarget();
  const write = (text: string) => {
    calls.push(text);
    changed.dispatchEvent(new Event('call'));
  };
  const real = new DataPlane({ clock: systemClock, random: Math.random, log: quiet });
  cleanups.push(() => real.close());
  const target: ConfigTarget = {
    client: real.client,
    openPrivate: (config) => real.openPrivate(config),
    setSecret: (source, name) => write(`secret ${source}/${name}`),
    setCluster(config) {
      if (config.name === CONTROL) real.setCluster(config);
      else write(`cluster ${config.name}`);
    },
    removeCluster: (name) => write(`-cluster ${name}`),
    setEndpoints: (name) => write(`endpoints ${name}`),
    removeEndpoints: (name) => write(`-endpoints ${name}`),
    setRoutes: ({ name }) => write(`routes ${name}`),
    removeRoutes: (name) => write(`-routes ${name}`),
    async setListener({ name }) {
      if (name.startsWith('taken')) throw new Error('address: 127.0.0.1:80 is in use');
      write(`listener ${name}`);
    },
    removeListener: (name) => write(`-listener ${name}`),
    serveOnDemand(onDemand) {
      asked.onDemand = onDemand;
    },
  };
  return { target, calls, asked, next: () => once(changed, 'call') };
}

async function start(protocol: 'GRPC' | 'DELTA_GRPC' = 'DELTA_GRPC', clock = systemClock) {
  const cache = new SnapshotCache();
  const server = new XdsServer({
    cache,
    address: '127.0.0.1:0',
    security: { kind: 'plaintext' },
    authorize: ({ id }) => ({ ok: true, nodeId: id }),
    log: quiet,
  });
  const port = await server.listen();
  cleanups.push(() => server.close());
  const bootstrap = await readBootstrap(
    `{node: {id: ${NODE}}, dynamic_resources: {lds_config: {ads: {}}, cds_config: {ads: {}}, ads_config: {api_type: ${protocol}, grpc_services: [{envoy_grpc: {cluster_name: x}}]}},
      static_resources: {clusters: [{name: x, http2_protocol_options: {}, load_assignment: {cluster_name: x, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}}]}}`,
    'b.yaml',
  );
  const { target, calls, asked, next } = recorder();
  const discovery = new Discovery({
    bootstrap,
    target,
    decoders,
    agent: null,
    clock,
    random: Math.random,
    log: quiet,
  });
  cleanups.push(() => discovery.close());
  const set = (...lines: string[]) => {
    const resources = new Map<TypeUrl, Map<string, EncodedResource>>();
    for (const resource of lines.map(encode)) {
      resources.set(resource.typeUrl, (resources.get(resource.typeUrl) ?? new Map()).set(resource.name, resource));
    }
    cache.setSnapshot(NODE, { resources });
  };
  const status = (kind: keyof typeof typeUrl) => cache.status(NODE)?.types.get(typeUrl[kind]);
  /** Waits until the last of these calls has been made, and gives all since the last time. */
  const until = async (call: string) => {
    await waitFor(call, () => calls.includes(call));
    return calls.splice(0);
  };
  return { cache, server, discovery, calls, asked, next, set, status, until };
}

describe.each(['GRPC', 'DELTA_GRPC'] as const)('discovery over %s', (protocol) => {
  it('uses each thing when what it needs is there, and is ready then', async () => {
    const t = await start(protocol);
    t.set('cluster a 1', 'endpoints a 1', 'listener l+s 1', 'routes l 1', 'secret s 1');
    expect(t.discovery.ready).toBe(false);
    await t.discovery.start();
    expect(t.discovery.ready).toBe(true);
    const calls = t.calls.splice(0);
    expect(calls.indexOf('cluster a')).toBeLessThan(calls.indexOf('listener l+s'));
    for (const needed of ['routes l', 'secret ads/s']) {
      expect(calls.indexOf(needed)).toBeGreaterThanOrEqual(0);
      expect(calls.indexOf(needed)).toBeLessThan(calls.indexOf('listener l+s'));
    }
    await waitFor('acknowledgement', () => t.status('listener')?.acked.has('l+s'));
    expect(t.status('cluster')?.acked.get('a')?.version).toBe('1');
  });

  it('refuses what it cannot decode, with the path, and uses the rest', async () => {
    const t = await start(protocol);
    t.set('cluster bad 1', 'cluster good 1', 'endpoints good 1');
    await t.discovery.start();
    expect(t.calls).toContain('cluster good');
    await waitFor('refusal', () => t.status('cluster')?.lastNack != null);
    expect(t.status('cluster')?.lastNack?.detail).toBe('bad: connect_timeout: is not a duration');
    expect(t.discovery.resources.entries(typeUrl.cluster)[0]?.[1].error?.detail).toBe(
      'connect_timeout: is not a duration',
    );
  });

  it('refuses routes that must not be used without their clusters, until those exist', async () => {
    const t = await start(protocol);
    t.set('cluster b 1', 'endpoints b 1', 'listener n 1', 'routes n 1');
    void t.discovery.start();
    await waitFor('refusal', () => t.status('routes')?.lastNack != null);
    expect(t.status('routes')?.lastNack?.detail).toBe(
      'n: routes[0].route.cluster: there is no cluster a (hint: validate_clusters: false)',
    );
    expect(t.calls).not.toContain('listener n');
    t.set('cluster a 1', 'endpoints a 1', 'cluster b 1', 'endpoints b 1', 'listener n 1', 'routes n 2');
    await t.until('listener n');
  });

  it('refuses a listener that cannot be bound', async () => {
    const t = await start(protocol);
    t.set('listener taken 1', 'listener free 1', 'routes taken 1', 'routes free 1');
    await t.discovery.start();
    await waitFor('refusal', () => t.status('listener')?.lastNack != null);
    expect(t.status('listener')?.lastNack?.detail).toBe('taken: address: 127.0.0.1:80 is in use');
    expect(t.calls).toContain('listener free');
  });

  it('lets go of the old after what used it', async () => {
    const t = await start(protocol);
    t.set('cluster a 1', 'endpoints a 1', 'listener l 1', 'routes l 1');
    await t.discovery.start();
    t.calls.splice(0);
    t.set('cluster b 1', 'endpoints b 1', 'listener m 1', 'routes m 1');
    const calls = await t.until('-endpoints a');
    const order = ['cluster b', 'listener m', '-cluster a', '-endpoints a'].map((call) => calls.indexOf(call));
    expect(order).toEqual([...order].sort((x, y) => x - y));
    expect(order).not.toContain(-1);
    expect(calls).toContain('-listener l');
    expect(calls).toContain('-routes l');
  });

  it('keeps what it has while the control plane is gone', async () => {
    const t = await start(protocol);
    t.set('cluster a 1', 'endpoints a 1', 'listener l 1', 'routes l 1');
    await t.discovery.start();
    t.calls.splice(0);
    t.server.close();
    await waitFor('the stream to be closed', () => t.cache.status(NODE)?.connected === false);
    expect(t.calls).toEqual([]);
    expect(t.discovery.ready).toBe(true);
  });
});

describe('virtual hosts on demand', () => {
  it('come from the server when a request asks, and make a new table', async () => {
    const t = await start('DELTA_GRPC');
    t.set('listener v 1', 'routes v 1', 'virtualHost v/a.test 1');
    await t.discovery.start();
    expect(t.calls).toEqual(['routes v', 'listener v']);
    await new Promise<void>((resolve) => t.asked.onDemand.virtualHost('v', 'a.test', resolve));
    expect(t.calls).toEqual(['routes v', 'listener v', 'routes v']);
    await new Promise<void>((resolve) => t.asked.onDemand.virtualHost('v', 'nowhere.test', resolve));
  });

  it('are refused where the stream cannot bring them', async () => {
    const t = await start('GRPC');
    t.set('listener l 1', 'routes l 1', 'listener v 1', 'routes v 1');
    void t.discovery.start();
    await waitFor('refusal', () => t.status('routes')?.lastNack != null);
    expect(t.status('routes')?.lastNack?.detail).toContain(
      'vhds.config_source: needs ads_config of api_type DELTA_GRPC',
    );
  });
});

describe('warming', () => {
  it('starts a listener without its routes after 15 seconds', async () => {
    const clock = new ManualClock();
    const t = await start('GRPC', clock);
    t.set('listener l 1');
    const ready = t.discovery.start();
    await waitFor('the listener to be known', () => t.status('routes')?.names.has('l'));
    clock.advance(14_000);
    expect(t.calls).toEqual([]);
    clock.advance(2_000);
    await ready;
    expect(t.calls).toEqual(['listener l']);
  });
});

describe('files', () => {
  it('reads clusters from a file, again when it changes, and keeps them when it is broken', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tulle-files-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const path = join(folder, 'cds.yaml');
    const replace = async (text: string) => {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    };
    const one = (name: string) => `resources: [{'@type': ${typeUrl.cluster}, name: ${name}}]`;
    await replace(one('a'));
    const warned: object[] = [];
    const log = {
      debug: () => undefined,
      info: () => undefined,
      warn: (fields: object) => void warned.push(fields),
      error: () => undefined,
    };
    const bootstrap = await readBootstrap(
      `dynamic_resources: {cds_config: {path_config_source: {path: ${path}}}}`,
      'b.yaml',
    );
    const { target, calls } = recorder();
    const plain: Decoders = { ...decoders, decodeCluster: ({ name }) => cluster(name, []) };
    const discovery = new Discovery({
      bootstrap,
      target,
      decoders: plain,
      agent: null,
      clock: systemClock,
      random: Math.random,
      log,
    });
    cleanups.push(() => discovery.close());
    await discovery.start();
    expect(calls).toEqual(['cluster a']);
    await replace('resources: [{');
    await waitFor('the complaint', () => warned.length > 0);
    expect(calls).toEqual(['cluster a']);
    await replace(one('b'));
    await waitFor('the new cluster', () => calls.includes('cluster b'));
    expect(calls).toEqual(['cluster a', '-cluster a', 'cluster b']);
  });

  it('takes endpoints from the file that their cluster names, and of it what is needed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tulle-files-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const [clusters, endpoints] = [join(folder, 'cds.yaml'), join(folder, 'eds.yaml')];
    await writeFile(clusters, `resources: [{'@type': ${typeUrl.cluster}, name: a}]`);
    const assignment = (name: string) => `{'@type': ${typeUrl.endpoints}, cluster_name: ${name}}`;
    await writeFile(endpoints, `resources: [${assignment('a')}, ${assignment('b')}]`);
    const bootstrap = await readBootstrap(
      `dynamic_resources: {cds_config: {path_config_source: {path: ${clusters}}}}`,
      'b.yaml',
    );
    const { target, calls } = recorder();
    const source: ConfigSource = { key: endpoints, place: { kind: 'file', path: endpoints }, fetchTimeout: 0 };
    const decodeWithFile: Decoders['decodeCluster'] = ({ name }) =>
      cluster(name, [], { discovery: { kind: 'eds', serviceName: name, source } });
    const discovery = new Discovery({
      ...{ bootstrap, target, agent: null, clock: systemClock, random: Math.random, log: quiet },
      decoders: { ...decoders, decodeCluster: decodeWithFile },
    });
    cleanups.push(() => discovery.close());
    await discovery.start();
    expect(calls).toEqual(['endpoints a', 'cluster a']);
  });

  it('refuses a static cluster whose source the bootstrap lacks', async () => {
    const { target } = recorder();
    const bootstrap = await readBootstrap('static_resources: {clusters: [{name: a}]}', 'b.yaml');
    const discovery = new Discovery({
      ...{ bootstrap, target, agent: null, clock: systemClock, random: Math.random, log: quiet, decoders },
    });
    cleanups.push(() => discovery.close());
    await expect(discovery.start()).rejects.toThrow(
      'static_resources.clusters[0]: ads: the bootstrap has no ads_config',
    );
  });
});
