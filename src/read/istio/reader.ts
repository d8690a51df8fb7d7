// Istio's objects → a fragment.
import type { Fragment, Reader } from '../../model/fragment.ts';
import { emptyFragment } from '../../model/fragment.ts';
import type { MeshObject } from '../../model/object.ts';
import type { Problem } from '../../model/problem.ts';
import { type Fields, readObject } from '../field/fields.ts';
import { claimsFrom } from '../kind.ts';
import { readAuthorizationPolicy } from './authorization-policy.ts';
import { readDestinationRule } from './destination-rule.ts';
import { readGateway } from './gateway.ts';
import { istioKinds } from './kinds.ts';
import { readPeerAuthentication } from './peer-authentication.ts';
import { readProxyConfig } from './proxy-config.ts';
import { readVirtualService } from './virtual-service.ts';

export const istioReader: Reader = {
  dialect: 'istio',
  claims: claimsFrom(istioKinds),
  read(objects) {
    const problems: Problem[] = [];
    const each = <T>(kind: string, read: (root: Fields) => T | readonly T[] | null): T[] =>
      objects.filter((object) => object.kind === kind).flatMap((object) => readOne(object, problems, read));
    const fragment: Fragment = {
      ...emptyFragment,
      routes: each('VirtualService', readVirtualService),
      destinations: each('DestinationRule', readDestinationRule),
      gateways: each('Gateway', readGateway),
      transports: each('PeerAuthentication', readPeerAuthentication),
      proxySettings: each('ProxyConfig', readProxyConfig),
      authorizations: each('AuthorizationPolicy', readAuthorizationPolicy),
    };
    return { fragment, problems };
  },
};

function readOne<T>(object: MeshObject, problems: Problem[], read: (root: Fields) => T | readonly T[] | null): T[] {
  const result = readObject(object, 'istio', problems, read);
  if (result === null) return [];
  return Array.isArray(result) ? [...(result as readonly T[])] : [result as T];
}
