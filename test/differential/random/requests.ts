// Requests at random, and what upstreams answer.
import fc from 'fast-check';
import type { RespondOptions } from '../../support/upstream.ts';
import { name, path, value } from './words.ts';

export type SketchedRequest = {
  readonly method: string;
  readonly target: string;
  /** Whole lines. */
  readonly headers: readonly string[];
  /** What each upstream answers in turn, `HOST` standing for the authority of the request; then its name. */
  readonly replies: readonly RespondOptions[];
};

const query = fc.constantFrom('', '', '?', '?p', '?p=a', '?q=ab&p=b', '?p=&q=12', '?p=a&p=b', '?a=x-y');
const cookies = fc.constantFrom([], ['cookie: k=a'], ['cookie: l="ab"; k=12'], ['cookie: k', 'cookie: l=b']);
const origin = fc.oneof(
  { weight: 4, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(value, fc.constantFrom([], ['access-control-request-method: PUT']))
      .map(([from, asked]) => [`origin: ${from}`, ...asked]),
  },
);

type Fields = Readonly<Record<string, string>>;

const reply = fc
  .tuple(
    fc.constantFrom(200, 200, 302, 303, 404, 409, 418, 502, 503),
    fc.constantFrom<Fields[]>(
      {},
      { 'x-r': 'a' },
      { 'x-r': 'b' },
      { 'x-envoy-ratelimited': 'true' },
      { 'grpc-status': '14' },
    ),
    fc.tuple(fc.constantFrom('http://HOST', 'http://HOST', 'https://HOST', ''), path).map((parts) => parts.join('')),
  )
  .map(
    ([status, headers, location]): RespondOptions => ({
      status,
      headers: { ...headers, ...(status === 302 || status === 303 ? { location } : {}) },
      body: `says ${status}`,
    }),
  );

export const request: fc.Arbitrary<SketchedRequest> = fc
  .tuple(
    fc.constantFrom('GET', 'GET', 'POST', 'PUT', 'OPTIONS'),
    path,
    query,
    fc.array(fc.tuple(name, fc.oneof(value, fc.constant(''))), { maxLength: 3 }),
    cookies,
    origin,
    fc.array(reply, { maxLength: 3 }),
  )
  .map(([method, target, search, headers, crumbs, from, replies]) => ({
    method,
    target: `${target}${search}`,
    headers: [...headers.map(([key, text]) => `${key}: ${text}`), ...crumbs, ...from],
    replies,
  }));
