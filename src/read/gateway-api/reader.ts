// Gateway API objects → a fragment.
import { emptyFragment, type Fragment, type Reader } from '../../model/fragment.ts';
import type { Problem } from '../../model/problem.ts';
import { type Fields, readObject } from '../field/fields.ts';
import { claimsFrom } from '../kind.ts';
import { readGateway } from './gateway.ts';
import { readHttpRoute } from './http-route.ts';
import { gatewayApiKinds } from './kinds.ts';
import { readReferenceGrant } from './reference-grant.ts';

export const gatewayApiReader: Reader = {
  dialect: 'gateway-api',
  claims: claimsFrom(gatewayApiKinds),
  read(objects) {
    const problems: Problem[] = [];
    const each = <T>(kind: string, read: (root: Fields) => T | null): T[] =>
      objects
        .filter((object) => object.kind === kind)
        .map((object) => readObject(object, 'gateway-api', problems, read))
        .filter((item) => item !== null);
    const fragment: Fragment = {
      ...emptyFragment,
      gateways: each('Gateway', readGateway),
      routes: each('HTTPRoute', readHttpRoute),
      grants: each('ReferenceGrant', readReferenceGrant),
    };
    return { fragment, problems };
  },
};
