// Gateway → model Gateway. HTTP listeners for now.
import type { Gateway, GatewayListener } from '../../model/gateway.ts';
import type { Fields } from '../field/fields.ts';
import { hostname, name, oneOf, port, text } from '../field/values.ts';

export function readGateway(root: Fields): Gateway | null {
  return root.requireObject('spec', (spec) => {
    const className = spec.require('gatewayClassName', name);
    const listeners = spec.objects('listeners', readListener).filter((listener) => listener !== null);
    if (!spec.has('listeners')) spec.error('', 'invalid', 'listeners is missing');
    spec.unsupported('addresses', 'infrastructure', 'allowedListeners', 'defaultScope', 'tls');
    return {
      namespace: root.source.namespace,
      name: root.source.name,
      className: className ?? '',
      created: root.source.created,
      // As Istio labels the pods it makes for one.
      labels: { 'gateway.networking.k8s.io/gateway-name': root.source.name },
      listeners: withoutRepeated(spec, listeners),
      origin: root.origin(),
    };
  });
}

function readListener(listener: Fields): GatewayListener | null {
  const listenerName = listener.require('name', name);
  const number = listener.require('port', port);
  const protocol = listener.require('protocol', name);
  const host = listener.get('hostname', hostname);
  const allowed = listener.object('allowedRoutes', readAllowedRoutes) ?? { routesFrom: SAME, http: true };
  if (protocol !== null && protocol !== 'HTTP') {
    listener.warn('protocol', 'unsupported', `${protocol} listeners are not applied yet: this one is left out`);
    listener.ignore('tls');
    return null;
  }
  listener.unsupported('tls');
  if (!allowed.http) listener.warn('allowedRoutes', 'unsupported', 'no HTTPRoute may attach: the listener is left out');
  if (listenerName === null || number === null || listener.failed || !allowed.http) return null;
  return {
    name: listenerName,
    port: number,
    protocol: 'http',
    hostname: host,
    routesFrom: allowed.routesFrom,
    origin: listener.origin(),
  };
}

type RoutesFrom = GatewayListener['routesFrom'];
const SAME: RoutesFrom = { kind: 'same' };

function readAllowedRoutes(allowed: Fields): { routesFrom: RoutesFrom; http: boolean } {
  const routesFrom = allowed.object('namespaces', readNamespaces) ?? SAME;
  const kinds = allowed.objects('kinds', (entry) => {
    entry.get('group', text);
    return entry.require('kind', name);
  });
  return { routesFrom, http: kinds.length === 0 || kinds.includes('HTTPRoute') };
}

/** What cannot be read allows only the Gateway's own namespace. */
function readNamespaces(fields: Fields): RoutesFrom {
  const from = fields.get('from', oneOf('All', 'Same', 'Selector')) ?? 'Same';
  const labels = fields.object('selector', (selector) => {
    const pairs = Object.fromEntries(selector.map('matchLabels', text));
    selector.unsupported('matchExpressions');
    return selector.complete() ? pairs : null;
  });
  if (from === 'All') return { kind: 'all' };
  if (from === 'Same') return SAME;
  if (!fields.has('selector')) fields.error('', 'invalid', 'from is Selector, but selector is missing');
  return labels === null ? SAME : { kind: 'selector', labels };
}

function withoutRepeated(spec: Fields, listeners: readonly GatewayListener[]): GatewayListener[] {
  const byName = new Map<string, GatewayListener>();
  for (const listener of listeners) {
    if (!byName.has(listener.name)) byName.set(listener.name, listener);
    else spec.error('listeners', 'conflict', `two listeners are called ${listener.name}: the first is taken`);
  }
  return [...byName.values()];
}
