// ServerAuthorization (the older form) → allow policies on the Servers it names or selects.
import { type AuthorizationPolicy, type Predicate, type SourceTerm, selects } from '../../model/policy.ts';
import type { Fields } from '../field/fields.ts';
import { boolean, name } from '../field/values.ts';
import { readLabelSelector } from '../label-selector.ts';
import { all, always, any, never, term } from '../predicate.ts';
import { identity, readNetworkList } from './authentication.ts';
import type { Server } from './server.ts';

export function readServerAuthorization(root: Fields, servers: readonly Server[]): AuthorizationPolicy[] | null {
  return root.requireObject('spec', (spec) => {
    const own = servers.filter((server) => server.namespace === root.source.namespace);
    const chosen = spec.requireObject('server', (fields) => chooseServers(fields, own)) ?? [];
    const who = spec.requireObject('client', readClient) ?? never;
    const rules = [{ who, what: always, origin: spec.origin('client') }];
    return chosen.flatMap(({ target }) =>
      target === null ? [] : [{ target, action: 'allow' as const, rules, origin: root.origin() }],
    );
  });
}

function chooseServers(fields: Fields, servers: readonly Server[]): Server[] {
  const named = fields.get('name', name);
  const selector = fields.object('selector', readLabelSelector);
  if (named === null && selector === null) {
    if (!fields.failed) fields.error('', 'invalid', 'selects no Server', 'give name or selector.matchLabels');
    return [];
  }
  const chosen = servers.filter((server) =>
    named !== null ? server.name === named : selector !== null && selects(selector, server.labels),
  );
  if (chosen.length === 0)
    fields.error('', 'dangling', named === null ? 'no Server has these labels' : `there is no Server ${named}`);
  return chosen;
}

function readClient(client: Fields): Predicate<SourceTerm> {
  const networks = client.has('networks') ? readNetworkList(client) : always;
  const open = client.get('unauthenticated', boolean) === true;
  const identities = client.object('meshTLS', readMeshTls);
  client.ignore('networks');
  if (!open && identities === null && !client.has('networks'))
    client.error('', 'invalid', 'names no client: it lets nobody in');
  if (client.failed && identities === null && !open) return never;
  return all([
    open ? always : (identities ?? (client.has('networks') ? term({ kind: 'authenticated' }) : never)),
    networks,
  ]);
}

function readMeshTls(fields: Fields): Predicate<SourceTerm> {
  const identities = fields.list('identities', identity);
  const accounts = fields.objects('serviceAccounts', (account): SourceTerm | null => {
    const named = account.require('name', name);
    const namespace = account.get('namespace', name) ?? fields.source.namespace;
    return named === null || account.failed ? null : { kind: 'service-account', namespace, name: named };
  });
  if (fields.get('unauthenticatedTLS', boolean) === true) {
    fields.warn('unauthenticatedTLS', 'unsupported', 'clients without an identity are not let in');
    return term({ kind: 'authenticated' });
  }
  return any([...identities, ...accounts.filter((account) => account !== null)].map(term));
}
