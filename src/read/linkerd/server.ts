// Server → the port it closes, and whom its accessPolicy lets in.
import type {
  AuthorizationPolicy,
  AuthorizationRule,
  PolicyTarget,
  Predicate,
  SourceTerm,
} from '../../model/policy.ts';
import type { Labels } from '../../model/service.ts';
import { parsePort } from '../../model/units.ts';
import type { Fields } from '../field/fields.ts';
import { parserOf } from '../field/parser.ts';
import { oneOf } from '../field/values.ts';
import { readLabelSelector } from '../label-selector.ts';
import { all, always, any, term } from '../predicate.ts';

export type Server = {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  /** null when it cannot be read: then nothing can be allowed on it. */
  readonly target: PolicyTarget | null;
  /** What the Server itself allows; other objects add to it. */
  readonly policy: AuthorizationPolicy;
};

const PROTOCOLS = ['unknown', 'HTTP/1', 'HTTP/2', 'gRPC', 'opaque', 'TLS'] as const;

/** When it is not known which workloads or ports it is about, all of its namespace is closed. */
export function readServer(root: Fields): Server | null {
  const spec = root.requireObject('spec', (fields) => ({ server: readSpec(root, fields) }));
  return spec === null ? serverOf(root, null, []) : spec.server;
}

function readSpec(root: Fields, spec: Fields): Server | null {
  // Workloads outside the cluster are not in the mesh.
  const isOutside = spec.has('externalWorkloadSelector') && !spec.has('podSelector');
  spec.unsupported('externalWorkloadSelector');
  const selector = isOutside ? null : spec.requireObject('podSelector', readLabelSelector);
  const port = spec.require('port', portOrName);
  spec.get('proxyProtocol', oneOf(...PROTOCOLS));
  const rules = accessRules(spec);
  if (isOutside) return null;
  if (selector === null || port === null) {
    spec.error('', 'invalid', 'what it is about cannot be read: it closes all of its namespace');
    return serverOf(root, null, []);
  }
  const selectsAll = Object.keys(selector.labels).length === 0 && selector.expressions.length === 0;
  const workloads: PolicyTarget['workloads'] = selectsAll ? { kind: 'all' } : { kind: 'labels', ...selector };
  return serverOf(root, { namespace: root.source.namespace, workloads, port }, rules);
}

function serverOf(root: Fields, target: PolicyTarget | null, rules: AuthorizationPolicy['rules']): Server {
  const { namespace, name, labels } = root.source;
  const everything: PolicyTarget = { namespace, workloads: { kind: 'all' }, port: { kind: 'any' } };
  const policy = { target: target ?? everything, action: 'allow' as const, rules, origin: root.origin() };
  return { namespace, name, labels, target, policy };
}

const portOrName = parserOf(
  'a port',
  (raw): PolicyTarget['port'] | null => {
    const number = parsePort(raw);
    if (number !== null) return { kind: 'number', port: number };
    return typeof raw === 'string' && raw !== '' ? { kind: 'name', name: raw } : null;
  },
  '1-65535, or the name of a container port',
);

const ACCESS = [
  'deny',
  'audit',
  'all-authenticated',
  'all-unauthenticated',
  'cluster-authenticated',
  'cluster-unauthenticated',
] as const;

/** Linkerd's own `clusterNetworks`. */
const CLUSTER_NETWORKS = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', 'fd00::/8'];

function accessRules(spec: Fields): AuthorizationRule[] {
  const access = spec.get('accessPolicy', oneOf(...ACCESS)) ?? 'deny';
  if (access === 'audit') spec.note('accessPolicy', 'lets everyone in, and the audit is not logged yet');
  const cluster: Predicate<SourceTerm> = any(CLUSTER_NETWORKS.map((cidr) => term({ kind: 'peer-ip', cidr })));
  const authenticated: Predicate<SourceTerm> = term({ kind: 'authenticated' });
  const who: Readonly<Record<typeof access, Predicate<SourceTerm> | null>> = {
    deny: null,
    audit: always,
    'all-authenticated': authenticated,
    'all-unauthenticated': always,
    'cluster-authenticated': all([authenticated, cluster]),
    'cluster-unauthenticated': cluster,
  };
  const allowed = who[access];
  return allowed === null ? [] : [{ who: allowed, what: always, origin: spec.origin('accessPolicy') }];
}
