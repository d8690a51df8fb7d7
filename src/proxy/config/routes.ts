// RouteConfiguration → RouteTable.
import { type RouteConfiguration, RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { compileRoutes } from '../route/compile.ts';
import type { RouteTable } from '../route/table.ts';
import { refuseUnsupported } from './check.ts';

export function decodeRoutes(config: RouteConfiguration): RouteTable {
  refuseUnsupported(RouteConfigurationSchema, config, '');
  return compileRoutes(config, '');
}
