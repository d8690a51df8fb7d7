// The filter envoy.filters.http.custom_response.
import type { Any } from '@bufbuild/protobuf/wkt';
import {
  type CustomResponse,
  CustomResponseSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/custom_response/v3/custom_response_pb.ts';
import { at } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { ResponseHead } from '../../http/message.ts';
import { compileMatcher, type Match } from '../../matching/matcher.ts';
import { matchPhase, type PhaseSubject, phaseInputs } from '../../matching/phase-inputs.ts';
import { runtimeOf } from '../../matching/request-inputs.ts';
import { compiler, type FilterKind, routeSettings } from '../define.ts';
import type { FilterScope, HttpFilter } from '../filter.ts';
import { compileLocalPolicy, type Policy } from './local-policy.ts';

type PolicyMatch = Match<PhaseSubject, Policy>;

/** Of the levels of a route, the most specific first. */
const ofRoute = routeSettings<readonly PolicyMatch[]>();

export const customResponse: FilterKind = {
  chain: compiler(CustomResponseSchema, (config, name, path) => createCustomResponse(compileLevel(config, path), name)),
  route: compiler(CustomResponseSchema, (config, name, path, outer) =>
    ofRoute.make(name, [...compileLevel(config, path), ...(ofRoute.in(outer) ?? [])]),
  ),
};

/** [] where nothing is asked. */
function compileLevel({ customResponseMatcher: matcher }: CustomResponse, path: string): readonly PolicyMatch[] {
  if (matcher === undefined) return [];
  const compileAction = (config: Any, here: string) => compileLocalPolicy(config, here);
  return [
    compileMatcher(
      matcher,
      { inputs: phaseInputs, runtime: runtimeOf, compileAction },
      at(path, 'custom_response_matcher'),
    ),
  ];
}

function createCustomResponse(own: readonly PolicyMatch[], name: string): HttpFilter {
  return {
    name,
    open: (exchange, scope) => ({
      response: {
        head: (head) =>
          policyFor([...(ofRoute.of(exchange, name) ?? []), ...own], exchange, head, scope)?.(exchange, head, scope),
      },
    }),
  };
}

function policyFor(
  levels: readonly PolicyMatch[],
  exchange: Exchange,
  response: ResponseHead,
  { runtime }: FilterScope,
): Policy | null {
  const { request } = exchange;
  const subject: PhaseSubject = {
    request,
    exchange,
    runtime,
    shown: true,
    requestTrailers: null,
    response,
    responseTrailers: null,
    missing: false,
  };
  for (const match of levels) {
    const policy = matchPhase(match, subject);
    if (policy !== null) return policy;
  }
  return null;
}
