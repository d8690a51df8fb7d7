// MeshTLSAuthentication and NetworkAuthentication → who they let in.
import type { Predicate, SourceTerm } from '../../model/policy.ts';
import { cidr } from '../field/address.ts';
import type { Fields } from '../field/fields.ts';
import { bad, good, type Parsed, type Parser, refine, show } from '../field/parser.ts';
import { name, oneOf, text } from '../field/values.ts';
import { all, any, never, not, term } from '../predicate.ts';

export function readMeshTls(root: Fields): Predicate<SourceTerm> {
  const who = root.requireObject('spec', (spec) => {
    const identities = spec.list('identities', identity);
    const refs = spec.objects('identityRefs', readIdentityRef).filter((ref) => ref !== null);
    if (!spec.has('identities') && !spec.has('identityRefs')) {
      spec.error('', 'invalid', 'has neither identities nor identityRefs: it lets nobody in');
    }
    return any([...identities, ...refs].map(term));
  });
  return who ?? never;
}

function readIdentityRef(ref: Fields): SourceTerm | null {
  const kind = ref.require('kind', oneOf('ServiceAccount', 'Namespace'));
  const named = ref.get('name', name);
  const namespace = ref.get('namespace', name) ?? ref.source.namespace;
  ref.get('group', text);
  if (kind === null || ref.failed) return null;
  if (kind === 'Namespace')
    return { kind: 'namespace', match: { kind: 'exact', value: named ?? ref.source.namespace } };
  // Without a name: every service account of the namespace.
  if (named === null) return { kind: 'namespace', match: { kind: 'exact', value: namespace } };
  return { kind: 'service-account', namespace, name: named };
}

const MARK = 'serviceaccount.identity';
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * `*`, `<sa>.<ns>.serviceaccount.identity.<control-ns>.<trust-domain>`, `*.<ns>.serviceaccount.identity.…`, or a SPIFFE id.
 * The names are aliases of this mesh's own identities, so the control plane's namespace and trust domain say nothing.
 */
export const identity: Parser<SourceTerm> = refine(text, (written): Parsed<SourceTerm> => {
  if (written === '*') return good({ kind: 'authenticated' });
  if (written.startsWith('spiffe://')) {
    return good({ kind: 'principal', match: { kind: 'exact', value: written.slice('spiffe://'.length) } });
  }
  const [account = '', namespace = '', ...rest] = written.split('.');
  const inMesh = rest.join('.').startsWith(`${MARK}.`) && LABEL.test(namespace);
  if (inMesh && account === '*') return good({ kind: 'namespace', match: { kind: 'exact', value: namespace } });
  if (inMesh && LABEL.test(account)) return good({ kind: 'service-account', namespace, name: account });
  return bad(`${show(written)} is not an identity`, 'as in web.shop.serviceaccount.identity.linkerd.cluster.local');
});

export function readNetworks(root: Fields): Predicate<SourceTerm> {
  const who = root.requireObject('spec', (spec) => {
    if (!spec.has('networks')) spec.error('', 'invalid', 'networks is missing: it lets nobody in');
    return readNetworkList(spec);
  });
  return who ?? never;
}

/** `networks[]{cidr, except[]}`; an entry that cannot be read in full lets nobody in. */
export function readNetworkList(parent: Fields): Predicate<SourceTerm> {
  const networks = parent.objects('networks', (network): Predicate<SourceTerm> | null => {
    const range = network.require('cidr', cidr);
    const except = network.list('except', cidr);
    if (range === null || network.failed) return null;
    const outside = except.map((cidr): Predicate<SourceTerm> => not(term({ kind: 'peer-ip', cidr })));
    return all([term({ kind: 'peer-ip', cidr: range }), ...outside]);
  });
  return any(networks.filter((network) => network !== null));
}
