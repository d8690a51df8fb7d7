// HTTPRoute → RouteSet: where it attaches, and its rules.
import type { RouteAttachment, RouteSet } from '../../model/route.ts';
import type { Hostname, Port } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { hostname, name, port, text } from '../field/values.ts';
import { serviceHost } from '../service-host.ts';
import { defaultMatch } from './http-match.ts';
import { readHttpRule } from './http-rule.ts';

export function readHttpRoute(root: Fields): RouteSet | null {
  return root.requireObject('spec', (spec) => {
    const hosts = spec.list('hostnames', hostname);
    // Without its host names a route would answer for every host.
    const noHostLeft = spec.has('hostnames') && hosts.length === 0 && spec.failed;
    const attachments = spec.objects('parentRefs', (ref) => readParent(ref, hosts)).filter((item) => item !== null);
    if (!spec.has('parentRefs')) spec.warn('', 'note', 'parentRefs is missing: the route applies nowhere');
    const rules = spec.has('rules') ? spec.objects('rules', readHttpRule).filter((rule) => rule !== null) : null;
    spec.unsupported('useDefaultGateways');
    if (noHostLeft) return null;
    const set = { origin: root.origin(), created: root.source.created, order: 'specificity' as const };
    return { ...set, attachments, rules: rules ?? [emptyRule(spec)] };
  });
}

/** `rules` absent: one rule for every path, and it has no backend. */
function emptyRule(spec: Fields): RouteSet['rules'][number] {
  spec.warn('', 'note', 'rules is missing: requests get 500');
  return {
    name: '',
    matches: [defaultMatch(spec.origin())],
    action: { kind: 'fail', status: 500, reason: 'no backends' },
    requestHeaders: { set: [], add: [], remove: [] },
    responseHeaders: { set: [], add: [], remove: [] },
    timeout: { kind: 'default' },
    retry: { kind: 'default' },
    fault: null,
    origin: spec.origin(),
  };
}

const GATEWAY_GROUP = 'gateway.networking.k8s.io';

function readParent(ref: Fields, hosts: readonly Hostname[]): RouteAttachment | null {
  const group = ref.get('group', text) ?? GATEWAY_GROUP;
  const kind = ref.get('kind', name) ?? 'Gateway';
  const parent = ref.require('name', name);
  const namespace = ref.get('namespace', name) ?? ref.source.namespace;
  const section = ref.get('sectionName', name);
  const number = ref.get('port', port);
  if (parent === null || ref.failed) return null;
  if (group === GATEWAY_GROUP && kind === 'Gateway') {
    const gateway = { namespace, name: parent };
    return { kind: 'gateway', gateway, section, port: number, hosts, origin: ref.origin() };
  }
  if ((group === '' || group === 'core') && kind === 'Service')
    return readServiceParent(ref, parent, namespace, number);
  ref.error('', 'unsupported', `parents of kind ${kind} (group ${group || 'core'}) are not applied yet`);
  return null;
}

/** GAMMA: in the service's own namespace a route is for everybody, elsewhere for the clients of its own namespace. */
function readServiceParent(
  ref: Fields,
  parent: string,
  namespace: string,
  number: Port | null,
): RouteAttachment | null {
  const own = ref.source.namespace;
  const host = serviceHost(parent, namespace);
  if (host === null) {
    ref.error('', 'invalid', `${namespace}/${parent} is not the name of a service`);
    return null;
  }
  if (ref.has('sectionName')) ref.warn('sectionName', 'unsupported', 'sectionName of a Service is not applied yet');
  const clients = namespace === own ? ({ kind: 'all' } as const) : ({ kind: 'namespaces', names: [own] } as const);
  return { kind: 'service', host, port: number, clients, origin: ref.origin() };
}
