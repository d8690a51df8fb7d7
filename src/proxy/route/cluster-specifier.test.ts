import { createRegistry, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import {
  ClusterActionSchema,
  MatcherClusterSpecifierSchema,
} from '../../xds/gen/envoy/extensions/router/cluster_specifiers/matcher/v3/matcher_pb.ts';
import { HttpRequestHeaderMatchInputSchema } from '../../xds/gen/envoy/type/matcher/v3/http_inputs_pb.ts';
import { decoders } from '../config/decoders.ts';
import { noRuntime } from '../config/runtime-keys.ts';
import { testExchange } from '../testing/exchange.ts';
import { findRoute } from './settled-entry.ts';

const registry = createRegistry(
  ClusterActionSchema,
  HttpRequestHeaderMatchInputSchema,
  MatcherClusterSpecifierSchema,
  RouterSchema,
);
const typed = (type: { typeName: string }, fields: JsonObject = {}) => ({
  name: 'it',
  typed_config: { '@type': `type.googleapis.com/${type.typeName}`, ...fields },
});
const leads = (cluster: string) => ({ action: typed(ClusterActionSchema, { cluster }) });
const tree = {
  matcher_tree: {
    input: typed(HttpRequestHeaderMatchInputSchema, { header_name: 'x-to' }),
    exact_match_map: { map: { a: leads('first'), b: leads('second') } },
  },
};
const matcher = (cluster_matcher: JsonObject) => typed(MatcherClusterSpecifierSchema, { cluster_matcher });

function decode(plugin: JsonObject, route: JsonObject = { cluster_specifier_plugin: 'it' }) {
  const virtual_hosts = [
    {
      name: 'h',
      domains: ['*'],
      routes: [
        { match: { prefix: '/' }, route },
        { match: { prefix: '/' }, route: { cluster: 'next' } },
      ],
    },
  ];
  const config = { name: 'r', cluster_specifier_plugins: [plugin], virtual_hosts };
  return decoders.decodeRoutes(fromJson(RouteConfigurationSchema, config as JsonObject, { registry }));
}

function clusterFor(table: ReturnType<typeof decode>, to: string): string | undefined {
  const exchange = testExchange({ headers: ['x-to', to] });
  const action = findRoute(table, exchange, { random: () => 0, runtime: noRuntime })?.action;
  return action?.kind === 'forward' ? action.pickCluster(exchange.request, 0).cluster : undefined;
}

test.each<[name: string, plugin: JsonObject, route: JsonObject | undefined, to: string, wants: string]>([
  ['named', { extension: matcher(tree) }, undefined, 'b', 'second'],
  ['nothing matches', { extension: matcher(tree) }, undefined, 'c', ''],
  [
    'inline',
    { extension: matcher(tree) },
    { inline_cluster_specifier_plugin: { extension: matcher(tree) } },
    'a',
    'first',
  ],
  ['optional and not known', { extension: typed(RouterSchema), is_optional: true }, undefined, 'a', 'next'],
])('%s', (_name, plugin, route, to, wants) => {
  expect(clusterFor(decode(plugin, route), to)).toBe(wants);
});

test.each<[name: string, plugin: JsonObject, route: JsonObject | undefined, wants: string]>([
  [
    'not known',
    { extension: typed(RouterSchema) },
    undefined,
    'cluster_specifier_plugins[0].extension.typed_config: type',
  ],
  ['nothing', {}, undefined, 'cluster_specifier_plugins[0].extension.typed_config: is required'],
  ['no matcher', { extension: typed(MatcherClusterSpecifierSchema) }, undefined, 'cluster_matcher: is required'],
  ['no cluster', { extension: matcher({ on_no_match: leads('') }) }, undefined, 'cluster: is empty'],
  ['no such name', { extension: matcher(tree) }, { cluster_specifier_plugin: 'else' }, 'plugin: else is not known'],
])('%s is refused', (_name, plugin, route, wants) => {
  expect(() => decode(plugin, route)).toThrow(wants);
});
