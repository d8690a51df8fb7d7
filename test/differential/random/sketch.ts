// Virtual hosts and requests drawn at random: small alphabets, so that what is asked for is often there.
import fc from 'fast-check';

type Json = Readonly<Record<string, unknown>>;

/** A virtual host without name and domains, and requests to it. */
export type Sketch = { readonly host: Json; readonly requests: readonly SketchedRequest[] };

export type SketchedRequest = {
  readonly method: string;
  readonly target: string;
  /** Whole lines. */
  readonly headers: readonly string[];
};

const words = ['a', 'b', 'ab', 'A', 'a.b', '12', 'a-b'];
const values = ['a', 'b', 'ab', 'aB', '12', '-3', 'a,b'];
const names = ['x-a', 'x-b', 'x-c'];

const word = fc.constantFrom(...words);
const value = fc.constantFrom(...values);
const name = fc.constantFrom(...names);
const path = fc
  .tuple(fc.array(word, { maxLength: 3 }), fc.boolean())
  .map(([parts, slash]) => `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`);
const bare = fc.array(word, { minLength: 1, maxLength: 2 }).map((parts) => `/${parts.join('/')}`);
const pattern = fc.constantFrom(
  '/.*',
  '/a.*',
  '/(a|b)+',
  '/[a-z]+/?',
  '/[^/]+/b',
  '(?i)/A/?',
  '/a/\\d+',
  '.*b',
  '/a\\.b',
);
const template = fc.constantFrom('/*', '/**', '/a/*', '/*/b', '/{x}/{y=**}', '/a/**.b', '/{x=a/*}');

const text = fc.oneof(
  fc.record({ exact: value }),
  fc.record({ prefix: value, ignore_case: fc.boolean() }),
  fc.record({ suffix: value }),
  fc.record({ contains: value, ignore_case: fc.boolean() }),
  fc.constantFrom('a.*', '[ab]+', '\\d+', 'a|b').map((regex) => ({ safe_regex: { regex } })),
);

const headerTest = fc
  .tuple(
    fc.constantFrom(...names, ':method', ':path', ':authority'),
    fc.oneof(
      text.map((string_match) => ({ string_match })),
      fc.boolean().map((present_match) => ({ present_match })),
      fc.constant({ range_match: { start: -5, end: 13 } }),
    ),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([header, test, invert_match, treat_missing_header_as_empty]) => ({
    name: header,
    ...test,
    invert_match,
    treat_missing_header_as_empty,
  }));

const queryTest = fc
  .tuple(
    fc.constantFrom('p', 'q'),
    fc.oneof(
      text.map((string_match) => ({ string_match })),
      fc.boolean().map((present_match) => ({ present_match })),
    ),
  )
  .map(([parameter, test]) => ({ name: parameter, ...test }));
const cookieTest = fc
  .tuple(fc.constantFrom('k', 'l'), text, fc.boolean())
  .map(([cookie, string_match, invert_match]) => ({ name: cookie, string_match, invert_match }));

const place = fc.oneof(
  fc.tuple(path, fc.boolean()).map(([prefix, case_sensitive]) => ({ prefix, case_sensitive })),
  fc.tuple(path, fc.boolean()).map(([exact, case_sensitive]) => ({ path: exact, case_sensitive })),
  bare.map((path_separated_prefix) => ({ path_separated_prefix })),
  pattern.map((regex) => ({ safe_regex: { regex } })),
  template.map((path_template) => ({
    path_match_policy: {
      name: 'envoy.path.match.uri_template',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig',
        path_template,
      },
    },
  })),
);

const match = fc
  .tuple(
    place,
    fc.array(headerTest, { maxLength: 2 }),
    fc.array(queryTest, { maxLength: 1 }),
    fc.array(cookieTest, { maxLength: 1 }),
  )
  .map(([where, headers, query_parameters, cookies]) => ({ ...where, headers, query_parameters, cookies }));

const addition = fc
  .tuple(
    name,
    fc.constantFrom(
      'v',
      '',
      '%REQ(X-A)%',
      '%REQ(X-B?X-A)%',
      '%REQ(:PATH)%',
      '100%%',
      '%PROTOCOL%',
      '%ROUTE_NAME%',
      '%REQ(X-A):1%',
    ),
    fc.constantFrom('APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS'),
    fc.boolean(),
  )
  .map(([key, format, append_action, keep_empty_value]) => ({
    header: { key, value: format },
    append_action,
    keep_empty_value,
  }));

const edits = fc.record({
  request_headers_to_add: fc.array(addition, { maxLength: 2 }),
  request_headers_to_remove: fc.array(name, { maxLength: 1 }),
  response_headers_to_add: fc.array(addition, { maxLength: 2 }),
  response_headers_to_remove: fc.array(name, { maxLength: 1 }),
});

const substitution = fc.constantFrom(
  { pattern: { regex: 'a' }, substitution: 'x' },
  { pattern: { regex: '^/(.*)$' }, substitution: '/n/\\1' },
  { pattern: { regex: '/(\\w+)' }, substitution: '/\\1\\1' },
  { pattern: { regex: '/*' }, substitution: '/' },
);

/** What replaces a path: only where the match has a prefix that can be. */
const pathChange = (hasPrefix: boolean) =>
  fc.oneof(
    fc.constant({}),
    substitution.map((regex_rewrite) => ({ regex_rewrite })),
    ...(hasPrefix ? [fc.constantFrom('/', '/n', '/n/').map((prefix_rewrite) => ({ prefix_rewrite }))] : []),
  );

const hostChange = fc.oneof(
  fc.constant({}),
  fc.constant({ host_rewrite_literal: 'new.test' }),
  fc.constant({ host_rewrite_header: 'x-a' }),
  fc.constant({ host_rewrite_path_regex: { pattern: { regex: '^/(\\w*).*$' }, substitution: '\\1.test' } }),
);

const forward = (hasPrefix: boolean) =>
  fc
    .tuple(fc.constantFrom('a', 'b', 'c'), pathChange(hasPrefix), hostChange, fc.boolean())
    .map(([cluster, paths, hosts, append_x_forwarded_host]) => ({
      route: { cluster, ...paths, ...hosts, append_x_forwarded_host },
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

const route = match.chain((chosen) => {
  const hasPrefix = !('path_match_policy' in chosen);
  return fc
    .tuple(
      fc.oneof(
        { weight: 4, arbitrary: forward(hasPrefix) },
        { weight: 1, arbitrary: redirect(hasPrefix) },
        { weight: 1, arbitrary: direct },
      ),
      edits,
    )
    .map(([action, edit]) => ({ match: chosen, ...action, ...edit }));
});

const query = fc.constantFrom('', '', '?', '?p', '?p=a', '?q=ab&p=b', '?p=&q=12', '?p=a&p=b', '?a=%20');

const request = fc
  .tuple(
    fc.constantFrom('GET', 'GET', 'POST', 'PUT'),
    path,
    query,
    fc.array(fc.tuple(name, fc.oneof(value, fc.constant(''))), { maxLength: 3 }),
    fc.constantFrom([], ['cookie: k=a'], ['cookie: l="ab"; k=12'], ['cookie: k', 'cookie: l=b']),
  )
  .map(([method, target, search, headers, cookies]) => ({
    method,
    target: `${target}${search}`,
    headers: [...headers.map(([key, text]) => `${key}: ${text}`), ...cookies],
  }));

export const sketch: fc.Arbitrary<Sketch> = fc
  .tuple(fc.array(route, { minLength: 1, maxLength: 5 }), edits, fc.array(request, { minLength: 1, maxLength: 6 }))
  .map(([routes, edit, requests]) => ({
    host: { routes: routes.map((one, nth) => ({ name: `route-${nth}`, ...one })), ...edit },
    requests,
  }));
