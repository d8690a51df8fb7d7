import { expect, test } from 'vitest';
import { SnapshotCache } from '../xds/cache.ts';
import { type EncodedResource, type TypeUrl, typeUrl } from '../xds/resource.ts';
import { controlView, type LoopSource } from './control-view.ts';

const NODE = 'sidecar~1~web.shop~shop.svc.cluster.local';

function resource(url: TypeUrl, name: string, origins: readonly string[]): EncodedResource {
  return { typeUrl: url, name, version: '1', bytes: new Uint8Array(), origins };
}

const clusters = new Map([['c', resource(typeUrl.cluster, 'c', ['Service/shop/cart', 'VirtualService/shop/cart'])]]);
const routes = new Map([['r', resource(typeUrl.routes, 'r', ['VirtualService/shop/cart'])]]);
const snapshot = {
  resources: new Map([
    [typeUrl.cluster, clusters],
    [typeUrl.routes, routes],
  ]),
};

function setUp() {
  const cache = new SnapshotCache(() => 1000);
  cache.setSnapshot(NODE, snapshot);
  const loop: LoopSource = {
    state: { objects: [], problems: [], plans: [], snapshots: new Map([[NODE, snapshot]]) },
    onChange: () => () => undefined,
    applied: (key) => cache.applied(key),
  };
  const explain = () => ({ kind: 'error', error: '', hint: '' }) as const;
  const view = controlView({ loop, cache, proxies: () => [], certificateExpires: () => null, explain });
  return { cache, view };
}

const stateOf = (sync: ReturnType<ReturnType<typeof setUp>['view']['sync']>): Record<string, string> =>
  Object.fromEntries((sync ?? []).map(({ type, state }) => [type, state]));

test('a proxy without a stream is not connected', () => {
  const { cache, view } = setUp();
  expect(view.sync(NODE)).toBeNull();
  const stream = cache.connected(NODE, { name: 'tulle', version: '1' });
  expect(view.sync(NODE)).not.toBeNull();
  stream.closed();
  expect(view.sync(NODE)).toBeNull();
});

test('each type is synced, pending, rejected or not asked for', () => {
  const { cache, view } = setUp();
  const stream = cache.connected(NODE, { name: 'tulle', version: '1' });
  stream.subscribed(typeUrl.cluster, true, new Set());
  expect(stateOf(view.sync(NODE))).toMatchObject({ cluster: 'pending', routes: 'not-asked' });
  stream.acked(typeUrl.cluster, new Map([['c', '1']]));
  stream.subscribed(typeUrl.routes, false, new Set(['r']));
  stream.nacked(typeUrl.routes, new Map([['r', '1']]), 'bad route');
  expect(stateOf(view.sync(NODE))).toMatchObject({ cluster: 'synced', routes: 'rejected', listener: 'not-asked' });
  expect(view.sync(NODE)?.find(({ type }) => type === 'routes')).toMatchObject({ resources: 1, error: 'bad route' });
});

test('origins of what a proxy got, each once', () => {
  expect(setUp().view.origins(NODE)).toEqual(['Service/shop/cart', 'VirtualService/shop/cart']);
  expect(setUp().view.origins('nobody')).toEqual([]);
});

test('applied counts proxies', () => {
  const { cache, view } = setUp();
  expect(view.applied('Service/shop/cart')).toEqual({ applied: 0, total: 1, rejected: 0, millis: null });
  const stream = cache.connected(NODE, { name: 'tulle', version: '1' });
  stream.subscribed(typeUrl.cluster, true, new Set());
  stream.acked(typeUrl.cluster, new Map([['c', '1']]));
  expect(view.applied('Service/shop/cart')).toEqual({ applied: 1, total: 1, rejected: 0, millis: 0 });
});

test('acknowledgements of one turn are one change', async () => {
  const { cache, view } = setUp();
  let changes = 0;
  const stop = view.onChange(() => changes++);
  const stream = cache.connected(NODE, { name: 'tulle', version: '1' });
  for (const url of [typeUrl.cluster, typeUrl.routes]) stream.acked(url, new Map());
  await new Promise(setImmediate);
  expect(changes).toBe(1);
  stop();
  stream.closed();
  await new Promise(setImmediate);
  expect(changes).toBe(1);
});
