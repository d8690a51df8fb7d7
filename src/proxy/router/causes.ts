// Every cause for which the proxy answers by itself, with Envoy's status, response flag, details and body. The one place for it.
import type { EndpointOverride } from '../balance/balancer.ts';
import type { LocalReply } from '../filter/filter.ts';
import { flag } from '../http/flags.ts';
import { HeaderMap } from '../http/headers.ts';
import type { AbortReason, CodecFault, ResetReason } from '../http/stream.ts';

/** Of gRPC. */
const DEADLINE_EXCEEDED = 4;

export const cause = {
  routeNotFound: reply(404, flag.noRouteFound, 'route_not_found', ''),
  noHealthyUpstream: reply(503, flag.noHealthyUpstream, 'no_healthy_upstream', 'no healthy upstream'),
  dropOverload: {
    ...reply(503, flag.dropOverload, 'drop_overload', 'drop overload'),
    headers: new HeaderMap(['x-envoy-drop-overload', 'true']),
  },
  /** Not by chance: the control plane wants all of them refused. */
  unconditionalDropOverload: {
    ...reply(503, flag.unconditionalDropOverload, 'unconditional_drop_overload', 'unconditional drop overload'),
    headers: new HeaderMap(['x-envoy-unconditional-drop-overload', 'true']),
  },
  responseTimeout: reply(504, flag.upstreamRequestTimeout, 'response_timeout', 'upstream request timeout'),
  perTryTimeout: reply(504, flag.upstreamRequestTimeout, 'upstream_per_try_timeout', 'upstream request timeout'),
  perTryIdleTimeout: reply(
    504,
    flag.upstreamRequestTimeout,
    'upstream_per_try_idle_timeout',
    'upstream request timeout',
  ),
  /** An exchange that takes longer than it may in all: before and after its request was complete. */
  requestDuration: downstreamDuration(408),
  responseDuration: downstreamDuration(504),
  /** The same of the upstream's part. */
  upstreamDurationEarly: upstreamDuration(408),
  upstreamDuration: upstreamDuration(504),
  /** The request stopped coming. */
  requestIdle: reply(408, flag.streamIdleTimeout, 'stream_idle_timeout', 'stream timeout'),
  /** The request was complete and nothing came back. */
  responseIdle: reply(504, flag.streamIdleTimeout, 'stream_idle_timeout', 'stream timeout'),
  pathNormalization: reply(400, 0, 'path_normalization_failed', ''),
  /** A target that is no path, as `OPTIONS *`, which no route can match. */
  absolutePath: reply(404, 0, 'absolute_path_rejected', ''),
  upgradeRefused: reply(403, 0, 'upgrade_failed', ''),
  overloaded: reply(503, 0, 'overload', 'envoy overloaded'),
  overloadedTold: {
    ...reply(503, 0, 'overload', 'envoy overloaded'),
    headers: new HeaderMap(['x-envoy-local-overloaded', 'true']),
  },
  filterFailed: reply(500, 0, 'filter_failed', ''),
  /** An exception while handling the request. */
  internalError: reply(500, 0, 'internal_error', ''),
} as const;

export function malformedControl(name: string, value: string): LocalReply {
  const body = `invalid header '${name}' with value '${value}'`;
  return reply(400, flag.invalidEnvoyRequestHeaders, 'request_headers_failed_strict_check', body);
}

/** Nothing of the request says where it comes from. */
export function clientNotDetected(status: number): LocalReply {
  return reply(status, 0, 'rejecting_because_detection_failed', '');
}

/** To where a path without escaped slashes leads. */
export function pathRedirect(path: string): LocalReply {
  return { ...reply(307, 0, 'path_normalization_failed', ''), headers: new HeaderMap(['location', path]) };
}

/** `override`: the endpoint the request had to go to. */
export function withoutEndpoint(override: EndpointOverride | null): LocalReply {
  const answer = cause.noHealthyUpstream;
  return override?.strict === true ? { ...answer, status: override.statusWithout ?? answer.status } : answer;
}

export function clusterNotFound(status: number): LocalReply {
  return reply(status, flag.noClusterFound, 'cluster_not_found', '');
}

/** The deadline of a gRPC client may be what ends it: that is told by its name. */
function downstreamDuration(status: number): LocalReply {
  const answer = reply(status, 0, 'max_duration_timeout', 'downstream duration timeout');
  return { ...answer, grpcStatus: DEADLINE_EXCEEDED };
}

function upstreamDuration(status: number): LocalReply {
  const words = 'upstream max stream duration reached';
  return reply(status, flag.upstreamMaxStreamDurationReached, words.replaceAll(' ', '_'), words);
}

/** Tells the client how many tries there were. */
export function withAttemptCount(answer: LocalReply, attempts: number): LocalReply {
  return {
    ...answer,
    headers: new HeaderMap([...(answer.headers?.fields ?? []), 'x-envoy-attempt-count', String(attempts)]),
  };
}

export function codecFault({ status, details, body, late }: CodecFault): LocalReply {
  if (late !== undefined) return reply(status, late === 'idle' ? flag.streamIdleTimeout : 0, details, body);
  return reply(status, body === '' ? 0 : flag.downstreamProtocolError, details, body);
}

/** The client left before its answer was complete: nothing can be answered, only noted. */
export const abort: Readonly<Record<AbortReason, { readonly flags: number; readonly details: string }>> = {
  disconnect: { flags: flag.downstreamConnectionTermination, details: 'downstream_remote_disconnect' },
  reset: { flags: flag.downstreamRemoteReset, details: 'http2.remote_reset' },
  'protocol-error': { flags: flag.downstreamProtocolError, details: 'http2.violation.of.messaging.rule' },
};

const RESETS: Readonly<Record<ResetReason, { status: number; flags: number; words: string }>> = {
  'connection-failure': { status: 503, flags: flag.upstreamConnectionFailure, words: 'remote connection failure' },
  'connection-timeout': { status: 503, flags: flag.upstreamConnectionFailure, words: 'connection timeout' },
  'connection-termination': {
    status: 503,
    flags: flag.upstreamConnectionTermination,
    words: 'connection termination',
  },
  'protocol-error': { status: 502, flags: flag.upstreamProtocolError, words: 'protocol error' },
  'remote-reset': { status: 503, flags: flag.upstreamRemoteReset, words: 'remote reset' },
  'refused-stream': { status: 503, flags: flag.upstreamRemoteReset, words: 'remote refused stream reset' },
  overflow: { status: 503, flags: flag.upstreamOverflow, words: 'overflow' },
};

/** The upstream failed before a response head. `detail` is the transport's; clients do not see it, logs do. */
export function upstreamReset(reason: ResetReason, detail: string, retried: boolean): LocalReply {
  const { status, flags, words } = RESETS[reason];
  return {
    status,
    flags,
    details: `upstream_reset_before_response_started{${resetDetails(reason, detail)}}`,
    body: `upstream connect error or disconnect/reset before headers. ${retried ? 'retried and the latest ' : ''}reset reason: ${words}`,
    headers: reason === 'overflow' ? new HeaderMap(['x-envoy-overloaded', 'true']) : null,
  };
}

/** Envoy's name of the reason. */
export function resetWords(reason: ResetReason): string {
  return RESETS[reason].words;
}

/** The upstream failed after its head was passed on: nothing can be answered any more, only noted. */
export function lateReset(reason: ResetReason): { readonly flags: number; readonly details: string } {
  return { flags: RESETS[reason].flags, details: `upstream_reset_after_response_started{${resetDetails(reason, '')}}` };
}

function resetDetails(reason: ResetReason, detail: string): string {
  const words = detail === '' ? RESETS[reason].words : `${RESETS[reason].words}|${detail}`;
  return words.replaceAll(' ', '_');
}

function reply(status: number, flags: number, details: string, body: string): LocalReply {
  return { status, flags, details, body, headers: null };
}
