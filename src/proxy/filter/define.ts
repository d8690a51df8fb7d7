// How a filter says what it is compiled from, and what filters share: counters, settings of a route.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { unpack } from '../config/any.ts';
import type { Exchange } from '../http/exchange.ts';
import type { FilterScope, HttpFilter, Started } from './filter.ts';

/** By type of configuration. null: the filter is switched off. Throws ConfigError. */
export type FilterCompiler = {
  readonly typeName: string;
  /** `outer`: only of a route, what the level around it says for the same name. */
  compile(config: Any, name: string, path: string, outer?: HttpFilter | null): HttpFilter | null;
};

/** `route`: what a route may say; null when it may say nothing. */
export type FilterKind = { readonly chain: FilterCompiler; readonly route: FilterCompiler | null };

export function compiler<Desc extends DescMessage>(
  schema: Desc,
  compile: (config: MessageShape<Desc>, name: string, path: string, outer: HttpFilter | null) => HttpFilter | null,
): FilterCompiler {
  return {
    typeName: schema.typeName,
    compile: (config, name, path, outer = null) => compile(unpack(config, schema, path), name, path, outer),
  };
}

/** Settings that a route has for the filter of the chain, which stays where it is and asks for them. */
export function routeSettings<Settings>() {
  const key = Symbol('settings');
  return {
    make: (name: string, value: Settings): HttpFilter => ({ name, settings: { key, value } }),
    /** undefined: the route has none for this filter. */
    of(exchange: Exchange, name: string): Settings | undefined {
      return this.in(exchange.route?.filters.get(name) ?? null);
    },
    in(filter: HttpFilter | null): Settings | undefined {
      return filter?.settings?.key === key ? (filter.settings.value as Settings) : undefined;
    },
  };
}

/** What is made once per scope, as counters are; nearly always asked for with the scope of the last time. */
export function perScope<T extends object>(make: (scope: FilterScope) => T): (scope: FilterScope) => T {
  const made = new WeakMap<FilterScope, T>();
  let lastScope: FilterScope | null = null;
  let last: T | null = null;
  return (scope) => {
    if (scope === lastScope && last !== null) return last;
    const value = made.get(scope) ?? make(scope);
    made.set(scope, value);
    lastScope = scope;
    last = value;
    return value;
  };
}

/** All of them as one. */
export function startAll(started: readonly Started[]): Started {
  return {
    ready: Promise.all(started.map(({ ready }) => ready)).then(() => undefined),
    stop() {
      for (const one of started) one.stop();
    },
  };
}
