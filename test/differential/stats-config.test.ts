// Which statistics there are, and the bounds of histograms, where the bootstrap says so.
import { expect, test } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { get, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import { figures } from './harness/statistics.ts';

const suite: Suite = {
  name: 'statistics that were chosen',
  bootstrap: `
stats_flush_interval: 0.1s
stats_config:
  stats_matcher: {exclusion_list: {patterns: [{suffix: upstream_rq_total}, {safe_regex: {regex: '.*downstream_rq_[45]xx'}}, {prefix: listener.}]}}
  histogram_bucket_settings:
  - {match: {prefix: cluster.a.upstream_rq_time}, buckets: [500, 10, 1]}
  - {match: {suffix: upstream_rq_time}, buckets: [25, 50000]}
`,
  listeners: { front: { manager: 'stat_prefix: ingress' } },
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - {match: {prefix: /a}, route: {cluster: a}}
  - {match: {prefix: /b}, route: {cluster: b}}
`,
  cases: [],
};

compareWithEnvoy(suite, (pair) => {
  test('names', async () => {
    await ask(pair());
    const chosen = async (stand: Pair['ours']) =>
      [...(await figures(stand)).keys()]
        .filter((name) => /^(?:cluster\.[ab]|http\.ingress|listener)\..*stream_rq_(?:total|[2-5]xx)$/.test(name))
        .filter((name) => !name.includes('external'))
        .sort();
    const [theirs, mine] = await Promise.all([pair().reference, pair().ours].map(chosen));
    expect(theirs).toContain('http.ingress.downstream_rq_total');
    expect(theirs!.join()).not.toMatch(/upstream_rq_total|_4xx|listener/);
    // Counters that never counted are shown by ours where Envoy makes them with the first.
    expect(mine!.filter((name) => theirs!.includes(name))).toEqual(theirs);
    expect(mine!.join()).not.toMatch(/upstream_rq_total|downstream_rq_[45]xx|listener/);
  });

  test('bounds', async () => {
    const bounds = async (stand: Pair['ours']) => {
      const response = await fetch(`http://127.0.0.1:${stand.portOf('admin')}/stats/prometheus`);
      const text = await response.text();
      return [
        ...text.matchAll(/^envoy_cluster_upstream_rq_time_bucket\{envoy_cluster_name="([ab])",le="([^"]+)"\}/gm),
      ].map(([, cluster, bound]) => `${cluster} ${bound}`);
    };
    const theirs = await waitFor('histograms to be merged', async () => {
      const found = await bounds(pair().reference);
      return found.length >= 7 && found;
    });
    expect(theirs).toEqual(['a 1', 'a 10', 'a 500', 'a +Inf', 'b 25', 'b 50000', 'b +Inf']);
    expect(await bounds(pair().ours)).toEqual(theirs);
  });
});

async function ask({ reference, ours }: Pair): Promise<void> {
  for (const [nth, path] of ['/a', '/b', '/none'].entries()) {
    const one = { name: '', send: get(path), wants: { status: 0 } };
    await Promise.all([reference, ours].map((stand) => observe(stand, one, `c${nth}`)));
  }
}
