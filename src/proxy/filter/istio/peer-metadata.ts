// The filter istio.metadata_exchange: proxies of Istio tell each other in headers which workload they belong to, for labels of metrics. What a peer
// says is not proven.
import {
  type Config,
  ConfigSchema,
  type Config_DiscoveryMethod as Discovery,
  type Config_PropagationMethod as Propagation,
} from '../../../xds/gen/istio/peer_metadata/config_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { HeaderMap } from '../../http/headers.ts';
import type { Peer } from '../../http/workload.ts';
import { Peers, tellPeer } from '../../log/peer.ts';
import { chosenCluster } from '../../route/chosen-cluster.ts';
import { compiler, type FilterKind, perScope } from '../define.ts';
import type { FilterScope, HttpFilter } from '../filter.ts';

export const peerMetadata: FilterKind = { chain: compiler(ConfigSchema, createPeerMetadata), route: null };

const ID = 'x-envoy-peer-metadata-id';
const METADATA = 'x-envoy-peer-metadata';

function createPeerMetadata(config: Config, name: string, path: string): HttpFilter {
  const readsClients = readsHeaders(config.downstreamDiscovery, at(path, 'downstream_discovery'));
  const readsUpstreams = readsHeaders(config.upstreamDiscovery, at(path, 'upstream_discovery'));
  const answers = tells(config.downstreamPropagation, at(path, 'downstream_propagation'));
  const asks = tells(config.upstreamPropagation, at(path, 'upstream_propagation'));
  const ownWord = perScope(({ node }) => ({ id: node.id, said: tellPeer(node.metadata, config.additionalLabels) }));
  const peers = new Peers();
  return {
    name,
    request(exchange, scope) {
      const { headers } = exchange.request;
      if (readsClients) exchange.downstreamPeer = take(headers, peers);
      if (asks !== null && !isDeaf(asks, exchange, scope)) {
        const { id, said } = ownWord(scope);
        headers.set(ID, id);
        headers.set(METADATA, said);
      }
      return undefined;
    },
    response(exchange, { headers }, scope) {
      if (readsUpstreams) exchange.upstreamPeer = take(headers, peers);
      const { downstreamPeer } = exchange;
      // Who did not say who it is learns nothing.
      if (answers === null || downstreamPeer === null || isDeaf(answers, exchange, scope)) return;
      const { id, said } = ownWord(scope);
      if (downstreamPeer.id !== '') headers.set(ID, id);
      if (downstreamPeer.said !== '') headers.set(METADATA, said);
    },
  };
}

/** Headers of the other end go no further. */
function take(headers: HeaderMap, peers: Peers): Peer | null {
  const [id = '', said = ''] = [headers.get(ID), headers.get(METADATA)];
  if (id === '' && said === '') return null;
  headers.remove(ID);
  headers.remove(METADATA);
  return peers.read(id, said);
}

/** Without an extension of the bootstrap, which is refused, Istio's proxy finds nothing by `workload_discovery` either. */
function readsHeaders(methods: readonly Discovery[], path: string): boolean {
  const kinds = mapAt(methods, path, ({ methodSpecifier }, where) => {
    if (methodSpecifier.case === undefined) throw new ConfigError(where, 'names no method');
    return methodSpecifier.case;
  });
  return kinds.includes('istioHeaders');
}

type Telling = { readonly skipsExternal: boolean };

/** null: nothing is told. */
function tells(methods: readonly Propagation[], path: string): Telling | null {
  const headers = mapAt(methods, path, ({ methodSpecifier }, where) => {
    if (methodSpecifier.case === undefined) throw new ConfigError(where, 'names no method');
    return methodSpecifier.value;
  });
  const [first] = headers;
  return first === undefined
    ? null
    : { skipsExternal: headers.every(({ skipExternalClusters }) => skipExternalClusters) };
}

/** The cluster is not to be told who asks: it is outside the mesh, or says so. */
function isDeaf({ skipsExternal }: Telling, exchange: Exchange, { clusters, random }: FilterScope): boolean {
  const cluster = chosenCluster(exchange, random);
  if (cluster === null) return false;
  if (skipsExternal && cluster === 'PassthroughCluster') return true;
  const said = clusters.get(cluster)?.config.metadata['istio'] as
    | { external?: unknown; disable_mx?: unknown }
    | undefined;
  return said?.disable_mx === true || (skipsExternal && said?.external === true);
}
