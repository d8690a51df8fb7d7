// Filters that leave a word for those after them: sni_cluster and set_filter_state.

import type { FilterStateValue } from '../../xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import { FilterStateValue_SharedWithUpstream as Shared } from '../../xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import type { Config } from '../../xds/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { readSource } from '../config/values.ts';
import type { Exchange } from '../http/exchange.ts';
import { UPSTREAM_SERVER_NAME } from '../http/filter-state.ts';
import { compileFormat } from '../log/format.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import type { NetworkFilter } from './filter.ts';

const TCP_CLUSTER = 'envoy.tcp_proxy.cluster';
/** What they mean to others is text, whatever factory makes them. */
const KNOWN: ReadonlySet<string> = new Set([TCP_CLUSTER, UPSTREAM_SERVER_NAME]);

/** The server name a client asks for is the cluster it gets. */
export function createSniCluster(name: string): NetworkFilter {
  return noting(name, (record) => {
    const asked = record.downstream.serverName;
    if (asked !== '') set(record, TCP_CLUSTER, asked);
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
  const { key, value: source, factoryKey, skipIfEmpty } = value;
  if (key.case !== 'objectKey' || key.value === '') throw new ConfigError(at(path, 'object_key'), 'is empty');
  const known = KNOWN.has(key.value) || KNOWN.has(factoryKey) || factoryKey === 'envoy.string';
  if (!known) throw new ConfigError(at(path, 'object_key'), `${key.value} is not supported (hint: ${TCP_CLUSTER})`);
  if (value.sharedWithUpstream !== Shared.NONE) {
    throw new ConfigError(at(path, 'shared_with_upstream'), 'is not supported');
  }
  const here = at(path, 'format_string');
  const format = source.case === 'formatString' ? source.value.format : undefined;
  if (format?.case !== 'textFormatSource' && format?.case !== 'textFormat') {
    throw new ConfigError(here, 'must be a text format');
  }
  const text = format.case === 'textFormat' ? format.value : readSource(format.value, at(here, 'text_format_source'));
  const write = compileFormat(bytesOf(text), here, { missing: '' });
  return (record) => {
    const written = write(record, null, 0);
    if (written !== '' || !skipIfEmpty) set(record, key.value, written);
  };
}

function set(record: Exchange, key: string, value: string): void {
  record.filterState ??= new Map();
  record.filterState.set(key, value);
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
