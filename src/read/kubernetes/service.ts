// Service → host, ports with their protocols, selector.
import type { Protocol, Service, ServicePort } from '../../model/service.ts';
import type { Port } from '../../model/units.ts';
import { audienceOf } from '../export-to.ts';
import type { Fields } from '../field/fields.ts';
import { bad, good, type Parser } from '../field/parser.ts';
import { name, oneOf, port, text } from '../field/values.ts';
import { serviceHost } from '../service-host.ts';

export function readService(root: Fields): Service | null {
  const { source } = root;
  const host = serviceHost(source.name, source.namespace);
  if (host === null) root.error('', 'invalid', 'its name is not a DNS label', 'lower-case letters, digits and "-"');
  const spec = root.requireObject('spec', readSpec);
  if (host === null || spec === null || spec.external) return null;
  return {
    namespace: source.namespace,
    name: source.name,
    host,
    ports: spec.ports,
    selector: spec.selector,
    annotations: source.annotations,
    clients: audienceOf(source.annotations['networking.istio.io/exportTo']?.split(',') ?? [], source.namespace),
    origin: root.origin(),
  };
}

type Spec = { readonly ports: ServicePort[]; readonly selector: Service['selector']; readonly external: boolean };

function readSpec(spec: Fields): Spec {
  const type = spec.get('type', oneOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'));
  const external = type === 'ExternalName';
  if (external) spec.warn('type', 'unsupported', 'ExternalName services are not applied yet');
  const headless = spec.get('clusterIP', text) === 'None';
  const selector = spec.map('selector', text);
  const ports = spec.objects('ports', readPort).filter((item) => item !== null);
  if (ports.length === 0 && !external && !headless)
    spec.warn('', 'invalid', 'the service has no ports', 'add spec.ports');
  // How the service looks from outside the mesh, and addresses, are the cluster's business.
  spec.ignoreRest();
  return { ports, selector: selector.length === 0 ? null : Object.fromEntries(selector), external };
}

function readPort(fields: Fields): ServicePort | null {
  const number = fields.require('port', port);
  const portName = fields.get('name', text) ?? '';
  const target = fields.get('targetPort', portOrName);
  const appProtocol = fields.get('appProtocol', text);
  const transport = fields.get('protocol', oneOf('TCP', 'UDP', 'SCTP')) ?? 'TCP';
  fields.ignore('nodePort');
  if (transport !== 'TCP') {
    fields.warn('protocol', 'unsupported', `${transport} ports are not proxied`);
    return null;
  }
  if (number === null || fields.failed) return null;
  return {
    name: portName,
    port: number,
    target: target ?? number,
    protocol: protocolOf(fields, appProtocol, portName),
  };
}

const portOrName: Parser<Port | string> = (raw) => {
  if (typeof raw === 'number') return port(raw);
  const parsed = name(raw);
  return parsed.ok ? good(parsed.value) : bad(parsed.message, '1-65535, or the name of a container port');
};

/** Words of Kubernetes, Istio, Linkerd and OSM; only those that say what the bytes are. */
const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  http: 'http',
  'http/1.1': 'http',
  'kubernetes.io/ws': 'http',
  http2: 'http2',
  h2c: 'http2',
  'kubernetes.io/h2c': 'http2',
  grpc: 'grpc',
  'grpc-web': 'http',
  https: 'tls',
  tls: 'tls',
  'kubernetes.io/wss': 'tls',
  tcp: 'tcp',
  'tcp-server-first': 'tcp',
  'linkerd.io/opaque': 'tcp',
  'linkerd.io/tcp': 'tcp',
  mongo: 'tcp',
  mysql: 'tcp',
  redis: 'tcp',
};

/** appProtocol, else the port name up to its first `-` (`tcp-server-first-` as a whole), else to be detected. */
function protocolOf(fields: Fields, appProtocol: string | null, portName: string): Protocol {
  if (appProtocol !== null) {
    const known = lookUp(appProtocol.toLowerCase());
    if (known === null) fields.note('appProtocol', `unknown protocol ${appProtocol}: it is detected`);
    return known ?? 'auto';
  }
  const [first = ''] = portName.split('-');
  return (portName.startsWith('grpc-web') ? lookUp('grpc-web') : lookUp(first.toLowerCase())) ?? 'auto';
}

const lookUp = (word: string): Protocol | null => (Object.hasOwn(PROTOCOLS, word) ? PROTOCOLS[word]! : null);
