// What routes do, at random: forward, redirect, answer.
import fc from 'fast-check';
import { edits } from './edits.ts';
import { hashPolicies, internalRedirect, retryPolicy } from './policies.ts';
import { seldom } from './words.ts';

const substitution = fc.constantFrom(
  { pattern: { regex: 'a' }, substitution: 'x' },
  { pattern: { regex: '^/(.*)$' }, substitution: '/n/\\1' },
  { pattern: { regex: '/(\\w+)' }, substitution: '/\\1\\1' },
  { pattern: { regex: '/*' }, substitution: '/' },
  { pattern: { regex: '.*' }, substitution: '' },
);
const written = fc
  .constantFrom('/w', '/%REQ(X-A)%/z', '%REQ(X-B)%', '/w?z=%REQ(X-A)%', '/%REQ(:METHOD)%')
  .map((path_rewrite) => ({ path_rewrite }));

/** What replaces a path: only where the match has a prefix that can be. */
const pathChange = (hasPrefix: boolean) =>
  fc.oneof(
    fc.constant({}),
    substitution.map((regex_rewrite) => ({ regex_rewrite })),
    written,
    ...(hasPrefix ? [fc.constantFrom('/', '/n', '/n/').map((prefix_rewrite) => ({ prefix_rewrite }))] : []),
  );

const hostChange = fc.constantFrom(
  {},
  { host_rewrite_literal: 'new.test' },
  { host_rewrite_header: 'x-a' },
  { host_rewrite_path_regex: { pattern: { regex: '^/(\\w*).*$' }, substitution: '\\1.test' } },
  { host_rewrite: '%REQ(X-A)%.test' },
);

const one = fc.constantFrom('a', 'b', 'c');
/** By a number of the request, never by chance. */
const weighted = fc
  .tuple(
    fc.uniqueArray(fc.tuple(one, fc.constantFrom(1, 2, 5), seldom(edits), fc.boolean()), {
      minLength: 1,
      maxLength: 3,
      selector: ([cluster]) => cluster,
    }),
    hashPolicies,
  )
  .map(([clusters, hash_policy]) => ({
    weighted_clusters: {
      use_hash_policy: true,
      clusters: clusters.map(([cluster, weight, edit, named]) => ({
        name: cluster,
        weight,
        ...edit,
        ...(named ? { host_rewrite_literal: 'of-cluster.test' } : {}),
      })),
    },
    hash_policy,
  }));
const cluster = fc.oneof(
  { weight: 3, arbitrary: one.map((chosen) => ({ cluster: chosen })) },
  { weight: 2, arbitrary: weighted },
  { weight: 1, arbitrary: fc.constant({ cluster_header: 'x-a', cluster_not_found_response_code: 'NOT_FOUND' }) },
);

const forward = (hasPrefix: boolean) =>
  fc
    .tuple(cluster, pathChange(hasPrefix), hostChange, fc.boolean(), seldom(retryPolicy), seldom(internalRedirect))
    .map(([chosen, paths, hosts, append_x_forwarded_host, retries, redirects]) => ({
      route: { ...chosen, ...paths, ...hosts, append_x_forwarded_host, ...retries, ...redirects },
    }));

const redirect = (hasPrefix: boolean) =>
  fc
    .tuple(
      fc.oneof(
        pathChange(hasPrefix),
        fc.constantFrom('/p', '/p?z=1').map((path_redirect) => ({ path_redirect })),
      ),
      fc.constantFrom({}, { https_redirect: true }, { scheme_redirect: 'HTTPS' }),
      fc.constantFrom(
        {},
        { host_redirect: 'new.test' },
        { port_redirect: 8443 },
        { host_redirect: 'h', port_redirect: 80 },
      ),
      fc.constantFrom('MOVED_PERMANENTLY', 'FOUND', 'SEE_OTHER', 'TEMPORARY_REDIRECT', 'PERMANENT_REDIRECT'),
      fc.boolean(),
    )
    .map(([paths, scheme, host, response_code, strip_query]) => ({
      redirect: { ...paths, ...scheme, ...host, response_code, strip_query },
    }));

const direct = fc
  .constantFrom(200, 204, 404, 503)
  .map((status) => ({ direct_response: { status, body: { inline_string: `direct ${status}` } } }));

export const action = (hasPrefix: boolean) =>
  fc.oneof(
    { weight: 5, arbitrary: forward(hasPrefix) },
    { weight: 1, arbitrary: redirect(hasPrefix) },
    { weight: 1, arbitrary: direct },
  );
