// The filter envoy.filters.http.cors: answers preflights, and marks responses to origins that a route allows.
import {
  type CorsPolicy,
  CorsPolicySchema,
  CorsSchema,
} from '../../xds/gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { at, mapAt } from '../config/config-error.ts';
import { type Keyed, keyedShare } from '../config/runtime-keys.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import { bytesOf, compileString } from '../route/match/string-matcher.ts';
import { compiler, type FilterKind, perScope, routeSettings } from './define.ts';
import type { FilterScope, HttpFilter, LocalReply } from './filter.ts';

type Policy = {
  readonly enabled: Keyed<number>;
  readonly shadowed: Keyed<number>;
  allows(origin: string): boolean;
  readonly methods: string;
  readonly headers: string;
  readonly exposed: string;
  readonly maxAge: string;
  readonly credentials: boolean;
  readonly privateNetwork: boolean;
  readonly forwardsOthers: boolean;
};

class CorsStats {
  origin_valid = 0;
  origin_invalid = 0;
}

const policies = routeSettings<Policy>();

export const cors: FilterKind = {
  chain: compiler(CorsSchema, (_config, name) => createCors(name)),
  route: compiler(CorsPolicySchema, (config, name, path) => policies.make(name, compilePolicy(config, path))),
};

function createCors(name: string): HttpFilter {
  const statsOf = perScope((scope) => scope.stats(`${scope.prefix}cors`, () => new CorsStats()));
  return {
    name,
    open(exchange, scope) {
      const policy = policies.of(exchange, name);
      const origin = exchange.request.headers.get('origin') ?? '';
      // As Envoy does, direct responses and redirects are left alone.
      if (policy === undefined || origin === '' || exchange.route?.action.kind !== 'forward') return null;
      let marks = false;
      return {
        request: {
          head(head) {
            const verdict = judge(policy, origin, scope, statsOf(scope));
            marks = verdict === 'allowed';
            if (verdict === 'skipped' || !isPreflight(head)) return undefined;
            if (marks) return preflightAnswer(permissions(policy, origin, head));
            return policy.forwardsOthers ? undefined : preflightAnswer(permissions(policy, null, head));
          },
        },
        response: { head: (head) => (marks ? mark(head, policy, origin) : undefined) },
      };
    },
  };
}

function judge(
  policy: Policy,
  origin: string,
  { random, runtime }: FilterScope,
  stats: CorsStats,
): 'allowed' | 'refused' | 'skipped' {
  const enabled = random() < policy.enabled(runtime);
  if (!enabled && random() >= policy.shadowed(runtime)) return 'skipped';
  const allowed = policy.allows(origin);
  stats[allowed ? 'origin_valid' : 'origin_invalid'] += 1;
  if (!enabled) return 'skipped';
  return allowed ? 'allowed' : 'refused';
}

function isPreflight({ method, headers }: RequestHead): boolean {
  return method === 'OPTIONS' && (headers.get('access-control-request-method') ?? '') !== '';
}

function preflightAnswer(headers: HeaderMap): LocalReply {
  return { status: 200, body: '', details: 'cors_response', flags: 0, headers, asIs: true };
}

/** `origin`: null where it may do nothing; what others may is told all the same, as by Envoy. */
function permissions(policy: Policy, origin: string | null, { headers: asked }: RequestHead): HeaderMap {
  const headers = new HeaderMap(origin === null ? [] : ['access-control-allow-origin', origin]);
  const set = (name: string, value: string) => {
    if (value !== '') headers.append(name, value);
  };
  if (policy.credentials) set('access-control-allow-credentials', 'true');
  set('access-control-allow-methods', policy.methods);
  set('access-control-allow-headers', policy.headers);
  set('access-control-max-age', policy.maxAge);
  if (policy.privateNetwork && asked.get('access-control-request-private-network') === 'true')
    set('access-control-allow-private-network', 'true');
  return headers;
}

function mark({ headers }: ResponseHead, policy: Policy, origin: string): undefined {
  headers.set('access-control-allow-origin', origin);
  if (policy.credentials) headers.set('access-control-allow-credentials', 'true');
  if (policy.exposed !== '') headers.set('access-control-expose-headers', policy.exposed);
}

function compilePolicy(config: CorsPolicy, path: string): Policy {
  const origins = mapAt(config.allowOriginStringMatch, at(path, 'allow_origin_string_match'), compileString);
  return {
    enabled: keyedShare(config.filterEnabled, 1),
    shadowed: keyedShare(config.shadowEnabled, 0),
    allows: (origin) => origins.some((test) => test(origin) || test('*')),
    methods: bytesOf(config.allowMethods),
    headers: bytesOf(config.allowHeaders),
    exposed: bytesOf(config.exposeHeaders),
    maxAge: bytesOf(config.maxAge),
    credentials: config.allowCredentials ?? false,
    privateNetwork: config.allowPrivateNetworkAccess ?? false,
    forwardsOthers: config.forwardNotMatchingPreflights ?? true,
  };
}
