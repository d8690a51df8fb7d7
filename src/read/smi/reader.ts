// SMI objects → a fragment. Route groups and TCP routes first: splits and targets refer to them by name.
import { emptyFragment, type Reader } from '../../model/fragment.ts';
import type { MeshObject } from '../../model/object.ts';
import type { Problem } from '../../model/problem.ts';
import { type Fields, readObject } from '../field/fields.ts';
import { claimsFrom } from '../kind.ts';
import { smiKinds } from './kinds.ts';
import { readRouteGroup, readTcpRoute } from './route-group.ts';
import { oldestPerRoot, readTrafficSplit } from './traffic-split.ts';
import { readTrafficTarget } from './traffic-target.ts';

export const smiReader: Reader = {
  dialect: 'smi',
  claims: claimsFrom(smiKinds),
  read(objects) {
    const problems: Problem[] = [];
    const each = <T>(kind: string, read: (root: Fields) => T): [MeshObject, T][] =>
      objects
        .filter((object) => object.kind === kind)
        .map((object) => [object, readObject(object, 'smi', problems, read)]);
    const byName = <T>(found: readonly [MeshObject, T][]): Map<string, T> =>
      new Map(found.map(([{ namespace, name }, value]) => [`${namespace}/${name}`, value]));
    const specs = {
      groups: byName(each('HTTPRouteGroup', readRouteGroup)),
      tcpRoutes: byName(each('TCPRoute', readTcpRoute)),
    };
    const splits = each('TrafficSplit', (root) => readTrafficSplit(root, specs)).map(([, split]) => split);
    const targets = each('TrafficTarget', (root) => readTrafficTarget(root, specs)).map(([, target]) => target);
    const routes = oldestPerRoot(
      splits.filter((split) => split !== null),
      problems,
    );
    const authorizations = targets.filter((target) => target !== null);
    return { fragment: { ...emptyFragment, routes, authorizations }, problems };
  },
};
