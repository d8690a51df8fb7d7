// Linkerd's AuthorizationPolicy → allow policies on the Servers it targets. All its authentications must let a client in.
import type { AuthorizationPolicy, Predicate, SourceTerm } from '../../model/policy.ts';
import type { Fields } from '../field/fields.ts';
import { name, text } from '../field/values.ts';
import { all, always, never, term } from '../predicate.ts';
import type { Server } from './server.ts';

/** By `namespace/name`. */
export type Authentications = {
  readonly meshTls: ReadonlyMap<string, Predicate<SourceTerm>>;
  readonly networks: ReadonlyMap<string, Predicate<SourceTerm>>;
};

export function readAuthorizationPolicy(
  root: Fields,
  servers: readonly Server[],
  authentications: Authentications,
): AuthorizationPolicy[] | null {
  return root.requireObject('spec', (spec) => {
    const own = servers.filter((server) => server.namespace === root.source.namespace);
    const targets = spec.requireObject('targetRef', (ref) => readTarget(ref, own)) ?? [];
    const required = spec.objects('requiredAuthenticationRefs', (ref) => readAuthentication(ref, authentications));
    if (!spec.has('requiredAuthenticationRefs')) {
      spec.error('', 'invalid', 'requiredAuthenticationRefs is missing: it lets nobody in', '[] lets everyone in');
    }
    const sound = spec.has('requiredAuthenticationRefs') && !spec.failed;
    const who = required.includes(never) || !sound ? never : all(required);
    const rules = [{ who, what: always, origin: root.origin() }];
    return targets.flatMap(({ target }) =>
      target === null ? [] : [{ target, action: 'allow' as const, rules, origin: root.origin() }],
    );
  });
}

/** A namespace as target means each of its Servers: ports without one stay as they are. */
function readTarget(ref: Fields, servers: readonly Server[]): readonly Server[] {
  ref.get('group', text);
  const kind = ref.require('kind', name);
  const named = ref.require('name', name);
  if (kind === null || named === null) return [];
  if (kind === 'Server') {
    const found = servers.filter((server) => server.name === named);
    if (found.length === 0) ref.error('name', 'dangling', `there is no Server ${named}`);
    return found;
  }
  if (kind === 'Namespace') {
    if (named === ref.source.namespace) return servers;
    ref.error('name', 'invalid', `is another namespace: ${named}`, 'only its own');
    return [];
  }
  ref.error('kind', 'unsupported', `targets of kind ${kind} are not applied yet: the policy lets nobody in`);
  return [];
}

function readAuthentication(ref: Fields, { meshTls, networks }: Authentications): Predicate<SourceTerm> {
  ref.get('group', text);
  const kind = ref.require('kind', name);
  const named = ref.require('name', name);
  const namespace = ref.get('namespace', name) ?? ref.source.namespace;
  if (kind === null || named === null || ref.failed) return never;
  if (kind === 'ServiceAccount') return term({ kind: 'service-account', namespace, name: named });
  const known = { MeshTLSAuthentication: meshTls, NetworkAuthentication: networks };
  if (kind !== 'MeshTLSAuthentication' && kind !== 'NetworkAuthentication') {
    ref.error('kind', 'invalid', `${kind} is not an authentication: nobody is let in`);
    return never;
  }
  const found = known[kind].get(`${namespace}/${named}`);
  if (found === undefined) ref.error('name', 'dangling', `there is no ${kind} ${namespace}/${named}: nobody is let in`);
  return found ?? never;
}
