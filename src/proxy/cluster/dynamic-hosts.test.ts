import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { anyEndpoint } from '../balance/balancer.ts';
import { hostOf } from '../testing/hosts.ts';
import { DnsCache } from './dns-cache.ts';
import { DynamicHosts } from './dynamic-hosts.ts';
import type { Host } from './host.ts';

function make(defaultPort = 80) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const config = {
    name: 'c',
    family: 'v4',
    failureRefresh: null,
    maxNames: 9,
    maxPending: 9,
    timeout: 0,
    known: [],
  } as const;
  const times = { refresh: 60_000, minimumRefresh: 5_000, resolver: null, ttl: 90_000 };
  let addresses: readonly string[] = ['10.0.0.1', '10.0.0.2'];
  const cache = new DnsCache(
    { ...config, ...times },
    {
      wheel: new TimerWheel(clock, (error) => expect.unreachable(String(error))),
      now: () => clock.now(),
      random: () => 0,
      resolve: () => async (name) => {
        asked.push(name);
        return { addresses, ttl: null };
      },
    },
  );
  const retired: string[] = [];
  let hosts: readonly Host[] = [];
  const dynamic = new DynamicHosts(cache, {
    make: hostOf,
    retire: (host) => void retired.push(host.name),
    onHosts: (now) => {
      hosts = now;
    },
    defaultPort,
  });
  const pick = (authority: string) => dynamic.pick({ ...anyEndpoint, now: 0, authority });
  const move = (...to: readonly string[]) => {
    addresses = to;
  };
  return { clock, asked, dynamic, retired, pick, move, names: () => hosts.map(({ name }) => name) };
}

test.each([
  ['a name', 'web.test', 'web.test', '10.0.0.1:80'],
  ['a name with a port', 'web.test:8080', 'web.test', '10.0.0.1:8080'],
  ['an IPv6 address', '[::1]:90', '::1', '10.0.0.1:90'],
  ['an IPv6 address without a port', '[::1]', '::1', '10.0.0.1:80'],
  ['no port there is', 'web.test:70000', 'web.test:70000', '10.0.0.1:80'],
  ['too much', 'a:b:c', 'a:b:c', '10.0.0.1:80'],
])('of %s', async (_name, authority, name, wants) => {
  const { asked, dynamic, pick } = make();
  expect(pick(authority)).toBe(null);
  await dynamic.look(authority);
  expect(asked).toEqual([name]);
  expect(pick(authority)).toMatchObject({ name: wants, hostname: name, moreAddresses: [{ address: '10.0.0.2' }] });
});

test('an endpoint goes when its name moves, and when nobody asks for it', async () => {
  const { clock, dynamic, retired, pick, move, names } = make(443);
  await dynamic.look('web.test');
  move('10.0.0.7');
  clock.advance(60_100);
  await new Promise(setImmediate);
  expect(names()).toEqual(['10.0.0.7:443']);
  expect(retired).toEqual(['10.0.0.1:443']);
  clock.advance(60_100);
  expect(names()).toEqual([]);
  expect(pick('web.test')).toBe(null);
});
