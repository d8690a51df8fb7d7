// The contract of an HTTP filter. Filters are compiled from xDS once per update and shared by all requests: state of a request lives in the Exchange.
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';

/** An answer given by the proxy itself. Body is UTF-8 text, sent as `text/plain` unless headers say otherwise. */
export type LocalReply = {
  readonly status: number;
  readonly body: string;
  readonly details: string;
  readonly flags: number;
  readonly headers: HeaderMap | null;
};

export type HttpFilter = {
  /** The name in the filter chain, as in `envoy.filters.http.rbac`; per-route configuration is found by it. */
  readonly name: string;
  /** Downstream to upstream, in chain order, once per request. Undefined goes on; a reply ends the request there. */
  request?(exchange: Exchange): LocalReply | undefined | Promise<LocalReply | undefined>;
  /** Upstream to downstream, in reverse order, once per response, local replies included. */
  response?(exchange: Exchange, head: ResponseHead): void;
};
