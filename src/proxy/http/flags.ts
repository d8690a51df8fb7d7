// Response flags, with Envoy's names (access log `%RESPONSE_FLAGS%`). One bit each in `Exchange.flags`.

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
} as const;

const NAMES: readonly (readonly [bit: number, name: string])[] = [
  [flag.noHealthyUpstream, 'UH'],
  [flag.upstreamConnectionFailure, 'UF'],
  [flag.upstreamOverflow, 'UO'],
  [flag.noRouteFound, 'NR'],
  [flag.upstreamRetryLimitExceeded, 'URX'],
  [flag.noClusterFound, 'NC'],
  [flag.durationTimeout, 'DT'],
  [flag.downstreamConnectionTermination, 'DC'],
  [flag.localReset, 'LR'],
  [flag.upstreamRemoteReset, 'UR'],
  [flag.upstreamConnectionTermination, 'UC'],
  [flag.delayInjected, 'DI'],
  [flag.faultInjected, 'FI'],
  [flag.rateLimited, 'RL'],
  [flag.unauthorizedExternalService, 'UAEX'],
  [flag.streamIdleTimeout, 'SI'],
  [flag.downstreamProtocolError, 'DPE'],
  [flag.upstreamProtocolError, 'UPE'],
  [flag.upstreamRequestTimeout, 'UT'],
  [flag.overloadManager, 'OM'],
];

/** `UF,URX`, or '-' when none is set. */
export function formatFlags(flags: number): string {
  if (flags === 0) return '-';
  return NAMES.filter(([bit]) => (flags & bit) !== 0)
    .map(([, name]) => name)
    .join(',');
}
