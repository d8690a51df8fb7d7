// Istio Gateway → model Gateway: one listener per server and host.
import type { Gateway, GatewayListener } from '../../model/gateway.ts';
import type { Hostname, Port } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { bad, good, type Parser, refine } from '../field/parser.ts';
import { boolean, hostname, name, port, text } from '../field/values.ts';

export function readGateway(root: Fields): Gateway | null {
  return root.requireObject('spec', (spec) => {
    const listeners = spec.objects('servers', readServer).flat();
    // Istio runs its gateways as pods that this selects; here each Gateway object is served by a proxy of its own.
    const selector = spec.map('selector', text);
    if (selector.length > 0) {
      spec.note('selector', 'a proxy of its own serves this Gateway, whatever the selector says');
    }
    return {
      namespace: root.source.namespace,
      name: root.source.name,
      className: 'istio',
      created: root.source.created,
      labels: Object.fromEntries(selector),
      listeners,
      origin: root.origin(),
    };
  });
}

type ServedHost = { readonly hostname: Hostname | null; readonly routesFrom: GatewayListener['routesFrom'] };

function readServer(server: Fields, index: number): GatewayListener[] {
  const bound = server.requireObject('port', readServerPort);
  const hosts = server.list('hosts', servedHost);
  const label = server.get('name', text) || bound?.name || `server-${index}`;
  server.object('tls', (tls) => {
    if (tls.get('httpsRedirect', boolean) === true) {
      tls.warn('httpsRedirect', 'unsupported', 'httpsRedirect is not applied yet: requests are served as they come');
    }
    // The rest concerns protocols whose servers are left out as a whole.
    tls.ignoreRest();
  });
  server.unsupported('bind', 'defaultEndpoint');
  if (bound?.supported !== true) return [];
  if (!server.has('hosts')) server.error('', 'invalid', 'hosts is missing', '"*" for every host');
  return hosts.map((host, position) => ({
    name: position === 0 ? label : `${label}-${position + 1}`,
    port: bound.number,
    protocol: 'http',
    ...host,
    origin: server.origin(),
  }));
}

const HTTP_PROTOCOLS = new Set(['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB']);
const OTHER_PROTOCOLS = new Set(['HTTPS', 'TLS', 'TCP', 'MONGO', 'MYSQL', 'REDIS', 'UDP', 'HTTP_PROXY', 'HBONE']);

function readServerPort(fields: Fields): { name: string; number: Port; supported: boolean } | null {
  const number = fields.require('number', port);
  const portName = fields.get('name', text) ?? '';
  const protocol = fields.require('protocol', name)?.toUpperCase() ?? '';
  fields.unsupported('targetPort');
  const supported = HTTP_PROTOCOLS.has(protocol);
  if (OTHER_PROTOCOLS.has(protocol)) {
    fields.warn('protocol', 'unsupported', `${protocol} servers are not applied yet: this one is left out`);
  } else if (!supported && protocol !== '') {
    fields.error('protocol', 'invalid', `unknown protocol ${protocol}`, 'HTTP, HTTPS, TLS, TCP …');
  }
  return number === null ? null : { name: portName, number, supported };
}

const LABEL_OF_NAME = 'kubernetes.io/metadata.name';

// `host`, `*/host` (every namespace), `./host` (its own) or `namespace/host`.
const servedHost: Parser<ServedHost> = refine(text, (written) => {
  const slash = written.indexOf('/');
  const from = slash < 0 ? '*' : written.slice(0, slash);
  const host = hostname(written.slice(slash + 1));
  if (!host.ok) return host;
  if (from === '') return bad('the namespace before "/" is empty', '"*/" is every namespace');
  return good({ hostname: host.value === '*' ? null : host.value, routesFrom: routesFrom(from) });
});

function routesFrom(namespace: string): GatewayListener['routesFrom'] {
  if (namespace === '*') return { kind: 'all' };
  if (namespace === '.') return { kind: 'same' };
  return { kind: 'selector', labels: { [LABEL_OF_NAME]: namespace } };
}
