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
import { oneOf, text } from '../field/values.ts';
import { all, always, any, term } from '../predicate.ts';

export type Server = {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly target: PolicyTarget;
  /** What the Server itself allows; other objects add to it. */
  readonly policy: AuthorizationPolicy;
};

const PROTOCOLS = ['unknown', 'HTTP/1', 'HTTP/2', 'gRPC', 'opaque', 'TLS'] as const;

/** null when it is not known which workloads it is about. */
export function readServer(root: Fields): Server | null {
  return root.requireObject('spec', (spec) => {
    const { namespace, name, labels } = root.source;
    const selected = spec.requireObject('podSelector', readPodSelector);
    const port = spec.require('port', portOrName);
    spec.get('proxyProtocol', oneOf(...PROTOCOLS));
    spec.unsupported('externalWorkloadSelector');
    const rules = accessRules(spec);
    if (selected === null || port === null) return null;
    const all = Object.keys(selected).length === 0;
    const workloads: PolicyTarget['workloads'] = all ? { kind: 'all' } : { kind: 'labels', labels: selected };
    const target: PolicyTarget = { namespace, workloads, port };
    return { namespace, name, labels, target, policy: { target, action: 'allow', rules, origin: root.origin() } };
  });
}

function readPodSelector(fields: Fields): Labels | null {
  const labels = Object.fromEntries(fields.map('matchLabels', text));
  if (fields.has('matchExpressions')) {
    fields.error('matchExpressions', 'unsupported', 'matchExpressions is not applied yet: the Server is left out');
  }
  fields.ignore('matchExpressions');
  return fields.failed ? null : labels;
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
