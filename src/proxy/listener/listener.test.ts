// Listeners over loopback: several addresses, Unix sockets, who is handed a connection, what is left of what was removed.
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { systemClock } from '../../lib/clock.ts';
import type { FilterChainConfig, ListenerConfig } from '../config/types.ts';
import { DataPlane } from '../data-plane.ts';
import type { Exchange } from '../http/exchange.ts';
import { formatFlags } from '../http/flags.ts';
import { chain, chainMatch, http, listener, routeTable, tlsInspector } from '../testing/configs.ts';
import { silentLog } from '../testing/harness.ts';
import { freePort, openClient, rawClient } from '../testing/origin.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

function start(listenerDrainTime = 600_000): DataPlane {
  const dataPlane = new DataPlane({ clock: systemClock, random: Math.random, log: silentLog([]), listenerDrainTime });
  open.push(dataPlane);
  return dataPlane;
}

const says = (text: string, change: Partial<FilterChainConfig> = {}): FilterChainConfig =>
  chain(http(routeTable('', {})), { name: text, network: { kind: 'respond', body: Buffer.from(text) }, ...change });
const echo = (change: Partial<FilterChainConfig> = {}) =>
  chain(http(routeTable('', {})), { network: { kind: 'echo' }, ...change });
const portOf = (dataPlane: DataPlane, name = 'listener') =>
  dataPlane.listeners().find(({ config }) => config.name === name)!.port;
const proxyHeader = (filters: ListenerConfig['listenerFilters'] = []) =>
  [
    {
      kind: 'proxy-protocol',
      statPrefix: '',
      disabled: null,
      optional: true,
      versions: new Set([1, 2] as const),
      passes: [],
      notes: new Map(),
    },
    ...filters,
  ] as const;

test('several addresses, a Unix socket and IPv6', async () => {
  const dataPlane = start();
  const [first, second] = [await freePort(), await freePort()];
  const path = join(tmpdir(), `tulle-${randomUUID()}.sock`);
  const additionalAddresses = [
    { address: '::1', port: second },
    { address: path, port: 0 },
  ];
  await dataPlane.setListener(listener([says('hello')], { port: first, additionalAddresses }));
  const answers = [
    openClient(first),
    rawClient(connect({ host: '::1', port: second })),
    rawClient(connect({ path })),
  ].map((client) => client.ended());
  expect(await Promise.all(answers)).toEqual(['hello', 'hello', 'hello']);
});

test('all addresses or none', async () => {
  const dataPlane = start();
  const [first, taken] = [await freePort(), await freePort()];
  await dataPlane.setListener(listener([says('other')], { name: 'other', port: taken }));
  const config = listener([says('x')], { port: first, additionalAddresses: [{ address: '127.0.0.1', port: taken }] });
  await expect(dataPlane.setListener(config)).rejects.toThrow('the port is taken');
  await dataPlane.setListener(listener([says('free')], { port: first }));
  expect(await openClient(first).ended()).toBe('free');
});

test('a redirected connection goes to the listener that is meant, else it stays', async () => {
  const dataPlane = start();
  await dataPlane.setListener(listener([says('here')], { handsOff: true, listenerFilters: proxyHeader() }));
  const virtual = (name: string, address: string) =>
    dataPlane.setListener(listener([says(name)], { name, address, port: 443, bound: false }));
  await virtual('exact', '10.0.0.9');
  await virtual('wildcard', '0.0.0.0');
  const to = (address: string, port: number) => {
    const client = openClient(portOf(dataPlane));
    client.write(`PROXY TCP4 10.1.1.1 ${address} 1 ${port}\r\n`);
    return client.ended();
  };
  expect(await Promise.all([to('10.0.0.9', 443), to('10.0.0.8', 443), to('10.0.0.9', 80)])).toEqual([
    'exact',
    'wildcard',
    'here',
  ]);
});

test('chains are chosen by what a PROXY header says', async () => {
  const dataPlane = start();
  const chains = [says('other'), says('web', { match: chainMatch({ destinationPort: 80, sourcePorts: [7] }) })];
  await dataPlane.setListener(listener(chains, { listenerFilters: proxyHeader() }));
  const client = openClient(portOf(dataPlane));
  client.write('PROXY TCP4 10.1.1.1 10.0.0.9 7 80\r\n');
  expect(await client.ended()).toBe('web');
});

test.each([
  ['goes on', true, 'hello'],
  ['is closed', false, ''],
])('a client that says nothing %s when time is up', async (_name, continueOnTimeout, wants) => {
  const dataPlane = start();
  const listenerFilters = [tlsInspector];
  await dataPlane.setListener(listener([says('hello')], { listenerFilters, filtersTimeout: 30, continueOnTimeout }));
  const port = portOf(dataPlane);
  expect(await openClient(port).ended()).toBe(wants);
  expect(new Map(dataPlane.stats()).get(`listener.127.0.0.1_${port}.downstream_pre_cx_timeout`)).toBe(1);
});

test('an update keeps the connections of chains that did not change', async () => {
  const dataPlane = start(40);
  const chains = (version: string) => [
    echo({ fingerprint: 'same', match: chainMatch({ sourceType: 'local' }) }),
    says(version, { fingerprint: version, match: chainMatch({ sourceType: 'external' }) }),
  ];
  await dataPlane.setListener(listener(chains('one')));
  const client = openClient(portOf(dataPlane));
  client.write('a');
  await client.until(/a/);
  await dataPlane.setListener(listener(chains('two')));
  await new Promise<void>((resolve) => systemClock.after(80, resolve));
  client.write('b');
  expect(await client.until(/b/)).toBe('ab');
  client.socket.destroy();
});

test('a matcher names chains; another matcher keeps the connections of chains that stay', async () => {
  const dataPlane = start(40);
  const chains = [echo({ name: 'echo', fingerprint: 'echo' }), says('one', { name: 'one', fingerprint: 'one' })];
  const named = (name: string | null) =>
    dataPlane.setListener(listener(chains, { chainMatcher: () => name, defaultChain: says('default') }));
  await named('echo');
  const client = openClient(portOf(dataPlane));
  client.write('a');
  await client.until(/a/);
  const answers: string[] = [];
  for (const name of ['one', null, 'nowhere']) {
    await named(name);
    answers.push(await openClient(portOf(dataPlane)).ended());
  }
  expect(answers).toEqual(['one', 'default', '']);
  client.write('b');
  expect(await client.until(/b/)).toBe('ab');
  client.socket.destroy();
});

test('its logs have a line for each connection, also without a chain; an update brings other logs', async () => {
  const dataPlane = start();
  const lines: string[] = [];
  const logTo = (name: string) => [
    {
      write: ({ downstream, flags }: Exchange) =>
        void lines.push(`${name} ${downstream.listener.chain} ${formatFlags(flags)}`),
    },
  ];
  const chains = [says('hello', { name: 'c', match: chainMatch({ destinationPort: 80 }) })];
  const ask = async (port: number) => {
    const before = lines.length;
    const client = openClient(portOf(dataPlane));
    client.write(`PROXY TCP4 10.1.1.1 10.0.0.9 7 ${port}\r\n`);
    await client.ended();
    await waitFor('a line', () => lines.length > before);
  };
  const config = (name: string) => listener(chains, { listenerFilters: proxyHeader(), accessLogs: logTo(name) });
  await dataPlane.setListener(config('one'));
  await ask(80);
  await ask(81);
  await dataPlane.setListener(config('two'));
  await ask(80);
  expect(lines).toEqual(['one c -', 'one  NR', 'two c -']);
});

test('connections of a removed listener go when the drain time is over', async () => {
  const dataPlane = start(40);
  await dataPlane.setListener(listener([echo()]));
  const client = openClient(portOf(dataPlane));
  client.write('a');
  await client.until(/a/);
  dataPlane.removeListener('listener');
  expect(await client.ended()).toBe('a');
});
