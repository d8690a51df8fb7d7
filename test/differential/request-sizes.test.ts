// How large requests to a cluster and their answers are (`track_cluster_stats`), attempt by attempt.
import { expect, test } from 'vitest';
import { raw, respond } from '../support/upstream.ts';
import { get, request, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import { figuresOfBoth } from './harness/statistics.ts';

const tracked = (name: string, port: string, more = '') =>
  `{ name: ${name}, type: STATIC, connect_timeout: 1s, ${more} load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <${port}> } } } }] }] } }`;
const track = 'track_cluster_stats: { request_response_sizes: true },';

const suite: Suite = {
  name: 'request sizes',
  bootstrap: 'stats_flush_interval: 0.1s',
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - { match: { prefix: /refused }, route: { cluster: gone } }
  - { match: { prefix: /retried }, route: { cluster: sized, retry_policy: { retry_on: 5xx } } }
  - { match: { prefix: /plain }, route: { cluster: plain } }
  - { match: { prefix: / }, route: { cluster: sized }, request_headers_to_add: [{ header: { key: x-added, value: v } }], response_headers_to_add: [{ header: { key: x-late, value: v } }] }`,
  clusters: `[${tracked('sized', 'a', track)}, ${tracked('gone', 'dead', track)}, ${tracked('plain', 'b')}]`,
  cases: [],
};

const CASES = [
  { name: 'GET', send: get('/') },
  { name: 'a body', send: request('POST', '/', { body: 'x'.repeat(1_000) }) },
  { name: 'a body back', send: get('/'), script: { a: [respond({ status: 200, body: 'x'.repeat(70_000) })] } },
  { name: 'two attempts', send: get('/retried'), script: { a: [respond({ status: 503 }), respond({ status: 200 })] } },
  { name: 'no answer', send: get('/'), script: { a: [raw('', 'close')] } },
  { name: 'nobody listens', send: get('/refused') },
  { name: 'a cluster that is not tracked', send: get('/plain') },
];

compareWithEnvoy(suite, (pair) => {
  test.each(CASES)('$name', async (one) => {
    const stands = [pair().reference, pair().ours];
    await Promise.all(stands.map((stand) => observe(stand, { ...one, wants: { status: 0 } }, one.name)));
    const [theirs, mine] = await figuresOfBoth(pair(), sizes);
    expect(mine).toBe(theirs);
  });
});

/** Buckets of all histograms of sizes. */
async function sizes(stand: Pair['ours']): Promise<string> {
  const query = 'histogram_buckets=detailed&filter=_r[qs]_(headers|body)_(size|count)';
  const text = await (await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats?${query}`)).text();
  return text.replace(/\n {2}(?:intervals|summary)=.*/g, '');
}
