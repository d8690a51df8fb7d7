// How much of their timeouts requests to a cluster and their tries take (`track_cluster_stats`).
import { expect, test } from 'vitest';
import { raw, respond } from '../support/upstream.ts';
import { get, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import { figuresOfBoth } from './harness/statistics.ts';

const cluster = (name: string, more = '') =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, ${more} load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }] } }`;

const suite: Suite = {
  name: 'timeout budgets',
  bootstrap:
    'stats_flush_interval: 0.1s\nstats_config: { histogram_bucket_settings: [{ match: { contains: budget }, buckets: [1, 50, 500] }] }',
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - { match: { prefix: /short }, route: { cluster: tracked, timeout: 0.2s } }
  - { match: { prefix: /endless }, route: { cluster: tracked, timeout: 0s } }
  - { match: { prefix: /try }, route: { cluster: tracked, timeout: 600s, retry_policy: { per_try_timeout: 0.2s } } }
  - { match: { prefix: /idle }, route: { cluster: tracked, timeout: 600s, retry_policy: { per_try_idle_timeout: 0.2s } } }
  - { match: { prefix: /lasting }, route: { cluster: lasting, timeout: 600s } }
  - { match: { prefix: /retried }, route: { cluster: tracked, timeout: 600s, retry_policy: { retry_on: 5xx, per_try_timeout: 300s } } }
  - { match: { prefix: /older }, route: { cluster: older, timeout: 600s } }
  - { match: { prefix: /plain }, route: { cluster: plain, timeout: 600s } }
  - { match: { prefix: / }, route: { cluster: tracked, timeout: 600s } }`,
  clusters: `[
    ${cluster('tracked', 'track_cluster_stats: { timeout_budgets: true },')},
    ${cluster('lasting', 'common_http_protocol_options: { max_stream_duration: 0.2s }, track_cluster_stats: { timeout_budgets: true },')},
    ${cluster('older', 'track_timeout_budgets: true,')},
    ${cluster('plain')}]`,
  cases: [],
};

const hang = [raw('', 'hang')];
const begun = [raw('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', 'hang')];

const CASES = [
  { name: 'an answer', path: '/' },
  { name: 'no answer in time', path: '/short', a: hang },
  { name: 'half an answer in time', path: '/short', a: begun },
  { name: 'no timeout', path: '/endless' },
  { name: 'a try too slow', path: '/try', a: hang },
  { name: 'a try idle', path: '/idle', a: hang },
  { name: 'a try of the largest duration', path: '/lasting', a: hang },
  { name: 'two tries', path: '/retried', a: [respond({ status: 503 }), respond({ status: 200 })] },
  { name: 'no answer', path: '/', a: [raw('', 'close')] },
  { name: 'the field before it', path: '/older' },
  { name: 'a cluster that is not tracked', path: '/plain' },
];

compareWithEnvoy(suite, (pair) => {
  test.each(CASES)('$name', async ({ name, path, a }) => {
    const stands = [pair().reference, pair().ours];
    const one = { name, send: get(path), ...(a && { script: { a } }), wants: { status: 0 } };
    await Promise.all(stands.map((stand) => observe(stand, one, name)));
    const [theirs, mine] = await figuresOfBoth(pair(), budgets);
    expect(mine).toBe(theirs);
  });
});

/** How many lie below each bound in all: none of the shares here is near one. */
async function budgets(stand: Pair['ours']): Promise<string> {
  const query = 'histogram_buckets=cumulative&filter=timeout_budget';
  const text = await (await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats?${query}`)).text();
  return text.replace(/\(\d+,/g, '(');
}
