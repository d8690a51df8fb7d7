// Overload: limits of connections, and what the overload manager refuses.
import { expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.ts';
import { waitFor } from '../support/wait-for.ts';
import { get, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { figuresOfBoth } from './harness/statistics.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.resource_monitors';
const ROUTES = "[{name: all, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: a}}]}]";

/** A heap of one byte is always full. */
const full = (...actions: string[]) => `
overload_manager:
  refresh_interval: 0.05s
  resource_monitors:
  - {name: envoy.resource_monitors.fixed_heap, typed_config: {'@type': ${TYPE}.fixed_heap.v3.FixedHeapConfig, max_heap_size_bytes: 1}}
  actions:
${actions.map((action) => `  - {name: envoy.overload_actions.${action}, triggers: [{name: envoy.resource_monitors.fixed_heap, threshold: {value: 0.9}}]}`).join('\n')}
`;

const wants = { status: 503, body: 'envoy overloaded', reached: [], flags: '-' } as const;
const shedding: Suite = {
  name: 'shedding requests',
  bootstrap: full('stop_accepting_requests', 'shrink_heap'),
  virtualHosts: ROUTES,
  listeners: {
    front: {},
    exempt: { listener: '{bypass_overload_manager: true}' },
    told: { manager: 'append_local_overload: true' },
  },
  cases: [
    { name: 'a request', send: get('/x'), wants },
    {
      name: 'a client that is told why',
      listener: 'told',
      send: get('/x'),
      wants: { ...wants, headers: { 'x-envoy-local-overloaded': 'true' } },
    },
    { name: 'a listener that bypasses the manager', listener: 'exempt', send: get('/x'), wants: { status: 200 } },
    { name: 'two on one connection', send: [get('/x'), get('/y')], wants: { ...wants, status: [503, 503] } },
    { name: 'HEAD', send: get('/x').replace('GET', 'HEAD'), wants: { status: 503, reached: [], flags: '-' } },
  ],
};
compareWithEnvoy(shedding);

// The end is announced; the connection takes requests all the same until the drain time is over.
const closing: Suite = {
  name: 'without keep-alive',
  bootstrap: full('disable_http_keepalive'),
  virtualHosts: ROUTES,
  cases: [
    { name: 'a request', send: get('/x'), wants: { status: 200, headers: { connection: 'close' } } },
    { name: 'another', send: [get('/x'), get('/y')], wants: { status: [200, 200], headers: { connection: 'close' } } },
  ],
};
compareWithEnvoy(closing);

const limited: Suite = {
  name: 'limits of connections',
  bootstrap: `
layered_runtime: {layers: [{name: base, static_layer: {envoy: {resource_limits: {listener: {small: {connection_limit: 1}}}}}}]}
overload_manager:
  resource_monitors:
  - {name: envoy.resource_monitors.global_downstream_max_connections, typed_config: {'@type': ${TYPE}.downstream_connections.v3.DownstreamConnectionsConfig, max_active_downstream_connections: 3}}
`,
  listeners: {
    ...{ front: {}, small: {} },
    ignoring: { listener: '{ignore_global_conn_limit: true}' },
    exempt: { listener: '{bypass_overload_manager: true}' },
  },
  virtualHosts: ROUTES,
  cases: [],
};
compareWithEnvoy(limited, (pair) => {
  test.each([
    ['of a listener', 'small', 1],
    ['of the process', 'front', 3],
    ['ignored', 'ignoring', 5],
    ['bypassed with the manager', 'exempt', 5],
  ])('%s', async (_, listener, room) => {
    const answered = await Promise.all([pair().reference, pair().ours].map((stand) => fill(stand, listener)));
    expect(answered).toEqual([room, room]);
  });

  test('what was refused is counted', async () => {
    const counted = async (stand: Pair['ours']) => {
      const response = await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats?filter=overflow&usedonly`);
      const lines = (await response.text()).split('\n').filter((line) => line.startsWith('listener.127'));
      return lines.map((line) => line.replace(/_\d+\./, '.')).sort();
    };
    const [theirs, mine] = await figuresOfBoth(pair(), counted);
    expect(theirs).not.toEqual([]);
    expect(mine).toEqual(theirs);
  });
});

/** Opens five connections and keeps them: how many get an answer. */
async function fill(stand: Pair['ours'], listener: string): Promise<number> {
  await waitFor('earlier connections to end', async () => (await active(stand)) === 0);
  const connections: RawConnection[] = [];
  let answered = 0;
  for (let i = 0; i < 5; i++) {
    const connection = await RawConnection.open(stand.portOf(listener));
    connections.push(connection);
    connection.send(get('/x'));
    const status = await connection.response({ method: 'GET' }).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) answered += 1;
  }
  for (const connection of connections) connection[Symbol.dispose]();
  return answered;
}

async function active(stand: Pair['ours']): Promise<number> {
  const response = await fetch(
    `http://127.0.0.1:${stand.portOf('admin')}/stats?filter=^listener.127.*downstream_cx_active`,
  );
  return [...(await response.text()).matchAll(/: (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}
