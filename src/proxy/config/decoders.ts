// Every decoder of the proxy, one per xDS resource type.
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { compileRoutes } from '../route/compile.ts';
import type { RouteTable } from '../route/table.ts';
import { refuseUnsupported } from './check.ts';
import { decodeCluster } from './cluster.ts';
import { decodeEndpoints } from './endpoints.ts';
import { decodeListener } from './listener.ts';
import { decodeSecret } from './secret.ts';

export const decoders = { decodeListener, decodeCluster, decodeEndpoints, decodeRoutes, decodeSecret };

function decodeRoutes(routes: RouteConfiguration): RouteTable {
  refuseUnsupported(RouteConfigurationSchema, routes, '');
  return compileRoutes(routes, '');
}
