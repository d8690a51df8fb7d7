import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { StatsConfigSchema } from '../../xds/gen/envoy/config/metrics/v3/stats_pb.ts';
import { ALL_DEFAULTS, readTagRules } from '../bootstrap/stats-tags.ts';
import { nameTagger } from './statistic-tags.ts';

type Own = readonly (readonly [tag: string, regex: string])[];

const shown = (tagger: ReturnType<typeof nameTagger>, name: string): string => {
  const { name: left, tags } = tagger(name);
  return [left, ...tags.map(([tag, value]) => `${tag}=${value}`)].join(' ');
};

function own(
  tags: Own,
  more: { readonly useAllDefaultTags?: boolean; readonly allowDefaultTagOverrides?: boolean } = {},
) {
  const statsTags = tags.map(([tagName, value]) => ({ tagName, tagValue: { case: 'regex' as const, value } }));
  return nameTagger(readTagRules(create(StatsConfigSchema, { statsTags, ...more }), 'stats_config'));
}

test.each([
  ['server.live', 'server.live'],
  ['cluster.a.upstream_rq_total', 'cluster.upstream_rq_total envoy.cluster_name=a'],
  ['cluster.a.b.upstream_rq_2xx', 'cluster.upstream_rq_xx envoy.response_code_class=2 envoy.cluster_name=a.b'],
  ['cluster.a.upstream_rq_503', 'cluster.upstream_rq envoy.response_code=503 envoy.cluster_name=a'],
  ['cluster.a.circuit_breakers.high.rq_open', 'cluster.circuit_breakers.high.rq_open envoy.cluster_name=a'],
  [
    'listener.[::1]_80.worker_3.downstream_cx_total',
    'listener.worker_downstream_cx_total envoy.worker_id=3 envoy.listener_address=[::1]_80',
  ],
  [
    'cluster.a.b.endpoint.127.0.0.1_80.rq_total',
    'cluster.endpoint.rq_total envoy.cluster_name=a.b envoy.endpoint_address=127.0.0.1:80',
  ],
  [
    'cluster.a.endpoint.[__1]_80.healthy',
    'cluster.endpoint.healthy envoy.cluster_name=a envoy.endpoint_address=[::1]:80',
  ],
  [
    'cluster.a.endpoint.first.cx_active',
    'cluster.endpoint.cx_active envoy.cluster_name=a envoy.endpoint_address=first',
  ],
  ['http.in.rbac.allowed', 'http.rbac.allowed envoy.http_conn_manager_prefix=in'],
  ['tcp.in.idle_timeout', 'tcp.idle_timeout envoy.tcp_prefix=in'],
  ['cluster.field', 'cluster.field'],
  ['cluster.a.ext_authz.p.ok', 'cluster.ext_authz.ok envoy.ext_authz_prefix=p envoy.cluster_name=a'],
  ['http.in.ext_authz.ok', 'http.ext_authz.ok envoy.http_conn_manager_prefix=in'],
  [
    'http.in.rbac.p.shadow_denied',
    'http.rbac.shadow_denied envoy.rbac_http_prefix=p envoy.http_conn_manager_prefix=in',
  ],
  [
    'http.in.rbac.policy.one.two.allowed',
    'http.rbac.policy.allowed envoy.rbac_policy_name=one.two envoy.http_conn_manager_prefix=in',
  ],
  ['p.http_local_rate_limit.ok', 'http_local_rate_limit.ok envoy.local_http_ratelimit_prefix=p'],
  [
    'cluster.a.grpc.pkg_Svc.Get.success',
    'cluster.grpc.success envoy.grpc_bridge_service=pkg_Svc envoy.grpc_bridge_method=Get envoy.cluster_name=a',
  ],
  [
    'vhost.h.vcluster.v.upstream_rq_2xx',
    'vhost.vcluster.upstream_rq_xx envoy.response_code_class=2 envoy.virtual_host=h envoy.virtual_cluster=v',
  ],
])('Envoy’s own: %s', (name, wants) => {
  expect(shown(nameTagger(ALL_DEFAULTS), name)).toBe(wants);
});

const NAME = 'cluster.a.upstream_rq_200';

test.each<[string, Own, Parameters<typeof own>[1], string]>([
  [
    'the first group is cut, the second is the value',
    [['x', '(up(str)eam_)']],
    {},
    'cluster.rq envoy.response_code=200 x=str envoy.cluster_name=a',
  ],
  [
    'a group that matched nothing',
    [['x', '(none)?rq']],
    {},
    'cluster.upstream_rq envoy.response_code=200 x= envoy.cluster_name=a',
  ],
  ['no group', [['x', 'rq']], {}, 'cluster.upstream_rq envoy.response_code=200 envoy.cluster_name=a'],
  [
    'parts that overlap',
    [
      ['x', '^cluster\\.(a\\.up)'],
      ['y', '(stream)'],
    ],
    {},
    'cluster._rq envoy.response_code=200 y=stream envoy.cluster_name=a x=a.up',
  ],
  [
    'the first of one name',
    [
      ['x', '(zz)'],
      ['x', '(up)'],
      ['x', '(str)'],
    ],
    {},
    'cluster.stream_rq envoy.response_code=200 x=up envoy.cluster_name=a',
  ],
  [
    'the name of one of Envoy’s',
    [['envoy.cluster_name', '^cluster\\.((b)\\.)']],
    {},
    'cluster.upstream_rq envoy.response_code=200 envoy.cluster_name=a',
  ],
  [
    'the same, overriding',
    [['envoy.cluster_name', '^cluster\\.((b)\\.)']],
    { allowDefaultTagOverrides: true },
    'cluster.a.upstream_rq envoy.response_code=200',
  ],
  [
    'some of Envoy’s',
    [['envoy.response_code', '']],
    { useAllDefaultTags: false },
    'cluster.a.upstream_rq envoy.response_code=200',
  ],
  ['names of characters', [['x', '_([[:digit:]]+)$']], { useAllDefaultTags: false }, 'cluster.a.upstream_rq_ x=200'],
])('own: %s', (_name, tags, more, wants) => {
  expect(shown(own(tags, more), NAME)).toBe(wants);
});

test.each<[Own, string]>([
  [[['', 'x']], 'stats_config.stats_tags[0].tag_name: is empty'],
  [[['nobody', '']], 'stats_config.stats_tags[0]: nobody is no tag of Envoy’s'.replace('’', "'")],
  [[['x', '(']], 'stats_config.stats_tags[0].regex: '],
])('%j is refused', (tags, wants) => {
  expect(() => own(tags)).toThrow(wants);
});
