// The filter envoy.filters.http.header_mutation: edits of headers, trailers and query, in the chain and at every level of a route.
import type { HeaderMutation as HeaderMutationMessage } from '../../xds/gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import {
  type HeaderMutation,
  HeaderMutationPerRouteSchema,
  HeaderMutationSchema,
  type Mutations,
} from '../../xds/gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { ResponseHead } from '../http/message.ts';
import { compileMutation, type Edit } from '../route/header-edits.ts';
import { compiler, type FilterKind, routeSettings } from './define.ts';
import type { FilterStream, HttpFilter } from './filter.ts';
import { compileQueryEdits } from './query-mutation.ts';

type Edits = {
  readonly request: readonly Edit[];
  /** null: the query stays as it is. */
  readonly query: ((exchange: Exchange) => void) | null;
  readonly response: readonly Edit[];
  readonly requestTrailers: readonly Edit[];
  readonly responseTrailers: readonly Edit[];
};

/** Of the levels of a route, the most specific first. */
const ofRoute = routeSettings<readonly Edits[]>();

export const headerMutation: FilterKind = {
  chain: compiler(HeaderMutationSchema, (config, name, path) =>
    createHeaderMutation(
      compileMutations(config.mutations, at(path, 'mutations')),
      config.mostSpecificHeaderMutationsWins,
      name,
    ),
  ),
  route: compiler(HeaderMutationPerRouteSchema, (config, name, path, outer) =>
    ofRoute.make(name, [compileMutations(config.mutations, at(path, 'mutations')), ...(ofRoute.in(outer) ?? [])]),
  ),
};

/** Edits of heads alone, for whoever has no filter chain. */
export type HeadEdits = {
  request(exchange: Exchange): void;
  response(exchange: Exchange, head: ResponseHead): void;
};

/** As the filter of that name, but that there are no trailers. */
export function compileHeadEdits(config: HeaderMutation, name: string, path: string): HeadEdits {
  const here = at(path, 'mutations');
  const own = compileMutations(config.mutations, here);
  if (own.requestTrailers.length > 0 || own.responseTrailers.length > 0)
    throw new ConfigError(here, 'of trailers are not supported upstream');
  const levelsOf = compileLevels(own, config.mostSpecificHeaderMutationsWins, name);
  return {
    request: (exchange) => editRequest(levelsOf(exchange), exchange),
    response(exchange, head) {
      for (const { response } of levelsOf(exchange)) for (const edit of response) edit(head.headers, exchange, head);
    },
  };
}

function compileLevels(own: Edits, mostSpecificWins: boolean, name: string): (exchange: Exchange) => readonly Edits[] {
  return (exchange) => {
    const routes = ofRoute.of(exchange, name) ?? [];
    return [own, ...(mostSpecificWins ? routes.toReversed() : routes)];
  };
}

function editRequest(levels: readonly Edits[], exchange: Exchange): void {
  for (const { request, query } of levels) {
    for (const edit of request) edit(exchange.request.headers, exchange, null);
    query?.(exchange);
  }
}

function createHeaderMutation(own: Edits, mostSpecificWins: boolean, name: string): HttpFilter {
  const levelsOf = compileLevels(own, mostSpecificWins, name);
  return {
    name,
    open(exchange, _scope, stream) {
      const run = (which: Exclude<keyof Edits, 'query'>, headers: HeaderMap, response: Parameters<Edit>[2]) => {
        for (const level of levelsOf(exchange)) for (const edit of level[which]) edit(headers, exchange, response);
      };
      return {
        request: {
          head: () => editRequest(levelsOf(exchange), exchange) as undefined,
          end: (trailers) => finish(stream, 'request', trailers, (all) => run('requestTrailers', all, null)),
        },
        response: {
          head: (head) => run('response', head.headers, head) as undefined,
          end: (trailers) =>
            finish(stream, 'response', trailers, (all) => run('responseTrailers', all, exchange.response)),
        },
      };
    },
  };
}

function finish(
  stream: FilterStream,
  direction: 'request' | 'response',
  trailers: HeaderMap | null,
  edit: (trailers: HeaderMap) => void,
): void {
  if (trailers !== null) edit(trailers);
  stream[direction].finish(trailers);
}

function compileMutations(mutations: Mutations | undefined, path: string): Edits {
  const list = (messages: readonly HeaderMutationMessage[] = [], field: string) =>
    mapAt(messages, at(path, field), compileMutation).flat();
  return {
    request: list(mutations?.requestMutations, 'request_mutations'),
    query: compileQueryEdits(mutations?.queryParameterMutations ?? [], at(path, 'query_parameter_mutations')),
    response: list(mutations?.responseMutations, 'response_mutations'),
    requestTrailers: list(mutations?.requestTrailersMutations, 'request_trailers_mutations'),
    responseTrailers: list(mutations?.responseTrailersMutations, 'response_trailers_mutations'),
  };
}
