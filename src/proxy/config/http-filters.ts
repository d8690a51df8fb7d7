// The HTTP filters of a chain: compiled in order; the router is last, and only there.

import { equals } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import type { HttpFilter as FilterMessage } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { HttpFilter } from '../filter/filter.ts';
import { compileFilter, isSupportedFilter } from '../filter/registry.ts';
import type { RouterOptions } from '../route/request-plan.ts';
import { typeNameOf, unpack } from './any.ts';
import { at, ConfigError, mapAt } from './config-error.ts';

/** Headers of its own that the router can be told to check. */
const CHECKED = new Set([
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-max-retries',
  'x-envoy-retry-grpc-on',
  'x-envoy-retry-on',
]);

export function decodeRouter(filters: readonly FilterMessage[], path: string): RouterOptions {
  const { router, here } = routerOf(filters, path);
  return {
    respectExpectedTimeout: router.respectExpectedRqTimeout,
    suppressHeaders: router.suppressEnvoyHeaders,
    dynamicStats: router.dynamicStats ?? true,
    grpcCodes: !router.suppressGrpcRequestFailureCodeStats,
    strictHeaders: mapAt(router.strictCheckHeaders, at(here, 'strict_check_headers'), (name, where) => {
      if (!CHECKED.has(name.toLowerCase())) throw new ConfigError(where, `${name} cannot be checked`);
      return name.toLowerCase();
    }),
  };
}

/** Whether the router is to make a span of each attempt. */
export function wantsChildSpans(filters: readonly FilterMessage[], path: string): boolean {
  return routerOf(filters, path).router.startChildSpan;
}

/** One router serves all exchanges of a connection manager. @throws ConfigError where another is asked for. */
export function requireSameRouter(
  filters: readonly FilterMessage[],
  others: readonly FilterMessage[],
  path: string,
): void {
  const { router, here } = routerOf(filters, path);
  if (!equals(RouterSchema, router, routerOf(others, 'http_filters').router))
    throw new ConfigError(here, 'must be the router of http_filters');
}

function routerOf(filters: readonly FilterMessage[], path: string) {
  const last = filters.at(-1)?.configType;
  if (last?.case !== 'typedConfig' || !isRouter(last.value)) throw new ConfigError(path, 'must end with the router');
  const here = `${path}[${filters.length - 1}].typed_config`;
  return { router: unpack(last.value, RouterSchema, here), here };
}

/** Without the router. */
export function decodeFilters(filters: readonly FilterMessage[], path: string): HttpFilter[] {
  return mapAt(filters.slice(0, -1), path, decodeFilter).filter((filter) => filter !== null);
}

function decodeFilter(filter: FilterMessage, path: string): HttpFilter | null {
  if (filter.name === '') throw new ConfigError(at(path, 'name'), 'is empty');
  const { configType } = filter;
  if (configType.case !== 'typedConfig') throw new ConfigError(at(path, 'typed_config'), 'is required');
  if (isRouter(configType.value)) throw new ConfigError(path, 'the router must be last');
  // The sender allows that a proxy which does not know the filter leaves it out.
  if (filter.isOptional && !isSupportedFilter(configType.value)) return null;
  const compiled = compileFilter(configType.value, filter.name, at(path, 'typed_config'));
  return filter.disabled ? { name: filter.name, disabled: compiled } : compiled;
}

function isRouter(config: Any): boolean {
  return typeNameOf(config) === RouterSchema.typeName;
}
