// What routes, clusters and checks have in common: which ports carry HTTP, and which objects had a part in something.
import { type ObjectRef, objectKey } from '../model/origin.ts';
import type { Protocol } from '../model/service.ts';
import { distinct } from './order.ts';
import type { ShapedBy } from './plan.ts';

/** Raw TCP and TLS pass-through have no route tables; until they are planned they are left out and reported. */
export const carriesHttp = (protocol: Protocol): boolean => protocol !== 'tcp' && protocol !== 'tls';

/** Users' objects only: what the mesh decides by itself (kind Default) is nothing they could look up. */
export const shapedBy = (...objects: readonly (readonly ObjectRef[])[]): ShapedBy =>
  distinct(objects.flatMap((list) => list.filter(({ kind }) => kind !== 'Default').map(objectKey)));
