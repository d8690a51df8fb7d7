// Metadata of filters, routes, clusters, endpoints and listeners, by namespace and keys.
import { ConfigError } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { type OperatorCompiler, type Operators, required, type Said } from './operator.ts';

type Namespace = (exchange: Exchange, name: string) => unknown;

const dynamic: Namespace = (exchange, name) => exchange.metadata?.get(name);
const cluster: Namespace = (exchange, name) => exchange.clusterMetadata?.[name];
const endpoint: Namespace = (exchange, name) => exchange.endpoint?.metadata[name];

/** The sources of `%METADATA(SOURCE:namespace:key…)%`. */
const SOURCES: Readonly<Record<string, Namespace>> = {
  DYNAMIC: dynamic,
  CLUSTER: cluster,
  UPSTREAM_HOST: endpoint,
  ROUTE: (exchange, name) => exchange.route?.metadata[name],
  VIRTUAL_HOST: (exchange, name) => exchange.route?.hostMetadata[name],
  LISTENER: (exchange, name) => exchange.downstream.listener.metadata[name],
};

export const metadata: Operators = {
  DYNAMIC_METADATA: reader('DYNAMIC_METADATA', dynamic),
  CLUSTER_METADATA: reader('CLUSTER_METADATA', cluster),
  UPSTREAM_METADATA: reader('UPSTREAM_METADATA', endpoint),
  /** `TYPED`, the default, shows a text as JSON does. */
  FILTER_STATE(parameter, path) {
    const [key = '', form = 'TYPED', ...rest] = required('FILTER_STATE', parameter, path).split(':');
    const [field = ''] = rest;
    if (form === 'FIELD' && rest.length === 1 && field !== '') {
      return ({ stateObjects }) => stateObjects?.get(key)?.fields.get(field);
    }
    if ((form !== 'TYPED' && form !== 'PLAIN') || rest.length > 0)
      throw new ConfigError(path, `%FILTER_STATE(${parameter})% is not supported (hint: PLAIN, TYPED, FIELD:name)`);
    if (form === 'PLAIN') return ({ filterState }) => filterState?.get(key);
    return ({ filterState, stateObjects }) => {
      const object = stateObjects?.get(key);
      if (object !== undefined) return object.whole ? object : undefined;
      const value = filterState?.get(key);
      return value === undefined ? undefined : JSON.stringify(value);
    };
  },
  /** Filters of upstream connections leave it; there are none. */
  UPSTREAM_FILTER_STATE(parameter, path) {
    required('UPSTREAM_FILTER_STATE', parameter, path);
    return () => undefined;
  },
  METADATA(parameter, path) {
    const [source = '', ...rest] = required('METADATA', parameter, path).split(':');
    const read = Object.hasOwn(SOURCES, source) ? SOURCES[source] : undefined;
    if (read === undefined || rest.length === 0) {
      throw new ConfigError(
        path,
        `%METADATA(${parameter})% is not supported (hint: ${Object.keys(SOURCES).join(', ')})`,
      );
    }
    return member(read, rest);
  },
};

function reader(operator: string, read: Namespace): OperatorCompiler {
  return (parameter, path) => member(read, required(operator, parameter, path).split(':'));
}

function member(read: Namespace, [namespace = '', ...keys]: readonly string[]) {
  return (exchange: Exchange): Said => {
    let value = read(exchange, namespace);
    for (const key of keys) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
      value = (value as Record<string, unknown>)[key];
    }
    return value === null ? undefined : sorted(value as Said);
  };
}

/** Members in alphabetical order, as Envoy prints a Struct. */
function sorted(value: Said): Said {
  if (Array.isArray(value)) return value.map((item: Said) => sorted(item));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, item]: [string, Said]) => [key, sorted(item)]));
}
