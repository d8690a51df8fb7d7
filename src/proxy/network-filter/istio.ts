// The network filters that Istio's control plane configures: istio.stats, and istio.metadata_exchange, in which two proxies that agree on it in the
// handshake write to each other of their workloads before everything else. This proxy never agrees to that, so that nothing is to be read or written.
import type { MetadataExchange } from '../../xds/gen/istio/metadata_exchange/config_pb.ts';
import type { PluginConfig } from '../../xds/gen/istio/stats/config_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { compileMetricRules } from '../log/metric-rules.ts';
import type { NetworkFilter, RunningNetworkFilter } from './filter.ts';

const PASSES: RunningNetworkFilter = { admit: () => null };

export function createIstioStats(config: PluginConfig, name: string, path: string): NetworkFilter {
  return { name, metrics: compileMetricRules(config, path), start: () => PASSES };
}

export function createMetadataExchange(config: MetadataExchange, name: string, path: string): NetworkFilter {
  return { name, shunsAlpn: exchangeProtocol(config, path), start: () => PASSES };
}

export function exchangeProtocol({ protocol }: MetadataExchange, path: string): string {
  if (protocol === '') throw new ConfigError(at(path, 'protocol'), 'is empty');
  return protocol;
}
