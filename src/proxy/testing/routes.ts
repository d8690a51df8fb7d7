// Route tables for tests, decoded from resources written as in Envoy's documentation.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { decoders } from '../config/decoders.ts';
import type { ForwardAction, RouteEntry, RouteTable } from '../route/table.ts';
import { type RequestInit, requestHead } from './exchange.ts';

export function table(config: JsonObject): RouteTable {
  return decoders.decodeRoutes(fromJson(RouteConfigurationSchema, { name: 'test', ...config }));
}

/** One virtual host for everything, with one route. */
export function routed(route: JsonObject, more: { host?: JsonObject; config?: JsonObject } = {}): RouteTable {
  const only = { match: { prefix: '/' }, ...(route['action'] ? {} : { route: { cluster: 'c' } }), ...route };
  delete (only as Record<string, unknown>)['action'];
  return table({ virtual_hosts: [{ name: 'all', domains: ['*'], routes: [only], ...more.host }], ...more.config });
}

export function entryFor(routes: RouteTable, request: RequestInit = {}): RouteEntry {
  const entry = routes.match(requestHead(request), null, () => 0);
  if (entry === null) throw new Error('no route');
  return entry;
}

export function forwardOf(route: JsonObject, more: { host?: JsonObject; config?: JsonObject } = {}): ForwardAction {
  const { action } = entryFor(routed(route, more));
  if (action.kind !== 'forward') throw new Error(action.kind);
  return action;
}
