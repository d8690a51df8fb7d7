// FilterChainMatch → ChainMatch, and the rule that no two chains of a listener may match the same.
import { compileCidr } from '../../lib/cidr.ts';
import type { CidrRange } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import {
  type FilterChainMatch,
  FilterChainMatch_ConnectionSourceType as SourceType,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import type { AddressRange, ChainMatch } from './listener-types.ts';

export function decodeMatch(match: FilterChainMatch | undefined, path: string): ChainMatch {
  const transport = match?.transportProtocol ?? '';
  if (transport !== '' && transport !== 'tls' && transport !== 'raw_buffer') {
    throw new ConfigError(at(path, 'transport_protocol'), `${transport} is not supported (hint: tls, raw_buffer)`);
  }
  const ranges = (field: string, list: readonly CidrRange[] = []) => mapAt(list, at(path, field), decodeRange);
  return {
    destinationPort: decodePort(match?.destinationPort, at(path, 'destination_port')),
    destinationRanges: ranges('prefix_ranges', match?.prefixRanges),
    serverNames: mapAt(match?.serverNames ?? [], at(path, 'server_names'), decodeServerName),
    transport,
    applicationProtocols: match?.applicationProtocols ?? [],
    directSourceRanges: ranges('direct_source_prefix_ranges', match?.directSourcePrefixRanges),
    sourceType: decodeSourceType(match?.sourceType),
    sourceRanges: ranges('source_prefix_ranges', match?.sourcePrefixRanges),
    sourcePorts: match?.sourcePorts ?? [],
  };
}

/** Lists stand for each of their members: two chains must not share one combination of all criteria. */
export function refuseSameMatch(chains: readonly { readonly match: ChainMatch }[]): void {
  const seen = new Map<string, number>();
  chains.forEach(({ match }, i) => {
    for (const key of combinations(match)) {
      const other = seen.get(key);
      if (other !== undefined && other !== i) {
        throw new ConfigError(
          `filter_chains[${i}].filter_chain_match`,
          `is the same as that of filter_chains[${other}] for some connections`,
        );
      }
      seen.set(key, i);
    }
  });
}

/** More than this many keys per chain are compared as one. */
const MOST_COMBINATIONS = 10_000;

function combinations(match: ChainMatch): string[] {
  const texts = (ranges: readonly AddressRange[]) => ranges.map(({ text }) => text);
  const lists: readonly (readonly (string | number)[])[] = [
    texts(match.destinationRanges),
    match.serverNames,
    match.applicationProtocols,
    texts(match.directSourceRanges),
    texts(match.sourceRanges),
    match.sourcePorts,
  ];
  const head = `${match.destinationPort}|${match.transport}|${match.sourceType}`;
  const count = lists.reduce((product, list) => product * Math.max(1, list.length), 1);
  if (count > MOST_COMBINATIONS) return [JSON.stringify([head, lists])];
  return lists.reduce<string[]>(
    (keys, list) => keys.flatMap((key) => (list.length === 0 ? [`${key}|`] : list.map((one) => `${key}|${one}`))),
    [head],
  );
}

/** As RFC 4632 writes it, host bits cleared: Envoy truncates the address to the prefix. */
function decodeRange(range: CidrRange, path: string): AddressRange {
  const bits = range.prefixLen ?? 0;
  const contains = compileCidr(range.addressPrefix, bits);
  if (contains === null) throw new ConfigError(path, `${range.addressPrefix}/${bits} is no address range`);
  return { text: `${range.addressPrefix}/${bits}`, bits, contains };
}

function decodePort(port: number | undefined, path: string): number | null {
  if (port === undefined) return null;
  if (port < 1 || port > 65_535) throw new ConfigError(path, `${port} is not a port (hint: 1-65535)`);
  return port;
}

function decodeServerName(name: string, path: string): string {
  if (!/^(\*\.)?[^*]+$/.test(name)) throw new ConfigError(path, `${name} is neither exact nor *.suffix`);
  return name.toLowerCase();
}

function decodeSourceType(type: SourceType | undefined): ChainMatch['sourceType'] {
  if (type === SourceType.SAME_IP_OR_LOOPBACK) return 'local';
  return type === SourceType.EXTERNAL ? 'external' : 'any';
}
