// Counting requests: in the proxy, and by a service that says in a header under what it was asked to count.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterAll } from 'vitest';
import {
  RateLimitResponse_Code as Code,
  type RateLimitRequest,
  RateLimitResponseSchema,
  RateLimitService,
  RateLimitResponse_RateLimit_Unit as Unit,
} from '../../src/xds/gen/envoy/service/ratelimit/v3/rls_pb.ts';
import { grpcCluster, startGrpcServer, unary } from '../support/grpc-server.ts';
import { type Case, get, request } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const told = ({ domain, descriptors, hitsAddend }: RateLimitRequest): string => {
  const all = descriptors.map(({ entries, limit: own, hitsAddend: hits, isNegativeHits: negative }) => {
    const text = entries.map(({ key, value }) => `${key}=${value}`).join(',');
    const limited = own === undefined ? '' : ` limit ${own.requestsPerUnit}/${own.unit}`;
    return `${text}${limited}${hits === undefined ? '' : ` hits ${negative ? '-' : ''}${hits}`}`;
  });
  return `${domain} ${all.join(' | ')}${hitsAddend === 0 ? '' : ` all ${hitsAddend}`}`;
};
const limit = (requestsPerUnit: number, unit: Unit, name = '') => ({ requestsPerUnit, unit, name });

type Init = MessageInitShape<typeof RateLimitResponseSchema>;
function answer(asked: RateLimitRequest): Init | Promise<Init> {
  const value = asked.descriptors[0]?.entries.at(-1)?.value;
  const header = { key: 'x-told', value: told(asked) };
  switch (value) {
    case 'over':
      return { overallCode: Code.OVER_LIMIT, responseHeadersToAdd: [header], rawBody: Buffer.from('enough') };
    case 'wait':
    case 'told':
      return {
        overallCode: Code.OVER_LIMIT,
        responseHeadersToAdd: value === 'told' ? [{ key: 'Retry-After', value: '77' }] : [],
        statuses: [
          { code: Code.OVER_LIMIT, durationUntilReset: { seconds: 5n, nanos: 900_000_000 } },
          { code: Code.OVER_LIMIT, durationUntilReset: { seconds: 3n } },
          { code: Code.OK, durationUntilReset: { seconds: 30n } },
        ],
      };
    case 'soon':
      return { overallCode: Code.OVER_LIMIT, statuses: [{ code: Code.OVER_LIMIT }] };
    case 'limits':
      return {
        overallCode: Code.OK,
        statuses: [
          {
            code: Code.OK,
            currentLimit: limit(10, Unit.MINUTE, 'slow'),
            limitRemaining: 5,
            durationUntilReset: { seconds: 30n },
          },
          {
            code: Code.OK,
            currentLimit: limit(3, Unit.SECOND),
            limitRemaining: 2,
            durationUntilReset: { seconds: 1n },
          },
          { code: Code.OK },
        ],
      };
    case 'noted':
      return { overallCode: Code.OK, dynamicMetadata: { left: 'three' } };
    case 'unknown':
      return { overallCode: Code.UNKNOWN };
    case 'hangs':
      return new Promise<Init>(() => undefined);
    case 'fails':
      throw Object.assign(new Error('broken'), { code: 13 });
    default:
      return {
        overallCode: Code.OK,
        requestHeadersToAdd: [header],
        responseHeadersToAdd: [{ key: 'x-counted', value: '1' }],
      };
  }
}
const server = await startGrpcServer([
  unary(RateLimitService.method.shouldRateLimit, async (asked) => create(RateLimitResponseSchema, await answer(asked))),
]);
afterAll(() => server.stop());

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';
const ALL = '{ default_value: { numerator: 100 } }';
const LOCAL = `"@type": ${TYPE}.local_ratelimit.v3.LocalRateLimit, stat_prefix: local`;
const on = `filter_enabled: ${ALL}, filter_enforced: ${ALL}`;
const bucket = (tokens: number): string =>
  `token_bucket: { max_tokens: ${tokens}, tokens_per_fill: 1, fill_interval: 600s }`;
const local = (fields: string): string => `[{ name: local, typed_config: { ${LOCAL}, ${fields} } }]`;
const service = (fields = '', timeout = '5s'): string =>
  `[{ name: limits, typed_config: { "@type": ${TYPE}.ratelimit.v3.RateLimit, domain: shop, timeout: ${timeout}, rate_limit_service: { transport_api_version: V3, grpc_service: { envoy_grpc: { cluster_name: limits } } }, ${fields} } }]`;
const plan = (entry: string): string =>
  `descriptors: [{ entries: [{ key: plan, value: ${entry} }], token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: 600s } }]`;
const key = (value: string): string => `{ generic_key: { descriptor_value: ${value} } }`;
const header = (name: string, descriptor: string, more = ''): string =>
  `{ request_headers: { header_name: ${name}, descriptor_key: ${descriptor}, ${more} } }`;
const limits = (...rules: string[]): string =>
  `rate_limits: [${rules.map((rule) => `{ actions: [${rule}] }`).join(', ')}]`;
const LOOPBACK = '{ address_prefix: 127.0.0.0, prefix_len: 8 }';
const PER_ROUTE = `"@type": ${TYPE}.ratelimit.v3.RateLimitPerRoute`;

const filter = (name: string, type: string, fields: string): string =>
  `{ name: ${name}, typed_config: { "@type": ${TYPE}.${type}, ${fields} } }`;
const NOTES = filter(
  'notes',
  'set_metadata.v3.Config',
  'metadata: [{ metadata_namespace: plan, value: { limit: { requests_per_unit: 12, unit: MINUTE } } }]',
);
const SHOWS = filter(
  'shows',
  'header_mutation.v3.HeaderMutation',
  'mutations: { request_mutations: [{ append: { header: { key: x-noted, value: "%DYNAMIC_METADATA(envoy.filters.http.ratelimit)%" } } }] }',
);
const COST = filter(
  'cost',
  'set_filter_state.v3.Config',
  'on_request_headers: [{ object_key: envoy.ratelimit.hits_addend, factory_key: envoy.ratelimit.hits_addend, format_string: { text_format_source: { inline_string: "3" } } }]',
);
const route = (path: string, fields: string, more = ''): string =>
  `- { match: { prefix: ${path} }, route: { cluster: a, ${fields} }, ${more} }`;
/** `disable_key`s: what the runtime says of them. */
const SWITCHED = ['never', 'always', 'unsaid'];
const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
    ${[
      route('/plain', ''),
      route('/plan', limits(header('x-plan', 'plan'))),
      route('/key', limits(key('one'), `${key('two')}, ${header('x-user', 'user')}`)),
      route('/skip', limits(`${header('x-user', 'user', 'skip_if_absent: true')}, ${key('always')}`)),
      route('/cluster', limits('{ source_cluster: {} }, { destination_cluster: {} }')),
      route('/address', limits('{ remote_address: {} }, { masked_remote_address: { v4_prefix_mask_len: 8 } }')),
      route(
        '/match',
        limits('{ header_value_match: { descriptor_value: m, headers: [{ name: x-a, string_match: { exact: b } }] } }'),
      ),
      route(
        '/nomatch',
        limits(
          '{ header_value_match: { descriptor_key: k, descriptor_value: m, expect_match: false, headers: [{ name: x-a }] } }',
        ),
      ),
      route(
        '/querymatch',
        limits(
          '{ query_parameter_value_match: { descriptor_value: q, query_parameters: [{ name: a, string_match: { exact: b } }] } }',
        ),
      ),
      route('/query', limits('{ query_parameters: { query_parameter_name: a, descriptor_key: q } }')),
      route(
        '/metadata',
        limits(
          '{ metadata: { descriptor_key: m, source: ROUTE_ENTRY, metadata_key: { key: app, path: [{ key: tier }] } } }, { metadata: { descriptor_key: d, default_value: none, metadata_key: { key: x, path: [{ key: y }] } } }',
        ),
        'metadata: { filter_metadata: { app: { tier: gold } } }',
      ),
      route('/stage', 'rate_limits: [{ stage: 1, actions: [{ generic_key: { descriptor_value: later } }] }]'),
      route('/include', `include_vh_rate_limits: true, ${limits(key('own'))}`),
      route('/ignored', '', `typed_per_filter_config: { limits: { ${PER_ROUTE}, vh_rate_limits: IGNORE } }`),
      route(
        '/included',
        limits(key('own')),
        `typed_per_filter_config: { limits: { ${PER_ROUTE}, vh_rate_limits: INCLUDE } }`,
      ),
      route('/domain', limits(key('own')), `typed_per_filter_config: { limits: { ${PER_ROUTE}, domain: other } }`),
      route(
        '/fixed',
        `rate_limits: [{ actions: [${key('own')}], limit: { rate_limit: { requests_per_unit: 7, unit: HOUR } } }]`,
      ),
      route('/noted', limits(key('noted'))),
      route(
        '/brought',
        `rate_limits: [{ actions: [${key('own')}], limit: { dynamic_metadata: { metadata_key: { key: plan, path: [{ key: limit }] } } } }]`,
      ),
      route(
        '/nothing',
        `rate_limits: [{ actions: [${key('own')}], limit: { dynamic_metadata: { metadata_key: { key: plan, path: [{ key: none }] } } } }]`,
      ),
      route(
        '/hits',
        `rate_limits: [{ actions: [${key('one')}], hits_addend: { number: 5 } }, { actions: [${key('two')}], hits_addend: { format: "%REQ(x-cost)%", is_negative_hits: true } }]`,
      ),
      route('/never-here', `rate_limits: [{ disable_key: always, actions: [${header('x-plan', 'plan')}] }]`),
      ...SWITCHED.map((key) =>
        route(
          `/switched-${key}`,
          `rate_limits: [{ disable_key: ${key}, actions: [{ generic_key: { descriptor_value: ${key} } }] }]`,
        ),
      ),
      route(
        '/late',
        `rate_limits: [{ actions: [${key('one')}] }, { actions: [${key('over')}], apply_on_stream_done: true }]`,
      ),
      route(
        '/near',
        limits(
          '{ remote_address_match: { descriptor_value: near, address_matcher: { ranges: [{ address_prefix: 10.0.0.0, prefix_len: 8 }] } } }',
        ),
      ),
      route(
        '/far',
        limits(
          '{ remote_address_match: { descriptor_key: k, descriptor_value: far, address_matcher: { ranges: [{ address_prefix: 10.0.0.0, prefix_len: 8 }], invert_match: true } } }',
        ),
      ),
      route('/hidden', `rate_limits: [{ actions: [${header('x-plan', 'plan')}], x_ratelimit_option: OFF }]`),
      route(
        '/shown',
        `rate_limits: [{ actions: [${header('x-plan', 'plan')}], x_ratelimit_option: DRAFT_VERSION_03 }]`,
      ),
      route('/over', limits(key('over'))),
      ...['wait', 'told', 'soon'].map((value) => route(`/${value}`, limits(key(value)))),
      route(
        '/formatted',
        limits(
          `{ remote_address_match: { descriptor_value: "%REQ(x-user)%", address_matcher: { ranges: [${LOOPBACK}] } } }, ${key('formatted')}`,
        ),
      ),
      route(
        '/fallback',
        limits(
          `{ remote_address_match: { descriptor_value: "%REQ(x-user)%", default_value: nobody, address_matcher: { ranges: [${LOOPBACK}] } } }`,
        ),
      ),
      route('/limits', limits(key('limits'))),
      route('/unknown', limits(key('unknown'))),
      route('/hangs', limits(key('hangs'))),
      route('/fails', limits(key('fails'))),
      route(
        '/own',
        '',
        `typed_per_filter_config: { local: { ${LOCAL}, ${on}, ${bucket(1)}, status: { code: ServiceUnavailable } } }`,
      ),
      route('/', ''),
    ].join('\n    ')}
  rate_limits: [{ actions: [{ generic_key: { descriptor_value: host } }] }]
`;

const runs = (name: string, listener: string, statuses: readonly number[], ...send: string[]): Case => ({
  name,
  listener,
  send: send.length === 1 ? statuses.map(() => send[0]!) : send,
  wants: { status: statuses },
});
const counted = (name: string, path: string, ...headers: string[]): Case => ({
  name,
  listener: 'service',
  send: get(path, ...headers),
  wants: { status: 200, reached: ['a'] },
});
const with_ = (
  name: string,
  listener: string,
  path: string,
  status: number,
  more: Partial<Case['wants']> = {},
): Case => ({
  name,
  listener,
  send: get(path),
  wants: { status, ...more },
});
const grpc = (path: string): string => request('POST', path, { headers: ['content-type: application/grpc'], body: '' });

compareWithEnvoy({
  name: 'filters-ratelimit',
  bootstrap:
    'layered_runtime: { layers: [{ name: base, static_layer: { ratelimit.never.http_filter_enabled: 0, ratelimit.always.http_filter_enabled: 100 } }] }',
  statistics: /ratelimit|rate_limit|^cluster\.a\.upstream_rq_[45]/,
  listeners: {
    two: {
      filters: local(`${on}, ${bucket(2)}, response_headers_to_add: [{ header: { key: x-limited, value: "yes" } }]`),
    },
    flagged: { filters: local(`${on}, ${bucket(1)}`) },
    shown: { filters: local(`${on}, ${bucket(2)}, enable_x_ratelimit_headers: DRAFT_VERSION_03`) },
    off: { filters: local(bucket(1)) },
    lenient: {
      filters: local(
        `filter_enabled: ${ALL}, ${bucket(1)}, request_headers_to_add_when_not_enforced: [{ header: { key: x-over, value: "1" } }]`,
      ),
    },
    unavailable: { filters: local(`${on}, ${bucket(1)}, status: { code: ServiceUnavailable }`) },
    noerror: { filters: local(`${on}, ${bucket(1)}, status: { code: OK }`) },
    kinds: { filters: local(`${on}, ${bucket(3)}, ${plan('free')}`) },
    apart: { filters: local(`${on}, ${bucket(1)}, ${plan('free')}, always_consume_default_token_bucket: false`) },
    inline: { filters: local(`${on}, ${bucket(9)}, ${plan('free')}, ${limits(header('x-inline', 'plan'))}`) },
    connection: { filters: local(`${on}, ${bucket(1)}, local_rate_limit_per_downstream_connection: true`) },
    grpc: { filters: local(`${on}, ${bucket(1)}`) },
    exhausted: { filters: local(`${on}, ${bucket(1)}, rate_limited_as_resource_exhausted: true`) },
    routed: { filters: local(`${on}, ${bucket(9)}`) },
    service: { filters: service() },
    staged: { filters: service('stage: 1') },
    tells: { filters: service('enable_retry_after_header: true') },
    tells503: {
      filters: service('enable_retry_after_header: true, rate_limited_status: { code: ServiceUnavailable }'),
    },
    shows: { filters: service('enable_x_ratelimit_headers: DRAFT_VERSION_03') },
    hasty: { filters: service('', '0.2s') },
    hastyAndClosed: {
      filters: service('failure_mode_deny: true, status_on_error: { code: ServiceUnavailable }', '0.2s'),
    },
    closed: { filters: service('failure_mode_deny: true') },
    closed503: { filters: service('failure_mode_deny: true, status_on_error: { code: ServiceUnavailable }') },
    quiet: {
      filters: service(
        'disable_x_envoy_ratelimited_header: true, rate_limited_status: { code: ServiceUnavailable }, response_headers_to_add: [{ header: { key: x-limited, value: "1" } }]',
      ),
    },
    external: { filters: service('request_type: external') },
    internal: { filters: service('request_type: internal') },
    rules: { filters: service(limits(key('chain'))) },
    notes: { filters: `[${NOTES}, ${service().slice(1, -1)}, ${SHOWS}]` },
    weighed: {
      filters: service(
        `rate_limits: [{ actions: [${key('one')}], hits_addend: { number: 5 } }, { actions: [${key('two')}], hits_addend: { format: "%REQ(x-cost)%", is_negative_hits: true } }, { actions: [${key('over')}], apply_on_stream_done: true }]`,
      ),
    },
    heavy: {
      filters: local(
        `${on}, ${bucket(90)}, descriptors: [{ entries: [{ key: plan, value: free }], token_bucket: { max_tokens: 10, tokens_per_fill: 1, fill_interval: 600s } }], rate_limits: [{ actions: [${header('x-plan', 'plan')}], hits_addend: { format: "%REQ(x-cost)%" } }]`,
      ),
    },
    costly: { filters: `[${COST}, ${service().slice(1)}` },
    half: { filters: service('failure_mode_deny_percent: { default_value: { numerator: 100 } }') },
    values: { filters: local(`${on}, ${bucket(90)}, ${plan('""')}, max_dynamic_descriptors: 2`) },
    shadow: {
      filters: local(
        `${on}, ${bucket(90)}, descriptors: [{ shadow_mode: true, entries: [{ key: plan, value: free }], token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: 600s } }]`,
      ),
    },
    again: { filters: local(`${on}, ${bucket(1)}, enable_retry_after_header: true`) },
    options: { filters: local(`${on}, ${bucket(90)}, ${plan('free')}, enable_x_ratelimit_headers: DRAFT_VERSION_03`) },
    switched: { filters: local(`${on}, ${bucket(90)}, ${plan('free')}`) },
    without: { filters: local(`${on}, ${bucket(90)}, ${plan('free')}`) },
  },
  clusters: grpcCluster('limits', server.port),
  virtualHosts,
  cases: [
    runs('until the bucket is empty', 'two', [200, 200, 429, 429], get('/plain')),
    {
      name: 'with a flag in the log',
      listener: 'flagged',
      send: [get('/plain'), get('/plain')],
      wants: { status: [200, 429], flags: 'RL' },
    },
    runs('with headers that say so', 'shown', [200, 200, 429], get('/plain')),
    runs('off by default', 'off', [200, 200], get('/plain')),
    runs('counted, not enforced', 'lenient', [200, 200], get('/plain')),
    runs('another status', 'unavailable', [200, 503], get('/plain')),
    runs('a status that is no error', 'noerror', [200, 429], get('/plain')),
    runs(
      'a bucket of its own kind',
      'kinds',
      [200, 429, 200],
      get('/plan', 'x-plan: free'),
      get('/plan', 'x-plan: free'),
      get('/plan', 'x-plan: paid'),
    ),
    runs(
      'and the common one is counted too',
      'kinds',
      [200, 429],
      get('/plan', 'x-plan: paid'),
      get('/plan', 'x-plan: paid'),
    ),
    runs(
      'apart from the common one',
      'apart',
      [200, 200, 429],
      get('/plan', 'x-plan: free'),
      get('/plan', 'x-plan: paid'),
      get('/plan', 'x-plan: paid'),
    ),
    runs('by rules of the filter', 'inline', [200, 429], get('/plain', 'x-inline: free')),
    runs('per connection', 'connection', [200, 429], get('/plain')),
    runs('per connection, another one', 'connection', [200, 429], get('/plain')),
    {
      name: 'to a gRPC client',
      listener: 'grpc',
      send: [grpc('/plain'), grpc('/plain')],
      wants: { status: [200, 200] },
    },
    {
      name: 'to a gRPC client as exhausted',
      listener: 'exhausted',
      send: [grpc('/plain'), grpc('/plain')],
      wants: { status: [200, 200] },
    },
    runs('of a route', 'routed', [200, 503], get('/own')),
    runs('beside that of a route', 'routed', [200, 200], get('/plain')),

    counted('of the virtual host', '/plain'),
    runs(
      'a rule that the runtime may switch off is for services',
      'switched',
      [200, 200],
      get('/never-here', 'x-plan: free'),
    ),
    ...SWITCHED.map((key) => counted(`a rule that the runtime may switch off: ${key}`, `/switched-${key}`)),
    counted('two descriptors', '/key', 'x-user: ann'),
    counted('one of them incomplete', '/key'),
    counted('an entry skipped', '/skip'),
    counted('an entry not skipped', '/skip', 'x-user: ann'),
    counted('the cluster', '/cluster'),
    counted('the address', '/address'),
    counted('the address forwarded', '/address', 'x-forwarded-for: 10.1.2.3'),
    counted('a header that matches', '/match', 'x-a: b'),
    counted('a header that does not', '/match', 'x-a: c'),
    counted('a header that must not be there', '/nomatch'),
    counted('a query that matches', '/querymatch?a=b'),
    counted('a parameter', '/query?a=x'),
    counted('no parameter', '/query'),
    counted('metadata', '/metadata'),
    counted('of another stage', '/stage'),
    { ...counted('of the stage', '/stage'), listener: 'staged' },
    counted('the virtual host included', '/include'),
    counted('the virtual host ignored', '/ignored'),
    counted('the virtual host included by the filter', '/included'),
    counted('another domain', '/domain'),
    with_('over the limit', 'service', '/over', 429, {
      body: 'enough',
      flags: 'RL',
      headers: { 'x-envoy-ratelimited': 'true' },
    }),
    with_('over the limit, quietly', 'quiet', '/over', 503, {
      headers: { 'x-envoy-ratelimited': null, 'x-limited': '1' },
    }),
    with_('over the limit for a time', 'tells', '/wait', 429, { headers: { 'retry-after': '5' } }),
    with_('over the limit for a time that is not told', 'service', '/wait', 429, { headers: { 'retry-after': null } }),
    with_('over the limit for a time, another status', 'tells503', '/wait', 503, { headers: { 'retry-after': null } }),
    with_('over the limit for a time that the service tells', 'tells', '/told', 429),
    with_('over the limit for no time', 'tells', '/soon', 429),
    with_('over the limit, nobody knows for how long', 'tells', '/over', 429, { headers: { 'retry-after': null } }),
    counted('a value made of the request', '/formatted', 'x-user: me'),
    counted('a value made of nothing', '/formatted'),
    counted('a value in place of nothing', '/fallback'),
    with_('limits shown', 'shows', '/limits', 200, { headers: { 'x-ratelimit-remaining': '2' } }),
    with_('limits not shown', 'service', '/limits', 200),
    with_('limits nobody has', 'shows', '/plain', 200),
    with_('an unknown answer passes', 'service', '/unknown', 200),
    with_('no answer passes', 'hasty', '/hangs', 200),
    with_('a failure passes', 'service', '/fails', 200),
    with_('a failure refuses', 'closed', '/fails', 500, { flags: 'RLSE' }),
    with_('no answer refuses', 'hastyAndClosed', '/hangs', 503, { flags: 'RLSE' }),
    with_('external requests', 'external', '/over', 429),
    with_('internal requests', 'internal', '/over', 200),
    with_('rules of the filter', 'rules', '/over', 200),
    { name: 'over the limit to a gRPC client', listener: 'service', send: grpc('/over'), wants: { status: 200 } },
    counted('a limit of its own', '/fixed'),
    { ...counted('a limit in metadata', '/brought'), listener: 'notes' },
    { ...counted('no limit in metadata', '/nothing'), listener: 'notes' },
    counted('a limit in metadata that is not there', '/brought'),
    { ...counted('what the service notes', '/noted'), listener: 'notes' },
    counted('hits of a route do not count', '/hits', 'x-cost: 12'),
    { ...counted('hits', '/plain', 'x-cost: 12'), listener: 'weighed' },
    { ...counted('hits that make no sense', '/plain', 'x-cost: much'), listener: 'weighed' },
    runs(
      'many tokens at once',
      'heavy',
      [200, 429, 429, 429, 200],
      ...['6', '6', '0', '5', '4'].map((cost) => get('/plain', 'x-plan: free', `x-cost: ${cost}`)),
    ),
    { ...counted('hits of all', '/plain'), listener: 'costly' },
    counted('when it is over', '/late'),
    counted('an address in a range', '/near', 'x-forwarded-for: 10.1.2.3'),
    counted('an address in no range', '/near'),
    counted('an address that must be in no range', '/far'),
    with_('a share of failures refuses', 'half', '/fails', 500),
    runs(
      'a bucket for each value',
      'values',
      [200, 429, 200, 200, 200],
      ...['ann', 'ann', 'bob', 'cat', 'ann'].map((name) => get('/plan', `x-plan: ${name}`)),
    ),
    runs('a kind in the shadow', 'shadow', [200, 200], get('/plan', 'x-plan: free'), get('/plan', 'x-plan: free')),
    runs('when to come again', 'again', [200, 429], get('/plain')),
    runs('limits that a rule hides', 'options', [200, 429], get('/hidden', 'x-plan: free')),
    runs('limits that a rule shows', 'without', [200, 429], get('/shown', 'x-plan: free')),
  ],
});
