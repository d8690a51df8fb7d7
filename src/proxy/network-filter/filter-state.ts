// Filters that leave a word for those after them: sni_cluster and set_filter_state.
import type { FilterStateValue } from '../../xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import type { Config } from '../../xds/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import { UPSTREAM_SERVER_NAME } from '../http/filter-state.ts';
import { compileFilterStateText } from '../log/filter-state-text.ts';
import type { NetworkFilter } from './filter.ts';

const TCP_CLUSTER = 'envoy.tcp_proxy.cluster';
/** What they mean to others is text, whatever factory makes them. */
const KNOWN: ReadonlySet<string> = new Set([TCP_CLUSTER, UPSTREAM_SERVER_NAME]);

/** The server name a client asks for is the cluster it gets. */
export function createSniCluster(name: string): NetworkFilter {
  return noting(name, (record) => {
    const asked = record.downstream.serverName;
    if (asked === '') return;
    record.filterState ??= new Map();
    record.filterState.set(TCP_CLUSTER, asked);
  });
}

export function createSetFilterState(config: Config, name: string, path: string): NetworkFilter {
  const lists = [
    mapAt(config.onNewConnection, at(path, 'on_new_connection'), compileValue),
    mapAt(config.onDownstreamTlsHandshake, at(path, 'on_downstream_tls_handshake'), compileValue),
    mapAt(config.onDownstreamData, at(path, 'on_downstream_data'), compileValue),
  ];
  const values = lists.flat();
  return noting(name, (record) => {
    for (const write of values) write(record);
  });
}

function compileValue(value: FilterStateValue, path: string): (record: Exchange) => void {
  const { factoryKey } = value;
  const text = compileFilterStateText(value, path, (key) => {
    const known = KNOWN.has(key) || KNOWN.has(factoryKey) || factoryKey === 'envoy.string';
    if (!known) throw new ConfigError(at(path, 'object_key'), `${key} is not supported (hint: ${TCP_CLUSTER})`);
  });
  return (record) => {
    text.leave(record);
  };
}

function noting(name: string, note: (record: Exchange) => void): NetworkFilter {
  return {
    name,
    start: () => ({
      admit(record) {
        note(record);
        return null;
      },
    }),
  };
}
