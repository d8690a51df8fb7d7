// The filter envoy.filters.http.composite: for each exchange what a matcher chooses, a filter or a chain of them; nothing where nothing matches.
// The matcher is its own, or that of an ExtensionWithMatcher around it.
import {
  type Composite,
  CompositePerRouteSchema,
  CompositeSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/composite/v3/composite_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { leaveObject, StateObject } from '../../http/state-object.ts';
import { compiler, type FilterKind, perScope, routeSettings, startAll } from '../define.ts';
import type { FilterScope, FilterStream, HttpFilter, StreamFilter } from '../filter.ts';
import {
  type CompileFilter,
  compileChain,
  compileFilterMatcher,
  type FilterAction,
  type FilterMatch,
} from './action.ts';
import { openFilter } from './as-stream.ts';
import { type Decision, MatchedFilter } from './matched-filter.ts';

export type CompositeFilter = HttpFilter & {
  readonly kind: 'composite';
  /** As `open`, with a matcher of somebody else's; null: no matcher. */
  openMatched(
    match: FilterMatch | null,
    exchange: Exchange,
    scope: FilterScope,
    stream: FilterStream,
  ): StreamFilter | null;
};

export function isComposite(filter: HttpFilter): filter is CompositeFilter {
  return 'kind' in filter && filter.kind === 'composite';
}

/** What a filter may say of itself in filter state: which action was taken at which filter. */
const MATCHED = 'envoy.extensions.filters.http.composite.matched_actions';

const ofRoute = routeSettings<FilterMatch>();

class CompositeStats {
  filter_delegation_success = 0;
  /** Of filters that cannot be made for an exchange: there are none here. */
  filter_delegation_error = 0;
}

export function composite(compile: CompileFilter): FilterKind {
  return {
    chain: compiler(CompositeSchema, (config, name, path) => createComposite(config, name, compile, path)),
    route: compiler(CompositePerRouteSchema, ({ matcher }, name, path) => {
      const here = at(path, 'matcher');
      if (matcher === undefined) throw new ConfigError(here, 'is required');
      return ofRoute.make(name, compileFilterMatcher(matcher, name, compile, here));
    }),
  };
}

function createComposite(config: Composite, name: string, compile: CompileFilter, path: string): CompositeFilter {
  const here = at(path, 'named_filter_chains');
  const chains = new Map(
    Object.entries(config.namedFilterChains).map(([key, chain]) => [
      key,
      compileChain(chain, name, compile, `${here}[${key}]`),
    ]),
  );
  const { matcher } = config;
  const own = matcher === undefined ? null : compileFilterMatcher(matcher, name, compile, at(path, 'matcher'));
  const statsOf = perScope((scope) => scope.stats(`${scope.prefix}composite`, () => new CompositeStats()));
  const openMatched: CompositeFilter['openMatched'] = (match, exchange, scope, stream) => {
    const execute = (action: FilterAction): Decision => {
      const filter = chosen(action, chains, scope);
      if (filter === null || action.kind === 'skip') return { filter: null };
      statsOf(scope).filter_delegation_success += 1;
      note(exchange, name, action.name);
      return { filter: openFilter(filter, exchange, scope, stream) };
    };
    return new MatchedFilter(match, exchange, scope, stream, execute, () => null);
  };
  return {
    kind: 'composite',
    name,
    start: (scope) => startAll([...chains.values()].flatMap((chain) => chain.start?.(scope) ?? [])),
    openMatched,
    open: (exchange, scope, stream) => openMatched(ofRoute.of(exchange, name) ?? own, exchange, scope, stream),
  };
}

/** null: nothing, since it is not sampled, or no chain has its name. */
function chosen(
  action: FilterAction,
  chains: ReadonlyMap<string, HttpFilter>,
  { random, runtime }: FilterScope,
): HttpFilter | null {
  if (action.kind === 'skip') return null;
  if (action.sample !== null && random() >= action.sample(runtime)) return null;
  return action.filter ?? chains.get(action.name) ?? null;
}

function note(exchange: Exchange, name: string, action: string): void {
  const known = exchange.stateObjects?.get(MATCHED)?.toJSON();
  const actions = { ...known, [name]: action };
  const text = JSON.stringify(actions);
  leaveObject(exchange, MATCHED, text, new StateObject(text, actions));
}
