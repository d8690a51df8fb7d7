// Counters of PROXY headers under Envoy's names: `proxy_proto.[<stat_prefix>.]<field>`, and those of each version of the header.
import type { FilterScope } from '../../filter/filter.ts';
import type { ProxyHeaderRead } from './proxy-protocol.ts';

class FoundStats {
  not_found_allowed = 0;
  not_found_disallowed = 0;
}

class VersionStats {
  found = 0;
  disallowed = 0;
  error = 0;
}

/** `allowed`: the connection goes on. */
export function countHeader(
  read: Exclude<ProxyHeaderRead, { kind: 'more' }>,
  allowed: boolean,
  statPrefix: string,
  statsOf: FilterScope['stats'],
): void {
  const prefix = statPrefix === '' ? 'proxy_proto' : `proxy_proto.${statPrefix}`;
  if (read.kind === 'none') {
    statsOf(prefix, () => new FoundStats())[allowed ? 'not_found_allowed' : 'not_found_disallowed'] += 1;
    return;
  }
  const stats = statsOf(`${prefix}.versions.v${read.version}`, () => new VersionStats());
  stats[read.kind === 'broken' ? 'error' : 'found'] += 1;
  if (read.kind === 'header' && !allowed) stats.disallowed += 1;
}
