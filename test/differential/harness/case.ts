// What a comparison is made of: a configuration both proxies get, and requests with what Envoy is known to answer.
import type { ConnectionOptions } from 'node:tls';
import type { Reply } from '../../support/upstream.ts';

/** YAML fragments may hold `<name>` holes: ports of upstreams (`<a>`), `<dead>` (nobody listens there), `<folder>` of certificates. */
export type Suite = {
  readonly name: string;
  /** Listeners by name; the value is merged into a connection manager that routes `virtualHosts`. The first is the default. */
  readonly listeners?: Readonly<Record<string, ListenerFragment>>;
  /** A list of virtual hosts. */
  readonly virtualHosts: string;
  /** Fields of the route configuration beside its virtual hosts. */
  readonly routeConfiguration?: string;
  /** A list of clusters beside a, b and c (one upstream each), `refused` (nobody listens) and `empty` (no endpoint). */
  readonly clusters?: string;
  /** A list of secrets that come with the bootstrap. */
  readonly secrets?: string;
  /** Fields of the bootstrap itself. */
  readonly bootstrap?: string;
  /** Whether `<folder>` holds ca, server, client and stranger certificates (see certificates.ts). */
  readonly certificates?: boolean;
  /** Further ports by name for holes of the fragments, other ones for each proxy. */
  readonly ports?: (subject: SubjectName) => Readonly<Record<string, number>>;
  /** Files in `<folder>` from the start. */
  readonly files?: Readonly<Record<string, string>>;
  /** Names of counters and gauges that must agree after all cases. */
  readonly statistics?: RegExp;
  readonly cases: readonly Case[];
};

export type SubjectName = 'envoy' | 'tulle';

export type ListenerFragment = {
  /** Fields of the connection manager; null takes one away. */
  readonly manager?: string;
  /** A list of HTTP filters before the router. */
  readonly filters?: string;
  /** Fields of the listener itself. */
  readonly listener?: string;
  /** Fields of the filter chain, such as its transport socket, or `filters` in place of the connection manager. */
  readonly chain?: string;
};

export type Case = {
  readonly name: string;
  readonly listener?: string;
  /** Whole requests, one response each, sent in turn on one connection. `:<a>` becomes the port of an upstream, or `<dead>`. */
  readonly send: string | readonly string[];
  /** Sends all of `send` at once. */
  readonly pipelined?: boolean;
  /** Checks that the connection closes after the last response. */
  readonly closes?: boolean;
  readonly tls?: (files: CertificateFiles) => ConnectionOptions;
  /** Replies of upstreams by name; others answer 200 and their name. */
  readonly script?: Readonly<Record<string, readonly Reply[]>>;
  readonly wants: Wants;
};

/** What must be seen with Envoy, so that a case cannot pass because both fail alike. */
export type Wants = {
  /** Of each response. */
  readonly status: Outcome | readonly Outcome[];
  /** Names of upstreams in the order their requests came in; [] when nothing may reach one. */
  readonly reached?: readonly string[];
  readonly body?: string;
  /** Response headers, of the last response. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** First request as the upstream saw it. */
  readonly seen?: { readonly startLine?: string; readonly headers?: Readonly<Record<string, string | null>> };
  /** Response flags in the access log. */
  readonly flags?: string;
};

/** A status; with `cut` when the connection ended in the body, `closed` when there was no response. A reset counts as an end: which of the two a client sees is a matter of timing. */
export type Outcome = number | `${number} cut` | 'closed';

/** PEM by file name without extension: `client`, `client-key`. */
export type CertificateFiles = Readonly<Record<string, string>>;

type RequestOptions = { readonly host?: string; readonly headers?: readonly string[]; readonly body?: string };

/** `options.headers` are whole lines, `Name: value`. `<case>` lets the access log be told apart. */
export function request(method: string, target: string, options: RequestOptions = {}): string {
  const { host = 'test.local', headers = [], body } = options;
  const length = body === undefined ? [] : [`content-length: ${body.length}`];
  const lines = [`${method} ${target} HTTP/1.1`, `host: ${host}`, 'x-case: <case>', ...headers, ...length];
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}

export function get(target: string, ...headers: string[]): string {
  return request('GET', target, { headers });
}

/** Lines joined by CRLF, for requests that are wrong on purpose. */
export function lines(...all: string[]): string {
  return all.join('\r\n');
}
