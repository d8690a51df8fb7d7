// Linkerd's objects → a fragment. Servers and authentications first: policies refer to them by name.
import { emptyFragment, type Reader } from '../../model/fragment.ts';
import type { Problem } from '../../model/problem.ts';
import { type Fields, readObject } from '../field/fields.ts';
import { claimsFrom } from '../kind.ts';
import { readMeshTls, readNetworks } from './authentication.ts';
import { type Authentications, readAuthorizationPolicy } from './authorization-policy.ts';
import { linkerdKinds } from './kinds.ts';
import { readServer } from './server.ts';
import { readServerAuthorization } from './server-authorization.ts';
import { readServiceProfile } from './service-profile.ts';

export const linkerdReader: Reader = {
  dialect: 'linkerd',
  claims: claimsFrom(linkerdKinds),
  read(objects) {
    const problems: Problem[] = [];
    const each = <T>(kind: string, read: (root: Fields) => T | null): T[] =>
      objects
        .filter((object) => object.kind === kind)
        .map((object) => readObject(object, 'linkerd', problems, read))
        .filter((item) => item !== null);
    const servers = each('Server', readServer);
    const authentications: Authentications = {
      meshTls: new Map(each('MeshTLSAuthentication', (root) => [keyOf(root), readMeshTls(root)] as const)),
      networks: new Map(each('NetworkAuthentication', (root) => [keyOf(root), readNetworks(root)] as const)),
    };
    const authorizations = [
      ...servers.map((server) => server.policy),
      ...each('ServerAuthorization', (root) => readServerAuthorization(root, servers)).flat(),
      ...each('AuthorizationPolicy', (root) => readAuthorizationPolicy(root, servers, authentications)).flat(),
    ];
    return {
      fragment: { ...emptyFragment, routes: each('ServiceProfile', readServiceProfile), authorizations },
      problems,
    };
  },
};

const keyOf = ({ source }: Fields): string => `${source.namespace}/${source.name}`;
