// The filter envoy.filters.http.jwt_authn.
import {
  type JwtAuthentication,
  JwtAuthenticationSchema,
  type JwtRequirement,
  type PerRouteConfig,
  PerRouteConfigSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { HeaderMap } from '../../http/headers.ts';
import { pathOnly } from '../../route/match/query.ts';
import { compileMatch } from '../../route/match/route-matcher.ts';
import { compiler, type FilterKind, perScope, routeSettings, startAll } from '../define.ts';
import type { FilterScope, HttpFilter, LocalReply } from '../filter.ts';
import { compileProvider, type Provider } from './provider.ts';
import { compileRequirement, type Requirement } from './requirement.ts';
import { status } from './status.ts';

class Stats {
  allowed = 0;
  denied = 0;
  cors_preflight_bypassed = 0;
  jwks_fetch_success = 0;
  jwks_fetch_failed = 0;
  jwt_cache_hit = 0;
  jwt_cache_miss = 0;
}

/** A route names a requirement of the chain's filter; null: it wants none. */
const requirementOfRoute = routeSettings<string | null>();

export const jwtAuthn: FilterKind = {
  chain: compiler(JwtAuthenticationSchema, createJwtAuthn),
  route: compiler(PerRouteConfigSchema, compileRoute),
};

function compileRoute({ requirementSpecifier }: PerRouteConfig, name: string, path: string): HttpFilter {
  switch (requirementSpecifier.case) {
    case 'disabled':
      if (!requirementSpecifier.value) throw new ConfigError(at(path, 'disabled'), 'must be true');
      return requirementOfRoute.make(name, null);
    case 'requirementName':
      return requirementOfRoute.make(name, requirementSpecifier.value);
    default:
      throw new ConfigError(path, 'says neither disabled nor requirement_name');
  }
}

function createJwtAuthn(config: JwtAuthentication, name: string, path: string): HttpFilter {
  const statsOf = perScope((scope) =>
    scope.stats(`${scope.prefix}jwt_authn${config.statPrefix && `.${config.statPrefix}`}`, () => new Stats()),
  );
  const providers = compileProviders(config, at(path, 'providers'), statsOf);
  const named = compileNamed(config.requirementMap, providers, at(path, 'requirement_map'));
  const choose = compileRules(config, providers, named, path);
  const requirementFor = (exchange: Exchange, scope: FilterScope): Requirement | null => {
    const chosen = requirementOfRoute.of(exchange, name);
    if (chosen === undefined) return choose(exchange, scope);
    return chosen === null ? null : (named.get(chosen) ?? wrongName(chosen));
  };
  const settle = (scope: FilterScope, uri: string, outcome: string): LocalReply | undefined => {
    statsOf(scope)[outcome === status.ok ? 'allowed' : 'denied'] += 1;
    return outcome === status.ok ? undefined : denial(outcome, uri, config.stripFailureResponse);
  };
  return {
    name,
    start: (scope) => startAll([...providers.values()].flatMap(({ followKeys }) => followKeys?.(scope) ?? [])),
    request(exchange, scope) {
      if (config.bypassCorsPreflight && isPreflight(exchange)) {
        statsOf(scope).cors_preflight_bypassed += 1;
        statsOf(scope).allowed += 1;
        return undefined;
      }
      const requirement = requirementFor(exchange, scope);
      if (requirement === null) {
        statsOf(scope).allowed += 1;
        return undefined;
      }
      const { request } = exchange;
      const uri = `${request.scheme}://${request.authority}${request.path}`;
      const outcome = requirement(exchange, scope);
      if (typeof outcome === 'string') return settle(scope, uri, outcome);
      return outcome.then((settled) => settle(scope, uri, settled));
    },
  };
}

type Choose = (exchange: Exchange, scope: FilterScope) => Requirement | null;

function compileProviders(
  { providers }: JwtAuthentication,
  path: string,
  statsOf: (scope: FilterScope) => Stats,
): ReadonlyMap<string, Provider> {
  return new Map(
    Object.entries(providers).map(([name, provider]) => [
      name,
      compileProvider(name, provider, `${path}[${name}]`, statsOf),
    ]),
  );
}

function compileNamed(
  requirements: Readonly<Record<string, JwtRequirement>>,
  providers: ReadonlyMap<string, Provider>,
  path: string,
): ReadonlyMap<string, Requirement> {
  return new Map(
    Object.entries(requirements).map(([name, one]) => [name, compileRequirement(one, providers, `${path}[${name}]`)]),
  );
}

/** The first rule that matches; then what the filter state says. null: no token is required. */
function compileRules(
  config: JwtAuthentication,
  providers: ReadonlyMap<string, Provider>,
  named: ReadonlyMap<string, Requirement>,
  path: string,
): Choose {
  const rules = mapAt(config.rules, at(path, 'rules'), ({ match, requirementType: type }, here) => ({
    ...compileMatch(match, at(here, 'match')),
    requirement: compileChosen(type, providers, named, here),
  }));
  const stateRules = config.filterStateRules;
  const byState = compileNamed(stateRules?.requires ?? {}, providers, at(path, 'filter_state_rules.requires'));
  return (exchange, { random, runtime }) => {
    const { request } = exchange;
    const bare = pathOnly(request.path);
    for (const { matches, requirement } of rules) {
      if (matches(request, bare, exchange, random(), runtime)) return requirement;
    }
    const state = stateRules === undefined ? undefined : exchange.filterState?.get(stateRules.name);
    return state === undefined ? null : (byState.get(state) ?? null);
  };
}

function compileChosen(
  type: JwtAuthentication['rules'][number]['requirementType'],
  providers: ReadonlyMap<string, Provider>,
  named: ReadonlyMap<string, Requirement>,
  path: string,
): Requirement | null {
  if (type.case === 'requires') return compileRequirement(type.value, providers, at(path, 'requires'));
  if (type.case === undefined) return null;
  const requirement = named.get(type.value);
  if (requirement === undefined) throw new ConfigError(at(path, 'requirement_name'), `there is no ${type.value}`);
  return requirement;
}

/** The route was compiled without knowing the chain: like Envoy, refuse what it asks for. */
function wrongName(name: string): Requirement {
  return () => `Wrong requirement_name: ${name}. It should be one of the requirement_map`;
}

function isPreflight({ request }: Exchange): boolean {
  const { method, headers } = request;
  return (
    method === 'OPTIONS' &&
    (headers.get('origin') ?? '') !== '' &&
    (headers.get('access-control-request-method') ?? '') !== ''
  );
}

function denial(outcome: string, uri: string, stripped: boolean): LocalReply {
  const error = outcome === status.missing ? '' : ', error="invalid_token"';
  return {
    status: outcome === status.audience ? 403 : 401,
    body: stripped ? '' : outcome,
    details: `jwt_authn_access_denied{${outcome.replaceAll(' ', '_')}}`,
    flags: 0,
    headers: stripped ? null : new HeaderMap(['www-authenticate', `Bearer realm="${uri}"${error}`]),
  };
}
