// TcpProxy → TcpProxyConfig.
import type {
  TcpProxy,
  TcpProxy_OnDemand,
  TcpProxy_TunnelingConfig,
} from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { decodeAccessLogs } from '../log/decode.ts';
import { compileFormat } from '../log/format.ts';
import { compileSubset } from '../route/cluster-choice.ts';
import { compileAdditions } from '../route/header-edits.ts';
import { bytesOf } from '../route/match/string-matcher.ts';
import { at, ConfigError, mapAt } from './config-error.ts';
import { decodeSource } from './config-source.ts';
import type { TcpProxyConfig, TunnelConfig } from './network-types.ts';
import { millis } from './values.ts';

const IDLE = 3_600_000;
const ON_DEMAND = 60_000;

/** Of a message that was checked already. */
export function decodeTcpProxy(proxy: TcpProxy, path: string): TcpProxyConfig {
  if (proxy.statPrefix === '') throw new ConfigError(at(path, 'stat_prefix'), 'is empty');
  const clusters = decodeClusters(proxy, path);
  const maxConnectAttempts = proxy.maxConnectAttempts ?? 1;
  if (maxConnectAttempts === 0) throw new ConfigError(at(path, 'max_connect_attempts'), 'must be more than 0');
  return {
    statPrefix: proxy.statPrefix,
    clusters,
    totalWeight: clusters.reduce((sum, { weight }) => sum + weight, 0),
    idleTimeout: millis(proxy.idleTimeout, IDLE, at(path, 'idle_timeout')),
    maxDuration: decodeDuration(proxy, at(path, 'max_downstream_connection_duration')),
    maxDurationJitter: decodeJitter(proxy, at(path, 'max_downstream_connection_duration_jitter_percentage')),
    maxConnectAttempts,
    hashSourceIp: decodeHash(proxy, at(path, 'hash_policy')),
    onDemand: proxy.onDemand ? decodeOnDemand(proxy.onDemand, at(path, 'on_demand')) : null,
    tunnel: proxy.tunnelingConfig ? decodeTunnel(proxy.tunnelingConfig, at(path, 'tunneling_config')) : null,
    accessLogs: decodeAccessLogs(proxy.accessLog, at(path, 'access_log')),
    onOpened: null,
    logOnConnected: proxy.accessLogOptions?.flushAccessLogOnConnected ?? proxy.flushAccessLogOnConnected,
  };
}

function decodeOnDemand({ odcdsConfig, timeout }: TcpProxy_OnDemand, path: string): TcpProxyConfig['onDemand'] {
  return {
    source: decodeSource(odcdsConfig, at(path, 'odcds_config')),
    timeout: millis(timeout, ON_DEMAND, at(path, 'timeout')),
  };
}

function decodeTunnel(config: TcpProxy_TunnelingConfig, path: string): TunnelConfig {
  const { hostname, usePost, postPath } = config;
  const place = at(path, 'hostname');
  if (hostname === '') throw new ConfigError(place, 'is empty');
  if (postPath !== '' && !usePost) throw new ConfigError(at(path, 'post_path'), 'is for use_post');
  const host = compileFormat(bytesOf(hostname), place, { missing: '' });
  const edits = compileAdditions(config.headersToAdd, at(path, 'headers_to_add'));
  return {
    hostOf: (record) => host(record, null, 0),
    postPath: usePost ? postPath || '/' : null,
    keepsHeaders: config.propagateResponseHeaders,
    keepsTrailers: config.propagateResponseTrailers,
    addHeaders(headers, record) {
      for (const edit of edits) edit(headers, record, null);
    },
  };
}

function decodeClusters(proxy: TcpProxy, path: string): TcpProxyConfig['clusters'] {
  const { clusterSpecifier: specifier, metadataMatch } = proxy;
  switch (specifier.case) {
    case 'cluster':
      if (specifier.value === '') throw new ConfigError(at(path, 'cluster'), 'is empty');
      return [{ name: specifier.value, weight: 1, subset: compileSubset([metadataMatch]) }];
    case 'weightedClusters': {
      const here = at(path, 'weighted_clusters.clusters');
      if (specifier.value.clusters.length === 0) throw new ConfigError(here, 'is empty');
      return mapAt(specifier.value.clusters, here, (cluster, place) => {
        if (cluster.name === '') throw new ConfigError(at(place, 'name'), 'is empty');
        if (cluster.weight < 1) throw new ConfigError(at(place, 'weight'), 'must be at least 1');
        const subset = compileSubset([metadataMatch, cluster.metadataMatch]);
        return { name: cluster.name, weight: cluster.weight, subset };
      });
    }
    default:
      throw new ConfigError(path, 'has no cluster');
  }
}

function decodeDuration({ maxDownstreamConnectionDuration: duration }: TcpProxy, path: string): number {
  const value = millis(duration, 0, path);
  if (duration !== undefined && value < 1) throw new ConfigError(path, 'must be at least 1 ms');
  return value;
}

function decodeJitter({ maxDownstreamConnectionDurationJitterPercentage: jitter }: TcpProxy, path: string): number {
  const percent = jitter?.value ?? 0;
  if (!(percent >= 0 && percent <= 100)) throw new ConfigError(path, `${percent} is no percentage (hint: 0-100)`);
  return percent / 100;
}

function decodeHash({ hashPolicy }: TcpProxy, path: string): boolean {
  if (hashPolicy.length > 1) throw new ConfigError(path, 'must be at most one');
  const specifier = hashPolicy[0]?.policySpecifier;
  if (specifier !== undefined && specifier.case !== 'sourceIp') {
    throw new ConfigError(`${path}[0]`, 'must be source_ip');
  }
  return specifier !== undefined;
}
