import { create, toBinary } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import type { Update, UpdateHandler } from '../../xds/client-type.ts';
import { VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { adsSource } from '../config/config-source.ts';
import { routeTable } from '../testing/configs.ts';
import { VirtualHosts } from './virtual-hosts.ts';

const source = { ...adsSource, fetchTimeout: 1_000 };
const routes = create(RouteConfigurationSchema, { name: 'rc', virtualHosts: [{ name: 'own' }] });

/** Of the table `rc`. A host whose name begins with `bad` is refused. */
const added = (name: string, aliases: readonly string[] = []) => {
  const bytes = toBinary(VirtualHostSchema, create(VirtualHostSchema, { name }));
  return { name: `rc/${name}`, version: '1', bytes, aliases };
};

function start() {
  const clock = new ManualClock();
  const { promise: first, resolve: answer } = Promise.withResolvers<void>();
  const asked: string[] = [];
  const published: string[] = [];
  let closed = false;
  let handle: UpdateHandler = () => Promise.reject(new Error('nobody has subscribed'));
  const hosts = new VirtualHosts({
    open(_, given) {
      handle = given;
      return {
        received: first,
        first,
        setNames: (names) => void asked.push([...names].join(' ')),
        close: () => {
          closed = true;
        },
      };
    },
    decodeRoutes({ name, virtualHosts }) {
      const names = virtualHosts.map((one) => one.name);
      if (names.some((one) => one.startsWith('bad'))) throw new Error('virtual_hosts[1].domains: is empty');
      return { ...routeTable(name, {}), name: names.join(' ') };
    },
    publish: ({ name }) => void published.push(name),
    clock,
  });
  return { hosts, handle: (update: Update) => handle(update), clock, answer, asked, published, isClosed: () => closed };
}

async function ready() {
  const t = start();
  t.answer();
  await t.hosts.set(routes, source);
  return t;
}

it('uses a table when the first virtual hosts have come', async () => {
  const t = start();
  const used = t.hosts.set(routes, source);
  await t.handle({ added: [added('a')], removed: [] });
  expect(t.published).toEqual([]);
  t.answer();
  await used;
  expect(t.published).toEqual(['own a']);
  expect(t.asked).toEqual(['*']);
});

it('uses it without them when they take too long', async () => {
  const t = start();
  const used = t.hosts.set(routes, source);
  t.clock.advance(1_000);
  await used;
  expect(t.published).toEqual(['own']);
});

it('asks for a host once, and tells everyone who waits', async () => {
  const t = await ready();
  let told = 0;
  for (const host of ['a', 'A']) t.hosts.request('rc', host, () => void told++);
  expect(t.asked).toEqual(['*', '* rc/a']);
  await t.handle({ added: [added('a')], removed: [] });
  expect(told).toBe(2);
  expect(t.published).toEqual(['own', 'own a']);
  t.hosts.request('rc', 'a', () => void told++);
  expect([told, t.asked.length]).toEqual([3, 2]);
});

it('finds a host by an alias of what came', async () => {
  const t = await ready();
  let told = false;
  t.hosts.request('rc', 'a.test', () => {
    told = true;
  });
  await t.handle({ added: [added('group', ['rc/a.test'])], removed: [] });
  expect(told).toBe(true);
});

it('does not keep the names of hosts that do not exist', async () => {
  const t = await ready();
  let told = 0;
  t.hosts.request('rc', 'nowhere', () => void told++);
  await t.handle({ added: [], removed: ['rc/nowhere'] });
  expect([told, t.asked.at(-1)]).toEqual([1, '*']);
  t.hosts.request('rc', 'nowhere', () => void told++);
  expect([told, t.asked.at(-1)]).toEqual([1, '* rc/nowhere']);
});

it('refuses a host by its name, and uses the others', async () => {
  const t = await ready();
  const rejections = await t.handle({ added: [added('a'), added('bad'), added('c')], removed: [] });
  expect(rejections).toEqual([{ name: 'rc/bad', detail: 'virtual_hosts[1].domains: is empty' }]);
  expect(t.published.at(-1)).toBe('own a c');
});

it('lets go of a table that nobody names, and of who waits for it', async () => {
  const t = await ready();
  let told = false;
  t.hosts.request('rc', 'a', () => {
    told = true;
  });
  t.hosts.keep(new Set(['other']));
  expect([told, t.isClosed()]).toEqual([true, true]);
  t.hosts.request('rc', 'a', () => {
    told = false;
  });
  expect(told).toBe(false);
});

it('keeps what comes before its routes do, on a stream of its own', async () => {
  const t = await ready();
  const late = create(RouteConfigurationSchema, { name: 'late' });
  const host = { ...added('a'), name: 'late/a' };
  await t.handle({ added: [host, { ...added('b'), name: 'late/b' }], removed: [] });
  await t.handle({ added: [], removed: ['late/b'] });
  await t.hosts.set(late, source);
  expect(t.published.at(-1)).toBe('a');
});

it('refuses routes whose virtual hosts came before them and are wrong', async () => {
  const t = await ready();
  await t.handle({ added: [{ ...added('bad'), name: 'late/bad' }], removed: [] });
  const used = t.hosts.set(create(RouteConfigurationSchema, { name: 'late' }), source);
  await expect(used).rejects.toThrow('virtual_hosts[1].domains: is empty');
});

it('forgets what a source has sent when nobody uses it any more', async () => {
  const t = await ready();
  await t.handle({ added: [{ ...added('a'), name: 'late/a' }], removed: [] });
  t.hosts.keep(new Set());
  await t.hosts.set(create(RouteConfigurationSchema, { name: 'late' }), source);
  expect(t.published.at(-1)).toBe('');
});
