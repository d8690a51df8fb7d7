// The HTTP connection manager of every listener: what is common, and what each direction adds.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { type Filter, FilterSchema } from '../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { RouterSchema } from '../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  type HttpFilter,
  HttpFilterSchema,
} from '../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { faultFilterName, noFault } from './fault.ts';
import { ads, any } from './values.ts';

export type ConnectionInit = MessageInitShape<typeof HttpConnectionManagerSchema>;

export const httpConnection = (init: ConnectionInit): Filter =>
  create(FilterSchema, {
    name: 'envoy.filters.network.http_connection_manager',
    configType: { case: 'typedConfig', value: connectionManager(init) },
  });

/** Filters without the router, which is always last. */
export const connectionManager = (init: ConnectionInit): Any =>
  any(HttpConnectionManagerSchema, { ...init, httpFilters: [...((init.httpFilters ?? []) as HttpFilter[]), router] });

export const routesByName = (routeConfigName: string): HttpConnectionManager['routeSpecifier'] =>
  create(HttpConnectionManagerSchema, {
    routeSpecifier: { case: 'rds', value: { configSource: ads, routeConfigName } },
  }).routeSpecifier;

export const faultFilter: HttpFilter = create(HttpFilterSchema, {
  name: faultFilterName,
  configType: { case: 'typedConfig', value: noFault() },
});

const router: HttpFilter = create(HttpFilterSchema, {
  name: 'envoy.filters.http.router',
  configType: { case: 'typedConfig', value: any(RouterSchema, {}) },
});
