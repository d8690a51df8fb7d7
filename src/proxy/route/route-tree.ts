// `VirtualHost.matcher` → the routes that a request may take: in place of a list that is walked, a tree that leads to one route or a few.
import { type Route, RouteListSchema, RouteSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { Matcher } from '../../xds/gen/xds/type/matcher/v3/matcher_pb.ts';
import { typeNameOf, unpack } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import { compileMatcher, type Match } from '../matching/matcher.ts';
import { type RequestSubject, routeInputs, runtimeOf } from '../matching/request-inputs.ts';

/** What a route matches itself still decides afterwards. */
export function compileRouteTree<Compiled>(
  matcher: Matcher,
  compileRoute: (route: Route, path: string) => Compiled,
  path: string,
): Match<RequestSubject, readonly Compiled[]> {
  const kind = {
    inputs: routeInputs,
    runtime: runtimeOf,
    compileAction(config: Parameters<typeof typeNameOf>[0], here: string): readonly Compiled[] {
      if (typeNameOf(config) !== RouteListSchema.typeName) {
        return [compileRoute(unpack(config, RouteSchema, here), here)];
      }
      const { routes } = unpack(config, RouteListSchema, here);
      if (routes.length === 0) throw new ConfigError(at(here, 'routes'), 'is empty');
      return mapAt(routes, at(here, 'routes'), compileRoute);
    },
  };
  return compileMatcher(matcher, kind, path);
}
