import { expect, test } from 'vitest';
import { ManualClock } from '../../lib/manual-clock.ts';
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { anyEndpoint, type PickContext } from '../balance/balancer.ts';
import { HeaderMap } from '../http/headers.ts';
import { endpoint } from '../testing/configs.ts';
import { hostOf } from '../testing/hosts.ts';
import type { Host } from './host.ts';
import { OriginalDestinations } from './original-destinations.ts';
import { ClusterStats } from './stats.ts';

function make(change: { header?: string; portOverride?: number } = {}) {
  const clock = new ManualClock();
  const stats = new ClusterStats();
  const used = new Set<string>();
  const retired: string[] = [];
  let hosts: readonly Host[] = [];
  const config = { kind: 'original-dst', header: '', portOverride: 0, cleanup: 5_000, ...change } as const;
  const destinations = new OriginalDestinations(config, {
    wheel: new TimerWheel(clock, (error) => expect.unreachable(String(error))),
    stats,
    make({ address, port }) {
      const host: Host = hostOf(endpoint(port, { address }));
      Object.assign(host, {
        pools: {
          get used() {
            return used.has(host.name);
          },
        },
      });
      return host;
    },
    retire: (host) => retired.push(host.name),
    onHosts(list) {
      hosts = list;
    },
  });
  const pick = (wanted: Partial<PickContext>) => destinations.pick({ ...anyEndpoint, now: 0, ...wanted });
  return { clock, stats, used, retired, pick, names: () => hosts.map(({ name }) => name) };
}
const to = (address: string, port = 80) => ({ destination: { address, port } });
const header = (value: string) => ({ headers: new HeaderMap(['x-to', value]) });

test('where the client was going, each destination one endpoint', () => {
  const { pick, names } = make();
  const first = pick(to('10.0.0.1'));
  expect(first?.name).toBe('10.0.0.1:80');
  expect(pick(to('10.0.0.1'))).toBe(first);
  expect(pick(to('10.0.0.1', 81))?.name).toBe('10.0.0.1:81');
  expect(pick(to('fd00::1'))?.name).toBe('[fd00::1]:80');
  expect(pick({})).toBe(null);
  expect(names()).toEqual(['10.0.0.1:80', '10.0.0.1:81', '[fd00::1]:80']);
});

test('another port, where that is wanted', () => {
  expect(make({ portOverride: 15008 }).pick(to('10.0.0.1'))?.name).toBe('10.0.0.1:15008');
});

test.each([
  ['10.0.0.2:90', '10.0.0.2:90', 0],
  ['[fd00::2]:90', '[fd00::2]:90', 0],
  ['10.0.0.2', '10.0.0.1:80', 1],
  ['fd00::2:90', '10.0.0.1:80', 1],
  ['shop:90', '10.0.0.1:80', 1],
  ['10.0.0.2:65536', '10.0.0.1:80', 1],
])('the header says %s', (value, wants, invalid) => {
  const { pick, stats } = make({ header: 'x-to' });
  expect(pick({ ...to('10.0.0.1'), ...header(value) })?.name).toBe(wants);
  expect(stats.original_dst_host_invalid).toBe(invalid);
});

test('the header says nothing where nobody trusts it', () => {
  expect(make().pick({ ...to('10.0.0.1'), ...header('10.0.0.2:90') })?.name).toBe('10.0.0.1:80');
});

test('who is neither chosen nor connected for a whole interval goes', () => {
  const { clock, pick, used, retired, names } = make();
  pick(to('10.0.0.1'));
  pick(to('10.0.0.2'));
  used.add('10.0.0.2:80');
  clock.advance(5_100);
  expect(retired).toEqual([]);
  clock.advance(5_100);
  expect([retired, names()]).toEqual([['10.0.0.1:80'], ['10.0.0.2:80']]);
});
