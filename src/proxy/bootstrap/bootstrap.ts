// The bootstrap file → what this process starts from. Everything it says and we cannot do is refused.
import { create, type DescMessage, isFieldSet, type Message } from '@bufbuild/protobuf';
import { types } from '../../xds/descriptors/types.ts';
import {
  Bootstrap_DynamicResourcesSchema,
  type Bootstrap as BootstrapMessage,
  BootstrapSchema,
  ClusterManagerSchema,
  ClusterManager_OutlierDetectionSchema as OutlierSchema,
} from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { type Cluster, Cluster_DiscoveryType } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { type Node, NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type ApiConfigSource,
  ApiConfigSourceSchema,
  type ConfigSource as ConfigSourceMessage,
  ConfigSourceSchema,
} from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { DnsResolutionConfigSchema } from '../../xds/gen/envoy/config/core/v3/resolver_pb.ts';
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import type { Secret } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { refuseUnsupported } from '../config/check.ts';
import { ConfigError } from '../config/config-error.ts';
import { type ConfigSource, decodeSource } from '../config/config-source.ts';
import { type DnsResolverConfig, decodeDnsResolver, decodeResolution } from '../config/dns-resolver.ts';
import { decodeStreamSource, type StreamSource } from '../config/stream-source.ts';
import type { OverloadConfig } from '../overload/config.ts';
import { type AdminConfig, readAdmin } from './admin.ts';
import { BootstrapError } from './bootstrap-error.ts';
import { parseMessage, type Source } from './document.ts';
import { readExtensions } from './extensions.ts';
import { readOverload } from './overload-manager.ts';
import { readRuntime } from './runtime-config.ts';
import type { RuntimeLayers } from './runtime-layers.ts';
import { bootstrapSources, type CommandLine } from './sources.ts';
import { readStatsConfig, type StatsConfig } from './stats-config.ts';
import { readStatsSinks, type StatsSinks } from './stats-sinks.ts';

export type Bootstrap = {
  /** As read, for the config dump. */
  readonly message: BootstrapMessage;
  readonly node: Node;
  readonly admin: AdminConfig | null;
  readonly runtime: RuntimeLayers;
  readonly overload: OverloadConfig | null;
  readonly statsSinks: StatsSinks;
  readonly statsConfig: StatsConfig;
  readonly listeners: readonly Listener[];
  readonly clusters: readonly Cluster[];
  readonly secrets: readonly Secret[];
  readonly ads: StreamSource | null;
  readonly listenerSource: ConfigSource | null;
  readonly clusterSource: ConfigSource | null;
  /** Whom loads of clusters are reported to. */
  readonly loadStats: StreamSource | null;
  /** The cluster that this proxy is an endpoint of, for zone-aware routing; '' for none. */
  readonly localCluster: string;
  /** File that ejections of endpoints are told in; '' for none. */
  readonly outlierLog: string;
  /** Who is asked for addresses of names where a cluster does not say. */
  readonly dnsResolver: DnsResolverConfig;
  /** Metadata TULLE_CONCURRENCY: threads that carry traffic, 0 for one per core. */
  readonly concurrency: number;
  /** Metadata TULLE_AGENT: this process gets its own certificate. */
  readonly agent: AgentBootstrap | null;
};

export type AgentBootstrap = { readonly ca: string; readonly rootFile: string; readonly tokenFile: string };

/** Fields that are read. */
const readFields = new Set([
  'cluster_manager',
  'typed_dns_resolver_config',
  'dns_resolution_config',
  'node',
  'admin',
  'bootstrap_extensions',
  'static_resources',
  'dynamic_resources',
  'layered_runtime',
  'overload_manager',
  'stats_flush_interval',
  'stats_sinks',
  'stats_config',
]);

/** Fields that change nothing here, with the reason. */
const harmlessFields: Readonly<Record<string, string>> = {
  application_log_config: "the format of Envoy's own log",
  deferred_stat_options: 'a counter nobody has counted with takes no memory',
  inline_headers: 'how Envoy stores headers',
  memory_allocator_manager: "an allocator of Envoy's",
};

/** Rejects with a BootstrapError. */
export async function loadBootstrap(given: CommandLine): Promise<Bootstrap> {
  return readSources(await bootstrapSources(given));
}

/** Rejects with a BootstrapError. */
export function readBootstrap(text: string, file: string): Promise<Bootstrap> {
  return readSources([{ text, name: file }]);
}

async function readSources(sources: readonly Source[]): Promise<Bootstrap> {
  const message = await parseMessage(BootstrapSchema, sources, types);
  try {
    return bootstrapOf(message);
  } catch (error) {
    if (error instanceof BootstrapError || error instanceof ConfigError)
      throw new BootstrapError(`${sources[0]?.name}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** @throws BootstrapError without the name of the file. */
export function bootstrapOf(message: BootstrapMessage): Bootstrap {
  refuseUnread(message);
  readExtensions(message);
  const node = message.node ?? create(NodeSchema, {});
  const clusters = message.staticResources?.clusters ?? [];
  const ads = readAds(message.dynamicResources?.adsConfig, clusters);
  const listenerSource = readSource(message.dynamicResources?.ldsConfig, 'dynamic_resources.lds_config');
  const clusterSource = readSource(message.dynamicResources?.cdsConfig, 'dynamic_resources.cds_config');
  if (ads === null && (listenerSource?.place.kind === 'ads' || clusterSource?.place.kind === 'ads')) {
    throw new BootstrapError('dynamic_resources.ads_config: missing, but lds_config or cds_config uses ads');
  }
  if (ads !== null && node.id === '') throw new BootstrapError('node.id: missing, but ads_config is used');
  return {
    message,
    node,
    admin: readAdmin(message.admin),
    runtime: readRuntime(message),
    overload: readOverload(message.overloadManager),
    statsSinks: readStatsSinks(message),
    statsConfig: readStatsConfig(message),
    listeners: message.staticResources?.listeners ?? [],
    clusters,
    secrets: message.staticResources?.secrets ?? [],
    ads,
    listenerSource,
    clusterSource,
    ...readClusterManager(message),
    loadStats: readLoadStats(message.clusterManager?.loadStatsConfig, clusters),
    dnsResolver: readDnsResolver(message),
    concurrency: readConcurrency(node),
    agent: readAgent(node),
  };
}

/** Clusters are made when they come: that they could wait for their first request changes nothing for anybody. */
const MANAGER_FIELDS = [
  'local_cluster_name',
  'outlier_detection',
  'enable_deferred_cluster_creation',
  'load_stats_config',
];

function readClusterManager({ clusterManager }: BootstrapMessage): Pick<Bootstrap, 'localCluster' | 'outlierLog'> {
  if (clusterManager === undefined) return { localCluster: '', outlierLog: '' };
  refuseOthers(ClusterManagerSchema, clusterManager, MANAGER_FIELDS, 'cluster_manager');
  const { localClusterName: localCluster, outlierDetection: outlier } = clusterManager;
  if (outlier === undefined) return { localCluster, outlierLog: '' };
  refuseOthers(OutlierSchema, outlier, ['event_log_path'], 'cluster_manager.outlier_detection');
  return { localCluster, outlierLog: outlier.eventLogPath };
}

function readDnsResolver({ typedDnsResolverConfig, dnsResolutionConfig }: BootstrapMessage): DnsResolverConfig {
  const typed = decodeDnsResolver(typedDnsResolverConfig, 'typed_dns_resolver_config');
  if (typed !== null || dnsResolutionConfig === undefined) return typed ?? { kind: 'system' };
  refuseUnsupported(DnsResolutionConfigSchema, dnsResolutionConfig, 'dns_resolution_config');
  return decodeResolution(dnsResolutionConfig, 'dns_resolution_config');
}

function refuseOthers(schema: DescMessage, message: Message, read: readonly string[], path: string): void {
  const other = schema.fields.find((field) => isFieldSet(message, field) && !read.includes(field.name));
  if (other !== undefined) throw new BootstrapError(`${path}.${other.name}: not supported`);
}

function refuseUnread(message: BootstrapMessage): void {
  for (const field of BootstrapSchema.fields) {
    if (isFieldSet(message, field) && !readFields.has(field.name) && !(field.name in harmlessFields))
      throw new BootstrapError(`${field.name}: not supported`);
  }
  const resources = message.dynamicResources;
  const located = resources && DYNAMIC_LOCATORS.find((field) => isFieldSet(resources, field));
  if (located !== undefined) throw new BootstrapError(`dynamic_resources.${located.name}: not supported`);
}

const DYNAMIC_LOCATORS = Bootstrap_DynamicResourcesSchema.fields.filter(({ name }) => name.endsWith('_locator'));

function readAds(config: ApiConfigSource | undefined, clusters: readonly Cluster[]): StreamSource | null {
  if (config === undefined) return null;
  const at = 'dynamic_resources.ads_config';
  refuseUnsupported(ApiConfigSourceSchema, config, at);
  const ads = decodeStreamSource(config, at);
  const name = ads.target.cluster;
  const here = `${at}.grpc_services[0].envoy_grpc.cluster_name`;
  const cluster = clusters.find((one) => one.name === name);
  if (cluster === undefined) throw new BootstrapError(`${here}: no static cluster is called ${name}`);
  if (cluster.clusterDiscoveryType.value === Cluster_DiscoveryType.EDS)
    throw new BootstrapError(`${here}: ${name} is of type EDS, but its endpoints would come over its own stream`);
  return ads;
}

function readLoadStats(config: ApiConfigSource | undefined, clusters: readonly Cluster[]): StreamSource | null {
  if (config === undefined) return null;
  const at = 'cluster_manager.load_stats_config';
  refuseUnsupported(ApiConfigSourceSchema, config, at);
  const stream = decodeStreamSource(config, at);
  const { cluster } = stream.target;
  if (clusters.some(({ name }) => name === cluster)) return stream;
  throw new BootstrapError(`${at}.grpc_services[0].envoy_grpc.cluster_name: no static cluster is called ${cluster}`);
}

function readSource(config: ConfigSourceMessage | undefined, at: string): ConfigSource | null {
  if (config === undefined) return null;
  refuseUnsupported(ConfigSourceSchema, config, at);
  return decodeSource(config, at);
}

function readConcurrency({ metadata }: Node): number {
  const threads = metadata?.['TULLE_CONCURRENCY'] ?? 1;
  if (typeof threads === 'number' && Number.isInteger(threads) && threads >= 0) return threads;
  throw new BootstrapError('node.metadata.TULLE_CONCURRENCY: must be a number of threads (hint: 0 for one per core)');
}

function readAgent({ metadata }: Node): AgentBootstrap | null {
  const agent = metadata?.['TULLE_AGENT'];
  if (agent === undefined) return null;
  const at = 'node.metadata.TULLE_AGENT';
  if (typeof agent !== 'object' || agent === null || Array.isArray(agent))
    throw new BootstrapError(`${at}: must be an object`);
  const [ca, rootFile, tokenFile] = ['ca', 'rootFile', 'tokenFile'].map((key) => {
    const value = agent[key];
    if (typeof value === 'string' && value !== '') return value;
    throw new BootstrapError(`${at}.${key}: must be a string`);
  });
  return { ca: ca ?? '', rootFile: rootFile ?? '', tokenFile: tokenFile ?? '' };
}
