// Response flags under Envoy's names (access log `%RESPONSE_FLAGS%`). One bit each in `Exchange.flags`, which must stay a small integer: 31 are possible.

export const flag = {
  noHealthyUpstream: 1 << 0,
  upstreamConnectionFailure: 1 << 1,
  upstreamConnectionTermination: 1 << 2,
  upstreamOverflow: 1 << 3,
  upstreamRequestTimeout: 1 << 4,
  upstreamRemoteReset: 1 << 5,
  upstreamRetryLimitExceeded: 1 << 6,
  noRouteFound: 1 << 7,
  noClusterFound: 1 << 8,
  downstreamConnectionTermination: 1 << 9,
  downstreamProtocolError: 1 << 10,
  delayInjected: 1 << 11,
  faultInjected: 1 << 12,
  rateLimited: 1 << 13,
  unauthorizedExternalService: 1 << 14,
  streamIdleTimeout: 1 << 15,
  localReset: 1 << 16,
  overloadManager: 1 << 17,
  upstreamProtocolError: 1 << 18,
  durationTimeout: 1 << 19,
  failedLocalHealthCheck: 1 << 20,
  rateLimitServiceError: 1 << 21,
  invalidEnvoyRequestHeaders: 1 << 22,
  upstreamMaxStreamDurationReached: 1 << 23,
  responseFromCacheFilter: 1 << 24,
  noFilterConfigFound: 1 << 25,
  dnsResolutionFailed: 1 << 26,
  dropOverload: 1 << 27,
  downstreamRemoteReset: 1 << 28,
  unconditionalDropOverload: 1 << 29,
} as const;

/**
 * Envoy prints flags in the order they were set. Those that note something on the way (an injected delay, a retry that was not granted) come before
 * the one that ended the exchange, so that a fixed order says the same.
 */
const NAMES: readonly (readonly [bit: number, short: string, long: string])[] = [
  [flag.delayInjected, 'DI', 'DelayInjected'],
  [flag.faultInjected, 'FI', 'FaultInjected'],
  [flag.upstreamRetryLimitExceeded, 'URX', 'UpstreamRetryLimitExceeded'],
  [flag.upstreamOverflow, 'UO', 'UpstreamOverflow'],
  [flag.failedLocalHealthCheck, 'LH', 'FailedLocalHealthCheck'],
  [flag.noHealthyUpstream, 'UH', 'NoHealthyUpstream'],
  [flag.upstreamRequestTimeout, 'UT', 'UpstreamRequestTimeout'],
  [flag.localReset, 'LR', 'LocalReset'],
  [flag.upstreamRemoteReset, 'UR', 'UpstreamRemoteReset'],
  [flag.upstreamConnectionFailure, 'UF', 'UpstreamConnectionFailure'],
  [flag.upstreamConnectionTermination, 'UC', 'UpstreamConnectionTermination'],
  [flag.noRouteFound, 'NR', 'NoRouteFound'],
  [flag.rateLimited, 'RL', 'RateLimited'],
  [flag.unauthorizedExternalService, 'UAEX', 'UnauthorizedExternalService'],
  [flag.rateLimitServiceError, 'RLSE', 'RateLimitServiceError'],
  [flag.downstreamConnectionTermination, 'DC', 'DownstreamConnectionTermination'],
  [flag.streamIdleTimeout, 'SI', 'StreamIdleTimeout'],
  [flag.invalidEnvoyRequestHeaders, 'IH', 'InvalidEnvoyRequestHeaders'],
  [flag.downstreamProtocolError, 'DPE', 'DownstreamProtocolError'],
  [flag.upstreamMaxStreamDurationReached, 'UMSDR', 'UpstreamMaxStreamDurationReached'],
  [flag.responseFromCacheFilter, 'RFCF', 'ResponseFromCacheFilter'],
  [flag.noFilterConfigFound, 'NFCF', 'NoFilterConfigFound'],
  [flag.durationTimeout, 'DT', 'DurationTimeout'],
  [flag.upstreamProtocolError, 'UPE', 'UpstreamProtocolError'],
  [flag.noClusterFound, 'NC', 'NoClusterFound'],
  [flag.overloadManager, 'OM', 'OverloadManagerTerminated'],
  [flag.dnsResolutionFailed, 'DF', 'DnsResolutionFailed'],
  [flag.dropOverload, 'DO', 'DropOverload'],
  [flag.downstreamRemoteReset, 'DR', 'DownstreamRemoteReset'],
  [flag.unconditionalDropOverload, 'UDO', 'UnconditionalDropOverload'],
];

/** Bits of Envoy's numbers, by ours in order: what `response.flags` is in expressions (`CoreResponseFlag`). */
const NUMBERS: readonly number[] = [
  1, 5, 6, 7, 2, 4, 15, 8, 24, 14, 18, 9, 10, 11, 12, 16, 3, 25, 23, 22, 0, 13, 17, 19, 20, 21, 26, 27, 28, 29,
];

export function numberedFlags(flags: number): number {
  let numbered = 0;
  for (let bit = 0; flags >> bit !== 0; bit++) if ((flags >> bit) & 1) numbered |= 1 << NUMBERS[bit]!;
  return numbered;
}

/** `URX,UF`, or '-' when none is set. */
export function formatFlags(flags: number): string {
  return flags === 0 ? '-' : namesOf(flags, 1);
}

/** `UpstreamRetryLimitExceeded,UpstreamConnectionFailure`, or '-' when none is set. */
export function formatFlagsLong(flags: number): string {
  return flags === 0 ? '-' : namesOf(flags, 2);
}

/** The bit of a short name; undefined when Envoy has no such flag. */
export function flagNamed(short: string): number | undefined {
  return NAMES.find(([, name]) => name === short)?.[0];
}

function namesOf(flags: number, form: 1 | 2): string {
  return NAMES.filter(([bit]) => (flags & bit) !== 0)
    .map((names) => names[form])
    .join(',');
}
