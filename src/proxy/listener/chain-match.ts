// Which filter chain a connection gets: the listener's matcher says, or Envoy's criteria in Envoy's order, each keeping only the chains that match it best.
// https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/listener/v3/listener_components.proto#config-listener-v3-filterchainmatch

import type { ChainMatcher } from '../config/chain-matcher.ts';
import type { AddressRange, ChainMatch } from '../config/listener-types.ts';
import { isLocal } from '../matching/connection-inputs.ts';
import type { ConnectionTraits } from './traits.ts';

type Matched = { readonly config: { readonly match: ChainMatch } };
type Named = { readonly config: { readonly name: string } };

/** null: no chain and no default, the connection is closed. */
export type ChainChoice<C> = (traits: ConnectionTraits) => C | null;

/** By the name that a matcher says. It may name a chain that is not there, which is no reason to take the default one. */
export function chooseByMatcher<C extends Named>(
  match: ChainMatcher,
  chains: readonly C[],
  fallback: C | null,
): ChainChoice<C> {
  const byName = new Map(chains.map((chain) => [chain.config.name, chain]));
  return (traits) => {
    const name = match(traits);
    return name === null ? fallback : (byName.get(name) ?? null);
  };
}

/** Negative is no match, 0 is a chain that does not care, more is more specific. */
type Rank = (match: ChainMatch, traits: ConnectionTraits) => number;

const CRITERIA: readonly Rank[] = [
  ({ destinationPort }, { destination }) =>
    destinationPort === null ? 0 : destinationPort === destination.port ? 1 : -1,
  ({ destinationRanges }, { destination }) => rangeRank(destinationRanges, destination.address),
  ({ serverNames }, { serverName }) => listRank(serverNames, (pattern) => patternRank(pattern, serverName)),
  ({ transport }, traits) => (transport === '' ? 0 : transport === traits.transport ? 1 : -1),
  ({ applicationProtocols }, traits) => protocolRank(applicationProtocols, traits.applicationProtocols),
  ({ directSourceRanges }, { directSource }) => rangeRank(directSourceRanges, directSource.address),
  ({ sourceType }, traits) =>
    sourceType === 'any'
      ? 0
      : (sourceType === 'local') === isLocal(traits.source.address, traits.destination.address)
        ? 1
        : -1,
  ({ sourceRanges }, { source }) => rangeRank(sourceRanges, source.address),
  ({ sourcePorts }, { source }) => listRank(sourcePorts, (port) => (port === source.port ? 1 : -1)),
];

/** null: no chain and no default, the connection is closed. It never returns to a chain that an earlier criterion left behind. */
export function matchChain<C extends Matched>(
  chains: readonly C[],
  fallback: C | null,
  traits: ConnectionTraits,
): C | null {
  let left = chains;
  for (const rank of CRITERIA) {
    if (left.length === 0) break;
    left = best(left, (match) => rank(match, traits));
  }
  return left[0] ?? fallback;
}

/** Those with the highest rank. */
function best<C extends Matched>(chains: readonly C[], rank: (match: ChainMatch) => number): readonly C[] {
  if (chains.length === 1) return rank(chains[0]!.config.match) < 0 ? [] : chains;
  const ranks = chains.map((chain) => rank(chain.config.match));
  const highest = Math.max(...ranks);
  return highest < 0 ? [] : chains.filter((_, i) => ranks[i] === highest);
}

function listRank<T>(wanted: readonly T[], rank: (one: T) => number): number {
  return wanted.length === 0 ? 0 : Math.max(...wanted.map(rank));
}

function rangeRank(ranges: readonly AddressRange[], address: string): number {
  return listRank(ranges, (range) => (range.contains(address) ? range.bits + 1 : -1));
}

/** Exact beats a longer suffix beats a shorter one. */
function patternRank(pattern: string, name: string): number {
  if (name === '') return -1;
  if (pattern === name) return Number.MAX_SAFE_INTEGER;
  return pattern.startsWith('*.') && name.endsWith(pattern.slice(1)) ? pattern.length : -1;
}

/** The client's first choice counts. */
function protocolRank(wanted: readonly string[], offered: readonly string[]): number {
  return listRank(wanted, (protocol) => {
    const at = offered.indexOf(protocol);
    return at === -1 ? -1 : offered.length - at;
  });
}
