// The HTTP filters there are. Their order in a chain is the configuration's; this list is searched by type only.
import type { Any } from '@bufbuild/protobuf/wkt';
import { FilterConfigSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { HTTPFaultSchema } from '../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { RBACPerRouteSchema, RBACSchema } from '../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../config/any.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { createFault } from './fault.ts';
import type { HttpFilter } from './filter.ts';
import { createRbac } from './rbac/filter.ts';

/** null: the filter is switched off. */
type Compile = (config: Any, name: string, path: string) => HttpFilter | null;

/** By type of configuration: in a chain, and per route. */
type FilterKind = {
  readonly chain: { readonly typeName: string; readonly compile: Compile };
  readonly route: { readonly typeName: string; readonly compile: Compile };
};

const compileFault: Compile = (config, name, path) => createFault(unpack(config, HTTPFaultSchema, path), name, path);

const kinds: readonly FilterKind[] = [
  {
    chain: {
      typeName: RBACSchema.typeName,
      compile: (config, name, path) => createRbac(unpack(config, RBACSchema, path), name, path),
    },
    route: { typeName: RBACPerRouteSchema.typeName, compile: compileRbacPerRoute },
  },
  {
    chain: { typeName: HTTPFaultSchema.typeName, compile: compileFault },
    route: { typeName: HTTPFaultSchema.typeName, compile: compileFault },
  },
];

export function isSupportedFilter(config: Any): boolean {
  return kinds.some(({ chain }) => chain.typeName === typeNameOf(config));
}

/** A filter of a chain. Throws ConfigError. */
export function compileFilter(config: Any, name: string, path: string): HttpFilter {
  const kind = kinds.find(({ chain }) => chain.typeName === typeNameOf(config));
  const filter = kind?.chain.compile(config, name, path);
  if (!filter) throw unsupportedType(config, path);
  return filter;
}

/** What a route, virtual host or route configuration has instead of the filter of that name; null switches it off. */
export function compileOverride(name: string, config: Any, path: string): HttpFilter | null {
  if (typeNameOf(config) === FilterConfigSchema.typeName) {
    const wrapper = unpack(config, FilterConfigSchema, path);
    if (wrapper.disabled) return null;
    if (wrapper.config === undefined) throw new ConfigError(at(path, 'config'), 'is required');
    return compileOverride(name, wrapper.config, at(path, 'config'));
  }
  const kind = kinds.find(({ route }) => route.typeName === typeNameOf(config));
  if (!kind) throw unsupportedType(config, path);
  return kind.route.compile(config, name, path);
}

/** Without `rbac` the filter is off for the route. */
function compileRbacPerRoute(config: Any, name: string, path: string): HttpFilter | null {
  const { rbac } = unpack(config, RBACPerRouteSchema, path);
  return rbac === undefined ? null : createRbac(rbac, name, at(path, 'rbac'));
}
