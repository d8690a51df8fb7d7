// RouteMatches at random.
import fc from 'fast-check';
import { bare, names, path, seldom, text } from './words.ts';

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

export const headerTest = fc
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

export const match = fc
  .tuple(
    place,
    fc.array(headerTest, { maxLength: 2 }),
    fc.array(queryTest, { maxLength: 1 }),
    fc.array(cookieTest, { maxLength: 1 }),
    seldom(fc.constantFrom(0, 100).map((numerator) => ({ runtime_fraction: { default_value: { numerator } } }))),
  )
  .map(([where, headers, query_parameters, cookies, chance]) => ({
    ...where,
    headers,
    query_parameters,
    cookies,
    ...chance,
  }));
