// Which filter chain a connection gets: Envoy's rules, most specific first: destination port, server name, transport, application protocol.
import type { FilterChainConfig } from '../config/types.ts';

export type ConnectionTraits = {
  readonly port: number;
  readonly transport: 'tls' | 'raw_buffer';
  /** Lower case; '' when the client sent none or nobody looked. */
  readonly serverName: string;
  readonly applicationProtocols: readonly string[];
};

type Match = FilterChainConfig['match'];

/** null: no chain and no default, the connection is closed. */
export function matchChain<C extends { readonly config: FilterChainConfig }>(
  chains: readonly C[],
  fallback: C | null,
  traits: ConnectionTraits,
): C | null {
  // Each criterion keeps only the chains that match it best, as Envoy's nested maps do: it never returns to a less specific port or name.
  let left = best(chains, (match) => portRank(match, traits.port));
  left = best(left, (match) => serverNameRank(match, traits.serverName));
  left = best(left, (match) => (match.transport === '' ? 0 : match.transport === traits.transport ? 1 : -1));
  left = best(left, (match) => protocolRank(match, traits.applicationProtocols));
  return left[0] ?? fallback;
}

/** Those with the highest rank; a negative rank is no match. */
function best<C extends { readonly config: FilterChainConfig }>(
  chains: readonly C[],
  rank: (match: Match) => number,
): readonly C[] {
  const ranks = chains.map((chain) => rank(chain.config.match));
  const highest = Math.max(-1, ...ranks);
  return highest < 0 ? [] : chains.filter((_, i) => ranks[i] === highest);
}

function portRank(match: Match, port: number): number {
  if (match.destinationPort === null) return 0;
  return match.destinationPort === port ? 1 : -1;
}

/** Exact beats a longer suffix beats a shorter one beats none. */
function serverNameRank(match: Match, name: string): number {
  if (match.serverNames.length === 0) return 0;
  return Math.max(...match.serverNames.map((pattern) => patternRank(pattern, name)));
}

function patternRank(pattern: string, name: string): number {
  if (name === '') return -1;
  if (pattern === name) return Number.MAX_SAFE_INTEGER;
  return pattern.startsWith('*.') && name.endsWith(pattern.slice(1)) ? pattern.length : -1;
}

function protocolRank(match: Match, offered: readonly string[]): number {
  if (match.applicationProtocols.length === 0) return 0;
  return match.applicationProtocols.some((protocol) => offered.includes(protocol)) ? 1 : -1;
}
