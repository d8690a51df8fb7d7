// What a route says beside where it leads, at random: retries, hashes, redirects that are followed, filters of its own.
import fc from 'fast-check';
import { format } from './edits.ts';
import { headerTest } from './matches.ts';
import { text } from './words.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';

const retryOn = fc
  .array(
    fc.constantFrom(
      '5xx',
      'gateway-error',
      'retriable-4xx',
      'retriable-status-codes',
      'retriable-headers',
      'reset',
      'envoy-ratelimited',
      'unavailable',
      'cancelled',
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((words) => words.join(','));

export const retryPolicy = fc
  .tuple(
    retryOn,
    fc.constantFrom(0, 1, 2),
    fc.subarray([200, 404, 503, 418]),
    fc.array(
      fc.constantFrom(
        { name: 'x-r' },
        { name: 'x-r', string_match: { exact: 'b' } },
        { name: ':status', string_match: { prefix: '4' } },
      ),
      {
        maxLength: 1,
      },
    ),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(headerTest, { maxLength: 1 }) },
    ),
  )
  .map(([retry_on, num_retries, retriable_status_codes, retriable_headers, retriable_request_headers]) => ({
    retry_policy: {
      retry_on,
      num_retries,
      retriable_status_codes,
      retriable_headers,
      retriable_request_headers,
      retry_back_off: { base_interval: '0.001s' },
    },
  }));

const hashPolicy = fc
  .tuple(
    fc.constantFrom(
      { header: { header_name: 'x-a' } },
      { header: { header_name: 'x-b', regex_rewrite: { pattern: { regex: '^(.).*$' }, substitution: '\\1' } } },
      { header: { header_name: ':path' } },
      { cookie: { name: 'k' } },
      { cookie: { name: 'l', ttl: '9s' } },
      { query_parameter: { name: 'p' } },
      { connection_properties: { source_ip: true } },
    ),
    fc.boolean(),
  )
  .map(([policy, terminal]) => ({ ...policy, terminal }));
/** The address is last, so that there is always something to hash: what is left to chance differs between two proxies. */
export const hashPolicies = fc
  .array(hashPolicy, { maxLength: 3 })
  .map((policies) => [...policies, { connection_properties: { source_ip: true } }]);

export const internalRedirect = fc
  .tuple(
    fc.constantFrom(1, 2),
    fc.subarray([301, 302, 303, 307], { minLength: 1 }),
    fc.subarray(['x-r', 'x-a']),
    fc.constantFrom(
      [],
      [
        {
          name: 'envoy.internal_redirect_predicates.previous_routes',
          typed_config: { '@type': `${TYPE}.internal_redirect.previous_routes.v3.PreviousRoutesConfig` },
        },
      ],
      [
        {
          name: 'envoy.internal_redirect_predicates.allow_listed_routes',
          typed_config: {
            '@type': `${TYPE}.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig`,
            allowed_route_names: ['route-0', 'route-2'],
          },
        },
      ],
    ),
  )
  .map(([max_internal_redirects, redirect_response_codes, response_headers_to_copy, predicates]) => ({
    internal_redirect_policy: { max_internal_redirects, redirect_response_codes, response_headers_to_copy, predicates },
  }));

const queryMutation = fc.oneof(
  fc.constantFrom('p', 'q', 'a').map((remove) => ({ remove })),
  fc
    .tuple(
      fc.constantFrom('p', 'q', 'r'),
      fc.oneof(
        format.filter((one) => !/PATH|CEL/.test(one)),
        fc.constant('n'),
      ),
      fc.constantFrom('APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS'),
    )
    .map(([key, value, action]) => ({ append: { record: { key, value }, action } })),
);

/** Filters of the chain that do something only where a route says so. */
export const FILTERS = [
  { name: 'cors', typed_config: { '@type': `${TYPE}.filters.http.cors.v3.Cors` } },
  { name: 'query', typed_config: { '@type': `${TYPE}.filters.http.header_mutation.v3.HeaderMutation` } },
];

const cors = fc
  .tuple(
    fc.array(text, { minLength: 1, maxLength: 2 }),
    fc.constantFrom({}, { allow_methods: 'GET, PUT' }, { allow_headers: 'x-a', max_age: '60' }),
    fc.constantFrom({}, { expose_headers: 'x-r' }, { allow_credentials: true }),
    fc.constantFrom(
      {},
      { forward_not_matching_preflights: false },
      { filter_enabled: { default_value: { numerator: 0 } } },
    ),
  )
  .map(([allow_origin_string_match, asked, told, more]) => ({
    cors: { '@type': `${TYPE}.filters.http.cors.v3.CorsPolicy`, allow_origin_string_match, ...asked, ...told, ...more },
  }));

const mutations = fc.array(queryMutation, { minLength: 1, maxLength: 2 }).map((query_parameter_mutations) => ({
  query: {
    '@type': `${TYPE}.filters.http.header_mutation.v3.HeaderMutationPerRoute`,
    mutations: { query_parameter_mutations },
  },
}));

export const ownFilters = fc.oneof(cors, mutations).map((typed_per_filter_config) => ({ typed_per_filter_config }));
