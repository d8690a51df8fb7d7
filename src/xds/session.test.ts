import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { SnapshotCache } from './cache.ts';
import { delta } from './delta.ts';
import { Cluster_DiscoveryType, ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import { resourceName } from './names.ts';
import { type EncodedResource, type Snapshot, type TypeUrl, typeUrl } from './resource.ts';
import { LimitExceeded, Session } from './session.ts';
import { sotw } from './sotw.ts';

const NODE = 'sidecar~1';
const short = Object.fromEntries(Object.entries(typeUrl).map(([key, url]) => [url, key]));

/** `['cluster a 1', 'endpoints a 3']`: type, name, version. */
function snapshot(...lines: string[]): Snapshot {
  const resources = new Map<TypeUrl, Map<string, EncodedResource>>();
  for (const line of lines) {
    const [kind = '', name = '', version = ''] = line.split(' ');
    const type = typeUrl[kind as keyof typeof typeUrl];
    const bytes =
      type === typeUrl.cluster
        ? toBinary(
            ClusterSchema,
            create(ClusterSchema, {
              name,
              clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
              altStatName: version,
            }),
          )
        : toBinary(ClusterSchema, create(ClusterSchema, { name, altStatName: version }));
    const group = resources.get(type) ?? new Map();
    resources.set(type, group.set(name, { typeUrl: type, name, version, bytes, origins: [`origin of ${name}`] }));
  }
  return { resources };
}

/** A scripted client. What it receives is one line per response: `cluster a b -gone`. */
function client(protocol: 'sotw' | 'delta', maxNames = 100) {
  let now = 1000;
  const cache = new SnapshotCache(() => now);
  const received: string[] = [];
  const nonces = new Map<string, string>();
  const take = (type: string, nonce: string, text: string) => {
    nonces.set(type, nonce);
    received.push(text);
  };
  const common = {
    current: () => cache.cached(NODE),
    record: cache.connected(NODE, { name: 'test', version: '1' }),
    maxNames,
  };
  const sotwSession = new Session({
    ...common,
    protocol: sotw,
    send(bytes) {
      const response = fromBinary(DiscoveryResponseSchema, bytes);
      const names = response.resources.map(({ value }) => resourceName(response.typeUrl, value));
      take(response.typeUrl, response.nonce, [short[response.typeUrl], ...names.sort()].join(' '));
    },
  });
  const deltaSession = new Session({
    ...common,
    protocol: delta,
    send(bytes) {
      const response = fromBinary(DeltaDiscoveryResponseSchema, bytes);
      const names = response.resources.map(({ name }) => name).sort();
      const gone = response.removedResources.map((name) => `-${name}`).sort();
      take(response.typeUrl, response.nonce, [short[response.typeUrl], ...names, ...gone].join(' '));
    },
  });
  return {
    cache,
    advance: (milliseconds: number) => {
      now += milliseconds;
    },
    set(...lines: string[]) {
      cache.setSnapshot(NODE, snapshot(...lines));
      sotwSession.refresh();
      deltaSession.refresh();
    },
    nonce: (kind: keyof typeof typeUrl) => nonces.get(typeUrl[kind]) ?? '',
    sotw(kind: keyof typeof typeUrl, request: MessageInitShape<typeof DiscoveryRequestSchema> = {}) {
      sotwSession.receive(create(DiscoveryRequestSchema, { typeUrl: typeUrl[kind], ...request }));
    },
    delta(kind: keyof typeof typeUrl, request: MessageInitShape<typeof DeltaDiscoveryRequestSchema> = {}) {
      deltaSession.receive(create(DeltaDiscoveryRequestSchema, { typeUrl: typeUrl[kind], ...request }));
    },
    ack(kind: keyof typeof typeUrl, ...resourceNames: string[]) {
      const responseNonce = nonces.get(typeUrl[kind]) ?? '';
      if (protocol === 'sotw') this.sotw(kind, { responseNonce, resourceNames });
      else this.delta(kind, { responseNonce });
    },
    nack(kind: keyof typeof typeUrl, message: string, ...resourceNames: string[]) {
      const responseNonce = nonces.get(typeUrl[kind]) ?? '';
      if (protocol === 'sotw') this.sotw(kind, { responseNonce, resourceNames, errorDetail: { message } });
      else this.delta(kind, { responseNonce, errorDetail: { message } });
    },
    /** What arrived since the last call. */
    got: () => received.splice(0),
    status: (kind: keyof typeof typeUrl) => cache.status(NODE)?.types.get(typeUrl[kind]),
  };
}

describe('state of the world', () => {
  it('answers a wildcard with everything and is silent after the ACK', () => {
    const c = client('sotw');
    c.set('cluster a 1', 'cluster b 1');
    c.sotw('cluster');
    expect(c.got()).toEqual(['cluster a b']);
    c.ack('cluster');
    c.set('cluster a 1', 'cluster b 1');
    expect(c.got()).toEqual([]);
  });

  it('waits for the first snapshot', () => {
    const c = client('sotw');
    c.sotw('cluster');
    expect(c.got()).toEqual([]);
    c.set();
    expect(c.got()).toEqual(['cluster']);
  });

  it('sends complete clusters but only changed endpoints', () => {
    const c = client('sotw');
    c.set('cluster a 1', 'cluster b 1', 'endpoints a 1', 'endpoints b 1');
    c.sotw('cluster');
    c.ack('cluster');
    c.sotw('endpoints', { resourceNames: ['a', 'b'] });
    c.ack('endpoints', 'a', 'b');
    c.got();
    c.set('cluster a 1', 'cluster b 2', 'endpoints a 2', 'endpoints b 1');
    expect(c.got()).toEqual(['cluster a b', 'endpoints a b']);
  });

  it('answers added names with these only, and dropped ones never', () => {
    const c = client('sotw');
    c.set('routes a 1', 'routes b 1');
    c.sotw('routes', { resourceNames: ['a'] });
    c.ack('routes', 'a');
    c.ack('routes', 'a', 'b');
    expect(c.got()).toEqual(['routes a', 'routes b']);
    c.ack('routes', 'b');
    c.set('routes a 2', 'routes b 1');
    expect(c.got()).toEqual([]);
  });

  it('takes an empty list of a named type as unsubscribe', () => {
    const c = client('sotw');
    c.set('routes a 1');
    c.sotw('routes', { resourceNames: ['a'] });
    c.ack('routes', 'a');
    c.ack('routes');
    c.got();
    c.set('routes a 2');
    expect(c.got()).toEqual([]);
    expect(c.status('routes')?.names.size).toBe(0);
  });

  it('takes an empty list after names as unsubscribe, also of wildcard types', () => {
    const c = client('sotw');
    c.set('listener a 1', 'listener b 1');
    c.sotw('listener', { resourceNames: ['a'] });
    c.ack('listener', 'a');
    c.ack('listener');
    c.set('listener a 2', 'listener b 2');
    expect(c.got()).toEqual(['listener a']);
  });

  it('ignores a stale nonce, with the names it carries', () => {
    const c = client('sotw');
    c.set('routes a 1', 'routes b 1');
    c.sotw('routes', { resourceNames: ['a'] });
    const stale = c.nonce('routes');
    c.ack('routes', 'a');
    c.set('routes a 2', 'routes b 1');
    c.got();
    c.sotw('routes', { responseNonce: stale, resourceNames: ['a', 'b'], errorDetail: { message: 'late' } });
    expect(c.got()).toEqual([]);
    expect(c.status('routes')?.lastNack).toBeNull();
    c.ack('routes', 'a', 'b');
    expect(c.got()).toEqual(['routes b']);
  });

  it('waits with a name that does not exist until it does', () => {
    const c = client('sotw');
    c.set('endpoints a 1');
    c.sotw('endpoints', { resourceNames: ['a', 'later'] });
    c.ack('endpoints', 'a', 'later');
    c.set('endpoints a 1', 'endpoints later 1');
    expect(c.got()).toEqual(['endpoints a', 'endpoints later']);
  });

  it('tells a client that names listeners when one does not exist', () => {
    const c = client('sotw');
    c.set('listener a 1');
    c.sotw('listener', { resourceNames: ['missing'] });
    expect(c.got()).toEqual(['listener']);
    c.ack('listener', 'missing');
    c.set('listener missing 1');
    expect(c.got()).toEqual(['listener missing']);
  });

  it('does not resend what was refused until it changes', () => {
    const c = client('sotw');
    c.set('cluster a 1');
    c.sotw('cluster');
    c.nack('cluster', 'bad cluster');
    c.set('cluster a 1');
    expect(c.got()).toEqual(['cluster a']);
    expect(c.status('cluster')?.lastNack?.detail).toBe('bad cluster');
    expect(c.status('cluster')?.acked.size).toBe(0);
    c.set('cluster a 2');
    c.ack('cluster');
    expect(c.got()).toEqual(['cluster a']);
    expect(c.status('cluster')?.acked.get('a')?.version).toBe('2');
    expect(c.status('cluster')?.rejected.size).toBe(0);
  });
});

describe('delta', () => {
  it('sends only what changed, and says what is gone', () => {
    const c = client('delta');
    c.set('cluster a 1', 'cluster b 1', 'cluster c 1');
    c.delta('cluster');
    c.ack('cluster');
    c.set('cluster a 1', 'cluster b 2');
    expect(c.got()).toEqual(['cluster a b c', 'cluster b -c']);
  });

  it('merges what happens before the ACK and sends the newest', () => {
    const c = client('delta');
    c.set('cluster a 1');
    c.delta('cluster');
    c.set('cluster a 2');
    c.set('cluster a 3', 'cluster b 1');
    expect(c.got()).toEqual(['cluster a']);
    c.ack('cluster');
    expect(c.got()).toEqual(['cluster a b']);
    c.ack('cluster');
    expect(c.status('cluster')?.acked.get('a')?.version).toBe('3');
  });

  it('answers a reconnect with the difference to what the client has, even when there is none', () => {
    const c = client('delta');
    c.set('cluster a 1', 'cluster b 2');
    c.delta('cluster', { initialResourceVersions: { a: '1', b: '1', gone: '1' } });
    c.ack('cluster');
    expect(c.got()).toEqual(['cluster b', 'cluster -gone']);
    const same = client('delta');
    same.set('endpoints a 1');
    same.delta('endpoints', { resourceNamesSubscribe: ['a'], initialResourceVersions: { a: '1' } });
    expect(same.got()).toEqual(['endpoints']);
    expect(same.status('endpoints')?.acked.get('a')?.version).toBe('1');
  });

  // A proxy that came back lost requests: its routes still led to a cluster that was taken away before the server had heard of them.
  it('takes nothing from a client that comes back before it has said what else it has', () => {
    const c = client('delta');
    c.set('cluster new 1', 'routes r 2');
    c.delta('cluster', { initialResourceVersions: { old: '1' } });
    c.delta('routes', { resourceNamesSubscribe: ['r'], initialResourceVersions: { r: '1' } });
    expect(c.got()).toEqual(['cluster new']);
    c.ack('cluster');
    expect(c.got()).toEqual(['routes r']);
    c.ack('routes');
    expect(c.got()).toEqual(['cluster -old']);
  });

  it('answers "removed" for a name that does not exist, and sends it when it comes', () => {
    const c = client('delta');
    c.set();
    c.delta('endpoints', { resourceNamesSubscribe: ['later'] });
    c.ack('endpoints');
    c.set('endpoints later 1');
    expect(c.got()).toEqual(['endpoints -later', 'endpoints later']);
  });

  it('keeps explicit names beside the wildcard', () => {
    const c = client('delta');
    c.set('cluster a 1', 'cluster b 1');
    c.delta('cluster', { resourceNamesSubscribe: ['*', 'a'] });
    c.ack('cluster');
    c.delta('cluster', { resourceNamesUnsubscribe: ['*'] });
    c.set('cluster a 2', 'cluster b 2');
    expect(c.got()).toEqual(['cluster a b', 'cluster a']);
  });

  it('resends on a repeated subscribe and is silent after an unsubscribe', () => {
    const c = client('delta');
    c.set('routes a 1');
    c.delta('routes', { resourceNamesSubscribe: ['a'] });
    c.ack('routes');
    c.delta('routes', { resourceNamesSubscribe: ['a'] });
    c.ack('routes');
    expect(c.got()).toEqual(['routes a', 'routes a']);
    c.delta('routes', { resourceNamesUnsubscribe: ['a'] });
    c.set('routes a 2');
    expect(c.got()).toEqual([]);
  });

  it('does not take a stale nonce for an answer, but applies its subscription', () => {
    const c = client('delta');
    c.set('routes a 1', 'routes b 1');
    c.delta('routes', { resourceNamesSubscribe: ['a'] });
    c.delta('routes', { responseNonce: 'stale', resourceNamesSubscribe: ['b'], errorDetail: { message: 'late' } });
    expect(c.got()).toEqual(['routes a']);
    c.ack('routes');
    expect(c.got()).toEqual(['routes b']);
    expect(c.status('routes')?.lastNack).toBeNull();
  });

  it('counts what a NACK does not name as applied', () => {
    const c = client('delta');
    c.set('cluster good 1', 'cluster bad 1', 'cluster ba 1');
    c.delta('cluster');
    c.nack('cluster', 'Error adding/updating cluster(s) bad: no such thing');
    expect([...(c.status('cluster')?.rejected.keys() ?? [])]).toEqual(['bad']);
    expect([...(c.status('cluster')?.acked.keys() ?? [])].sort()).toEqual(['ba', 'good']);
  });
});

describe.each(['sotw', 'delta'] as const)('make before break (%s)', (protocol) => {
  /** A client that uses one cluster through one listener and its routes, all acknowledged. */
  function settled() {
    const c = client(protocol);
    c.set('cluster a 1', 'endpoints a 1', 'listener l 1', 'routes r 1');
    if (protocol === 'sotw') {
      c.sotw('cluster');
      c.sotw('endpoints', { resourceNames: ['a'] });
      c.sotw('listener');
    } else {
      c.delta('cluster');
      c.delta('endpoints', { resourceNamesSubscribe: ['a'] });
      c.delta('listener');
    }
    c.ack('cluster');
    expect(c.got()).toEqual(['cluster a', 'endpoints a']);
    c.ack('endpoints', 'a');
    expect(c.got()).toEqual(['listener l']);
    c.ack('listener');
    if (protocol === 'sotw') c.sotw('routes', { resourceNames: ['r'] });
    else c.delta('routes', { resourceNamesSubscribe: ['r'] });
    c.ack('routes', 'r');
    expect(c.got()).toEqual(['routes r']);
    return c;
  }
  const afterwards = protocol === 'sotw' ? 'cluster b' : 'cluster -a';
  const added = protocol === 'sotw' ? 'cluster a b' : 'cluster b';

  it('adds the new cluster, then moves the routes, then removes the old one', () => {
    const c = settled();
    c.set('cluster b 1', 'endpoints b 1', 'listener l 1', 'routes r 2');
    expect(c.got()).toEqual([added]);
    c.ack('cluster');
    expect(c.got()).toEqual(['routes r']);
    c.ack('routes', 'r');
    expect(c.got()).toEqual([afterwards]);
  });

  it('keeps the old cluster while the routes that leave it are refused', () => {
    const c = settled();
    c.set('cluster b 1', 'endpoints b 1', 'listener l 1', 'routes r 2');
    c.ack('cluster');
    c.nack('routes', 'no', 'r');
    expect(c.got()).toEqual([added, 'routes r']);
    c.set('cluster b 1', 'endpoints b 1', 'listener l 1', 'routes r 3');
    c.ack('routes', 'r');
    expect(c.got()).toEqual(['routes r', afterwards]);
  });

  it('sends the endpoints of a changed cluster again, or the client hangs in warming', () => {
    const c = settled();
    c.set('cluster a 2', 'endpoints a 1', 'listener l 1', 'routes r 1');
    expect(c.got()).toEqual(['cluster a', 'endpoints a']);
  });
});

describe('limits and strangers', () => {
  it('refuses more names than allowed', () => {
    const c = client('sotw', 2);
    c.set();
    expect(() => c.sotw('routes', { resourceNames: ['a', 'b', 'c'] })).toThrow(LimitExceeded);
  });

  it('leaves a type it never serves unanswered', () => {
    const c = client('sotw');
    c.set('cluster a 1');
    c.sotw('cluster', { typeUrl: 'type.googleapis.com/envoy.service.runtime.v3.Runtime' });
    expect(c.got()).toEqual([]);
  });
});

describe('applied', () => {
  it('counts proxies, refusals and the time since the change', () => {
    const c = client('delta');
    c.set('cluster a 1', 'routes a 1');
    expect(c.cache.applied('origin of a')).toMatchObject({ proxies: 1, applied: 0, milliseconds: null });
    c.delta('cluster');
    expect(c.cache.settled()).toBe(false);
    c.advance(30);
    c.ack('cluster');
    expect(c.cache.settled()).toBe(true);
    // Routes were never asked for and do not hold it up.
    expect(c.cache.applied('origin of a')).toMatchObject({ proxies: 1, applied: 1, rejected: 0, milliseconds: 30 });
    c.set('cluster a 2');
    expect(c.cache.applied('origin of a')).toMatchObject({ proxies: 1, applied: 0, rejected: 0 });
    expect(c.cache.settled()).toBe(false);
    c.nack('cluster', 'cluster a: no');
    expect(c.cache.settled()).toBe(true);
    expect(c.cache.applied('origin of a')).toMatchObject({ applied: 0, rejected: 1, errors: ['cluster a: no'] });
    expect(c.cache.applied('origin of nothing')).toMatchObject({ proxies: 0, applied: 0 });
  });

  it('does not count a proxy that never connected', () => {
    const cache = new SnapshotCache();
    cache.setSnapshot('n', snapshot('cluster a 1'));
    expect(cache.applied('origin of a')).toMatchObject({ proxies: 1, applied: 0 });
  });

  it('keeps what a proxy acknowledged after it is gone, until its node is', () => {
    const cache = new SnapshotCache();
    cache.setSnapshot('n', snapshot('cluster a 1'));
    const seen: string[] = [];
    cache.onStatus((nodeId) => seen.push(nodeId));
    const record = cache.connected('n', { name: 'envoy', version: '1.40.0' });
    record.subscribed(typeUrl.cluster, true, new Set());
    record.acked(typeUrl.cluster, new Map([['a', '1']]));
    record.closed();
    expect(seen).toHaveLength(3);
    expect(cache.status('n')).toMatchObject({ connected: false, client: { name: 'envoy' } });
    expect(cache.applied('origin of a').applied).toBe(1);
    cache.removeNode('n');
    expect(cache.status('n')).toBeUndefined();
    expect(cache.nodes()).toEqual([]);
  });
});

describe('a request that finds a snapshot nobody was woken for', () => {
  // Clients lost a cluster that their routes still named, when an acknowledgement came between a new snapshot and its push.
  it('removes nothing before what used it has changed', () => {
    const c = client('delta');
    c.set('cluster two 1', 'routes r 1');
    c.delta('cluster', { resourceNamesSubscribe: ['*'] });
    c.ack('cluster');
    c.delta('routes', { resourceNamesSubscribe: ['r'] });
    expect(c.got()).toEqual(['cluster two', 'routes r']);
    c.cache.setSnapshot(NODE, snapshot('cluster one 2', 'routes r 2'));
    c.ack('routes');
    expect(c.got()).toEqual(['cluster one']);
    c.ack('cluster');
    expect(c.got()).toEqual(['routes r']);
    c.ack('routes');
    expect(c.got()).toEqual(['cluster -two']);
  });
});
