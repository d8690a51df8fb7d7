// Pages of the reference list every field of their part of the API that is refused. The lists are held to the descriptors here, so that
// neither a field that was built stays on them nor one that came with a newer API is missing.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { types } from '../../xds/descriptors/types.ts';
import { supportedFields } from './supported-fields.ts';

const pages: readonly { readonly page: string; readonly messages: RegExp }[] = [
  {
    page: 'routing.md',
    messages:
      /^envoy\.(config\.route\.v3|config\.core\.v3\.HeaderValue|type\.matcher\.v3|extensions\.(retry|internal_redirect|path|router|rate_limit_descriptors|filters\.http\.(router|cors)))\b/,
  },
  {
    page: 'http.md',
    messages:
      /^envoy\.(extensions\.filters\.network\.http_connection_manager\.v3|config\.core\.v3\.(Http[12]?ProtocolOptions|SchemeHeaderTransformation|UpstreamHttpProtocolOptions|KeepaliveSettings)|extensions\.(upstreams\.http\.v3|http\.(original_ip_detection|early_header_mutation)|request_id))\b/,
  },
  {
    page: 'telemetry.md',
    messages:
      /^envoy\.(config\.(accesslog|trace)\.v3|config\.core\.v3\.(SubstitutionFormatString|JsonFormatOptions)|type\.(tracing|metadata)\.v3|extensions\.(access_loggers|tracers|formatter))\b/,
  },
  {
    page: 'balancing.md',
    messages:
      /^envoy\.(config\.cluster\.v3|config\.endpoint\.v3\.(ClusterLoadAssignment|LbEndpoint|Endpoint|LocalityLbEndpoints)|config\.core\.v3\.(HealthCheck|BindConfig|ExtraSourceAddress|DnsResolverOptions|DnsResolutionConfig)|extensions\.(clusters|common\.dynamic_forward_proxy|load_balancing_policies|network\.dns_resolver|health_check|health_checkers|outlier_detection_monitors|upstreams))\b/,
  },
  {
    page: 'connections.md',
    messages:
      /^envoy\.(config\.listener\.v3|config\.core\.v3\.(Address|SocketAddress|Pipe|SocketOption|TcpKeepalive|ProxyProtocol|TlvEntry|TransportSocket|WatchedDirectory)|type\.v3\.HashPolicy|extensions\.(transport_sockets|filters\.listener|filters\.network\.(connection_limit|direct_response|echo|ext_authz|local_ratelimit|ratelimit|rbac|set_filter_state|sni_cluster|tcp_proxy)))\b/,
  },
];

describe('refused fields', () => {
  test.each(pages)('of $page', ({ page, messages }) => {
    const text = readFileSync(join(import.meta.dirname, '../../../docs/reference', page), 'utf8');
    expect(listedIn(text)).toEqual(refused(messages));
  });
});

/** What stands under the heading, line by line. */
function listedIn(text: string): readonly string[] {
  const [, section = ''] = text.split('\n## Refused fields\n');
  return section
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('- `'));
}

function refused(messages: RegExp): readonly string[] {
  return [...types]
    .filter((type) => type.kind === 'message' && messages.test(type.typeName) && !isPartOfRefused(type.typeName))
    .flatMap(({ typeName }) => {
      const names = refusedNames(typeName).map((name) => `\`${name}\``);
      if (names.length === 0) return [];
      return [`- \`${typeName}\`: ${supportedFields.has(typeName) ? names.join(', ') : 'all'}`];
    })
    .sort();
}

function refusedNames(typeName: string): readonly string[] {
  const supported = supportedFields.get(typeName);
  const names = types.message(typeName).fields.map(({ name }) => name);
  return names.filter((name) => supported?.has(name) !== true);
}

/** Declared in a message that is refused whole. */
function isPartOfRefused(typeName: string): boolean {
  const outer = typeName.slice(0, typeName.lastIndexOf('.'));
  return types.getMessage(outer) !== undefined && refusedNames(outer).length > 0 && !supportedFields.has(outer);
}
