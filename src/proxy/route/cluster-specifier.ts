// ClusterSpecifierPlugin → which cluster a request goes to, as an extension says.
import type { ClusterSpecifierPlugin, Route } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import {
  ClusterActionSchema,
  type MatcherClusterSpecifier,
  MatcherClusterSpecifierSchema,
} from '../../xds/gen/envoy/extensions/router/cluster_specifiers/matcher/v3/matcher_pb.ts';
import { typeNameOf, unpack, unsupportedType } from '../config/any.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { compileMatcher } from '../matching/matcher.ts';
import { filterInputs, type RequestSubject, runtimeOf } from '../matching/request-inputs.ts';

/** '' is no cluster. */
export type ClusterSpecifier = (subject: RequestSubject) => string;

/** Those of a route configuration, by name; null for one that is optional and not known here. */
export type ClusterSpecifiers = ReadonlyMap<string, ClusterSpecifier | null>;

/** Of two with one name the first counts, as in Envoy. */
export function compileSpecifiers(plugins: readonly ClusterSpecifierPlugin[], path: string): ClusterSpecifiers {
  const specifiers = new Map<string, ClusterSpecifier | null>();
  for (const [i, plugin] of plugins.entries()) {
    const specifier = compileSpecifier(plugin, `${path}[${i}]`);
    const { name } = plugin.extension!;
    if (!specifiers.has(name)) specifiers.set(name, specifier);
  }
  return specifiers;
}

/** Whether requests pass a route by, because its extension is optional and not known here. */
export function isPassedBy({ action }: Route, specifiers: ClusterSpecifiers): boolean {
  if (action.case !== 'route') return false;
  const { clusterSpecifier: specifier } = action.value;
  if (specifier.case === 'clusterSpecifierPlugin') return specifiers.get(specifier.value) === null;
  return specifier.case === 'inlineClusterSpecifierPlugin' && compileSpecifier(specifier.value, '') === null;
}

export function compileSpecifier(
  { extension, isOptional }: ClusterSpecifierPlugin,
  path: string,
): ClusterSpecifier | null {
  const here = at(path, 'extension.typed_config');
  const config = extension?.typedConfig;
  if (config === undefined) throw new ConfigError(here, 'is required');
  if (typeNameOf(config) === MatcherClusterSpecifierSchema.typeName) {
    return compileTree(unpack(config, MatcherClusterSpecifierSchema, here), here);
  }
  if (!isOptional) throw unsupportedType(config, here);
  return null;
}

function compileTree({ clusterMatcher }: MatcherClusterSpecifier, path: string): ClusterSpecifier {
  const here = at(path, 'cluster_matcher');
  if (clusterMatcher === undefined) throw new ConfigError(here, 'is required');
  const kind = {
    inputs: filterInputs,
    runtime: runtimeOf,
    compileAction(config: Parameters<typeof typeNameOf>[0], where: string): string {
      const { cluster } = unpack(config, ClusterActionSchema, where);
      if (cluster === '') throw new ConfigError(at(where, 'cluster'), 'is empty');
      return cluster;
    },
  };
  const match = compileMatcher(clusterMatcher, kind, here);
  return (subject) => match(subject) ?? '';
}
