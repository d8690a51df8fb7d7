// Differences from Envoy that are meant, each with its reason. An entry that changes nothing any more fails its case.
import type { Observation } from './observation.ts';

type Accepted = {
  readonly suite: string;
  readonly case: string;
  readonly reason: string;
  /** What ours is meant to do where Envoy does this. */
  adapt(envoy: Observation): Observation;
};

/** Where Envoy repairs or ignores a malformed request, ours refuses it: what two parsers read differently is how requests are smuggled. */
const refusedRequests: readonly (readonly [name: string, reason: string])[] = [
  ['two hosts', 'RFC 9112 3.2: a server must answer 400; Envoy joins them with a comma'],
  ['folded header', 'RFC 9112 5.2: a server may refuse it; Envoy unfolds it'],
  ['carriage return in a value', 'RFC 9112 2.2: a bare CR is invalid; Envoy drops it'],
  ['two spaces before the target', 'RFC 9112 3: one space; Envoy skips the second'],
  ['a chunk longer than its size', 'RFC 9112 7.1: CRLF must follow; Envoy drops bytes until a line ends'],
];

export const acceptedDifferences: readonly Accepted[] = refusedRequests.map(([name, reason]) => ({
  suite: 'protocol',
  case: name,
  reason,
  adapt: () => refusal,
}));

/** As Envoy answers what it does refuse. */
const refusal: Observation = {
  responses: [
    {
      status: 400,
      version: 'HTTP/1.1',
      headers: ['connection: close', 'content-length: 11', 'content-type: text/plain', 'date: <date>', 'server: envoy'],
      body: 'Bad Request',
      trailers: [],
      interim: [],
    },
  ],
  closed: null,
  upstreams: [],
};
