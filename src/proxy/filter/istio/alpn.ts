// The filter istio.alpn: what a sidecar offers an upstream in a TLS handshake, by the HTTP that is to be spoken. A sidecar at the other end chooses its
// filter chain by it.
import {
  type FilterConfig,
  FilterConfigSchema,
  FilterConfig_Protocol as Protocol,
} from '../../../xds/gen/istio/alpn/config_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { UpstreamHttpConfig } from '../../config/types.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { Protocol as HttpProtocol } from '../../http/message.ts';
import { chosenCluster } from '../../route/chosen-cluster.ts';
import { compiler, type FilterKind } from '../define.ts';
import type { HttpFilter } from '../filter.ts';

export const istioAlpn: FilterKind = { chain: compiler(FilterConfigSchema, createAlpn), route: null };

const PROTOCOLS: ReadonlyMap<Protocol, HttpProtocol> = new Map([
  [Protocol.HTTP10, 'HTTP/1.0'],
  [Protocol.HTTP11, 'HTTP/1.1'],
  [Protocol.HTTP2, 'HTTP/2'],
]);

function createAlpn({ alpnOverride }: FilterConfig, name: string, path: string): HttpFilter {
  const offers = new Map<HttpProtocol, readonly string[]>();
  mapAt(alpnOverride, at(path, 'alpn_override'), (one, where) => {
    const spoken = PROTOCOLS.get(one.upstreamProtocol);
    if (spoken === undefined) throw new ConfigError(at(where, 'upstream_protocol'), 'is not known');
    // The first counts, as in Istio.
    if (!offers.has(spoken) && one.alpnOverride.length > 0) offers.set(spoken, one.alpnOverride);
  });
  return {
    name,
    request(exchange, { clusters, random }) {
      const cluster = clusters.get(chosenCluster(exchange, random) ?? '');
      if (cluster !== undefined)
        exchange.upstreamAlpn = offers.get(spokenTo(cluster.config.http.protocol, exchange)) ?? null;
      return undefined;
    },
  };
}

/** Where the handshake decides, HTTP/2 is what is offered first. */
function spokenTo(protocol: UpstreamHttpConfig['protocol'], { request }: Exchange): HttpProtocol {
  if (protocol === 'http1') return 'HTTP/1.1';
  return protocol === 'downstream' ? request.protocol : 'HTTP/2';
}
