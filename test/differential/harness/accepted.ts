// Differences from Envoy that are meant, each with its reason. An entry that changes nothing any more fails its case.
import type { Observation } from './observation.ts';

/** What ours is meant to do where Envoy does this. */
type Adapt = (envoy: Observation) => Observation;

/** What two parsers read differently is how requests are smuggled: where Envoy repairs a malformed message, ours refuses it. */
const stricter: readonly (readonly [name: string, reason: string])[] = [
  ['two hosts', 'RFC 9112 3.2: a server must answer 400; Envoy joins them with a comma'],
  ['folded header', 'RFC 9112 5.2: a server may refuse it; Envoy unfolds it'],
  ['carriage return in a value', 'RFC 9112 2.2: a bare CR is invalid; Envoy drops it'],
  ['bare line feeds', 'RFC 9112 2.2: accepting them is optional; Envoy does'],
  ['two spaces before the target', 'RFC 9112 3: one space; Envoy skips the second'],
  ['a chunk longer than its size', 'RFC 9112 7.1: CRLF must follow; Envoy drops bytes until a line ends'],
  ['no version', 'RFC 9112 3: no request line; Envoy takes it for HTTP/0.9 and answers 426'],
];

const ANY_CONNECTION_FAILURE =
  'a connection fails alike wherever the failure came from; Envoy calls it local where its socket cannot be prepared';

const HEAD_FRAMING =
  'RFC 9110 9.3.2: framing may be left out of an answer to HEAD; Envoy says chunked where it knows no length';
const OWN_VERSION =
  'RFC 9110 6.2: a server sends its own version, whatever the request had; Envoy repeats that of the request';
const TRAILERS = 'RFC 9110 6.5: trailers are passed on; Envoy drops them unless both ends are configured to keep them';

const HALF_READ =
  'RFC 9110 15.5.1: a body that cannot be read is refused; Envoy passes on what it could read as if it were the whole';

const LATE_REFUSAL =
  'RFC 8446 4.4.2: a server refuses a certificate after the client has finished: an end, where Envoy sees a failure to connect';

const rest: readonly (readonly [suite: string, name: string, reason: string, adapt: Adapt])[] = [
  ['protocol', 'HEAD of a chunked answer', HEAD_FRAMING, withoutChunked],
  ['protocol', 'HEAD without either', HEAD_FRAMING, withoutChunked],
  ['rewriting', 'redirect of HEAD', HEAD_FRAMING, withoutChunked],
  ['filters-authz', 'denied: HEAD', HEAD_FRAMING, withoutChunked],
  ['protocol', 'HTTP/1.0 where it is accepted', OWN_VERSION, withOwnVersion],
  ['protocol', 'HTTP/1.0 kept alive', OWN_VERSION, withOwnVersion],
  ['protocol', 'HTTP/1.0 and a chunked answer', OWN_VERSION, withOwnVersion],
  ['head rules', 'old: no host', OWN_VERSION, withOwnVersion],
  ['head rules', 'older: no host', OWN_VERSION, withOwnVersion],
  ['upstream connections', 'from an address that is not here', ANY_CONNECTION_FAILURE, withRemoteFailure],
  ['upstream connections', 'with an option that there is none of', ANY_CONNECTION_FAILURE, withRemoteFailure],
  ['mutual TLS', 'upstream: refuses unshown', LATE_REFUSAL, withTermination],
  ['mutual TLS', 'upstream: refuses stranger', LATE_REFUSAL, withTermination],
  ['protocol', 'chunks with trailers', TRAILERS, withRequestTrailers],
  ['protocol', 'trailers where they are wanted', TRAILERS, withRequestTrailers],
  [
    'protocol',
    'chunked answer with trailers',
    TRAILERS,
    (envoy) => ofResponses(envoy, () => ({ trailers: ['x-t: 1'] })),
  ],
  [
    'filters-notes',
    'counted',
    TRAILERS,
    (envoy) => ofResponses(envoy, () => ({ trailers: ['grpc-message: OK', 'grpc-status: 0'] })),
  ],
  ...bridged(['frames stay', 'on for a route', 'without frames', 'without frames: an empty message'], 0),
  ...bridged(['frames stay: another status'], 12),
  ...bridged(['without frames: an error'], 2),
  [
    'filters-bridges',
    'no frame',
    'the head of a frame may come in pieces: a body is too small only at its end; Envoy judges the first piece',
    (envoy) =>
      ofResponses(envoy, ({ headers }) => ({ headers: headers.filter((line) => line !== 'connection: close') })),
  ],
  ['filters-bodies', 'decompression of something else', HALF_READ, refused],
  ['filters-bodies', 'decompression beyond the ratio', HALF_READ, refused],
  [
    'headers',
    'operations on a direct response',
    'the status is known when the header is made; Envoy shows 0',
    (envoy) =>
      ofResponses(envoy, ({ headers }) => ({
        headers: headers.map((line) => line.replace('x-answered: 0', 'x-answered: 200')),
      })),
  ],
  [
    'forwarding',
    'a version that is none',
    'RFC 9112 2.3: no version of HTTP; Envoy reads on',
    (envoy) =>
      ofResponses(envoy, () => ({
        status: 502,
        headers: ['content-length: 87', 'content-type: text/plain', 'date: <date>', 'server: envoy'],
        body: 'upstream connect error or disconnect/reset before headers. reset reason: protocol error',
      })),
  ],
];

type Accepted = { readonly suite: string; readonly case: string; readonly reason: string; readonly adapt: Adapt };

export const acceptedDifferences: readonly Accepted[] = [
  ...stricter.map(([name, reason]) => ({ suite: 'protocol', case: name, reason, adapt: refused })),
  ...rest.map(([suite, name, reason, adapt]) => ({ suite, case: name, reason, adapt })),
];

/** As Envoy answers what it does refuse. */
function refused(envoy: Observation): Observation {
  const headers = [
    'connection: close',
    'content-length: 11',
    'content-type: text/plain',
    'date: <date>',
    'server: envoy',
  ];
  const refusal = { status: 400, version: 'HTTP/1.1', headers, body: 'Bad Request', trailers: [], interim: [] };
  return { responses: [refusal], closed: envoy.closed, upstreams: [] };
}

type Response = Observation['responses'][number];

function ofResponses(envoy: Observation, change: (response: Response) => Partial<Response>): Observation {
  return { ...envoy, responses: envoy.responses.map((response) => ({ ...response, ...change(response) })) };
}

function bridged(names: readonly string[], status: number): (readonly [string, string, string, Adapt])[] {
  const adapt: Adapt = (envoy) => ofResponses(envoy, () => ({ trailers: [`grpc-status: ${status}`] }));
  return names.map((name) => ['filters-bridges', name, TRAILERS, adapt]);
}

function withRemoteFailure(envoy: Observation): Observation {
  return ofResponses(envoy, ({ headers, body }) => ({
    headers: headers.map((line) => line.replace('content-length: 97', 'content-length: 98')),
    body: body.replace('local connection failure', 'remote connection failure'),
  }));
}

function withoutChunked(envoy: Observation): Observation {
  return ofResponses(envoy, ({ headers }) => ({
    headers: headers.filter((line) => line !== 'transfer-encoding: chunked'),
  }));
}

function withOwnVersion(envoy: Observation): Observation {
  return ofResponses(envoy, () => ({ version: 'HTTP/1.1' }));
}

function withRequestTrailers(envoy: Observation): Observation {
  return { ...envoy, upstreams: envoy.upstreams.map((request) => ({ ...request, trailers: ['x-t: 1'] })) };
}

function withTermination(envoy: Observation): Observation {
  return ofResponses(envoy, ({ headers, body }) => ({
    headers: headers.map((line) => line.replace('content-length: 98', 'content-length: 95')),
    body: body.replace('remote connection failure', 'connection termination'),
  }));
}
