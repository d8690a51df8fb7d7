// Which statistics there are, and the bounds of histograms, where the bootstrap says so.
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { get, type Suite } from './harness/case.ts';
import { compareWithEnvoy, type Pair } from './harness/compare.ts';
import { observe } from './harness/observation.ts';
import { figures, figuresOfBoth } from './harness/statistics.ts';

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
    // Counters that never counted are shown by ours where Envoy makes them with the first.
    const shared = (theirs: string[], mine: string[]) => mine.filter((name) => theirs.includes(name));
    const [theirs, mine] = await figuresOfBoth(pair(), chosen, (one, other) =>
      isDeepStrictEqual(shared(one, other), one),
    );
    expect(theirs).toContain('http.ingress.downstream_rq_total');
    expect(theirs.join()).not.toMatch(/upstream_rq_total|_4xx|listener/);
    expect(shared(theirs, mine)).toEqual(theirs);
    expect(mine.join()).not.toMatch(/upstream_rq_total|downstream_rq_[45]xx|listener/);
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

const TAGS = {
  'all of Envoy’s': '',
  'own beside them': `stats_tags: [{tag_name: mesh, fixed_value: m1}, {tag_name: way.of, regex: '\\\\.((up|down)stream)?_?(?=cx|rq)'}, {tag_name: mesh, regex: 'a'}, {tag_name: envoy.cluster_name, regex: '(x)'}, {tag_name: none, regex: total}]`,
  'none of Envoy’s': 'use_all_default_tags: false',
  'some of Envoy’s':
    'use_all_default_tags: false\n  stats_tags: [{tag_name: envoy.response_code_class}, {tag_name: envoy.listener_address}]',
  overridden: `allow_default_tag_overrides: true\n  stats_tags: [{tag_name: envoy.cluster_name, regex: '^cluster\\.((a)\\.)'}]`,
  'as Istio has them': `use_all_default_tags: false
  stats_tags:
  - {tag_name: cluster_name, regex: '^cluster\\.((.+?(\\..+?\\.svc\\.cluster\\.local)?)\\.)'}
  - {tag_name: response_code, regex: '_rq(_(\\d{3}))$'}
  - {tag_name: response_code_class, regex: '_rq(_(\\dxx))$'}
  - {tag_name: http_conn_manager_listener_prefix, regex: '^http(?=\\.).*?\\.downstream_rq_((\\d)xx)'}
  - {tag_name: http_conn_manager_prefix, regex: '^http\\.(((outbound_([0-9]{1,3}\\.{0,1}){4}_\\d{0,5})|([^\\.]+))\\.)'}
  - {tag_name: listener_address, regex: '^listener\\.(((?:[_.[:digit:]]*|[_\\[\\]aAbBcCdDeEfF[:digit:]]*))\\.)'}`,
};

describe.each(Object.entries(TAGS))('tags: %s', (name, tags) => {
  compareWithEnvoy({ ...suite, name: `tags: ${name}`, bootstrap: `stats_config:\n  ${tags}` }, (pair) => {
    test('series', async () => {
      await ask(pair());
      const [theirs, mine] = await figuresOfBoth(pair(), series, hasNoOther);
      expect(unknown(theirs, mine)).toEqual([]);
      expect(mine.size).toBeGreaterThan(20);
    });
  });
});

const HTTP = 'type.googleapis.com/envoy.extensions.filters.http';
const ANY = '{action: ALLOW, policies: {p: {permissions: [{any: true}], principals: [{any: true}]}}}';
const filters = `
- {name: r, typed_config: {'@type': ${HTTP}.rbac.v3.RBAC, rules_stat_prefix: pre, shadow_rules_stat_prefix: shadow., track_per_rule_stats: true, shadow_rules: ${ANY}, rules: ${ANY}}}
- {name: l, typed_config: {'@type': ${HTTP}.local_ratelimit.v3.LocalRateLimit, stat_prefix: limit, token_bucket: {max_tokens: 100, tokens_per_fill: 100, fill_interval: 1s}, filter_enabled: {default_value: {numerator: 100}}}}
- {name: e, typed_config: {'@type': ${HTTP}.ext_authz.v3.ExtAuthz, stat_prefix: own, failure_mode_allow: true, http_service: {server_uri: {uri: 'http://x', cluster: refused, timeout: 1s}}}}
`;

describe('tags of filters', () => {
  const listeners = { front: { manager: 'stat_prefix: ingress', filters } };
  compareWithEnvoy({ ...suite, name: 'tags of filters', bootstrap: '', listeners }, (pair) => {
    test('series', async () => {
      await ask(pair());
      const [theirs, mine] = await figuresOfBoth(pair(), series, hasNoOther);
      expect(unknown(theirs, mine)).toEqual([]);
      expect([...mine].join()).toMatch(/ext_authz.*local_rate_limit.*rbac/s);
    });
  });
});

/** What ours has and Envoy has not. */
const unknown = (theirs: ReadonlySet<string>, mine: ReadonlySet<string>) => [...mine].filter((one) => !theirs.has(one));
const hasNoOther = (theirs: ReadonlySet<string>, mine: ReadonlySet<string>) => unknown(theirs, mine).length === 0;

/** Names and labels of counters and gauges; the order of labels says nothing. */
async function series(stand: Pair['ours']): Promise<ReadonlySet<string>> {
  const response = await fetch(
    `http://127.0.0.1:${stand.portOf('admin')}/stats/prometheus?usedonly&filter=^(cluster|http|listener|tcp)\\.|rate_limit`,
  );
  const text = stand.withoutPorts(await response.text()).replaceAll(`_${stand.portOf('front')}`, '_<front>');
  return new Set(
    [...text.matchAll(/^(envoy_\w+)(?:\{\}|(\{[^}]+\}))? \d+$/gm)]
      .map(([, metric, labels]) =>
        [
          metric,
          ...(labels ?? '')
            .slice(1, -1)
            .split(/,(?=\w+=)/)
            .sort(),
        ].join(' '),
      )
      .filter((one) => !/_bucket|_sum|_count/.test(one)),
  );
}

async function ask({ reference, ours }: Pair): Promise<void> {
  for (const [nth, path] of ['/a', '/b', '/none'].entries()) {
    const one = { name: '', send: get(path), wants: { status: 0 } };
    await Promise.all([reference, ours].map((stand) => observe(stand, one, `c${nth}`)));
  }
}
