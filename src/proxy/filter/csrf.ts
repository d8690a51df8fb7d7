// The filter envoy.filters.http.csrf: a request that changes something must come from the origin it goes to, or from one that is named.
import { type CsrfPolicy, CsrfPolicySchema } from '../../xds/gen/envoy/extensions/filters/http/csrf/v3/csrf_pb.ts';
import { at, mapAt } from '../config/config-error.ts';
import { keyedShare } from '../config/runtime-keys.ts';
import type { HeaderMap } from '../http/headers.ts';
import { compileString } from '../route/match/string-matcher.ts';
import { compiler, type FilterKind, perScope } from './define.ts';
import type { HttpFilter, LocalReply } from './filter.ts';

class CsrfStats {
  missing_source_origin = 0;
  request_invalid = 0;
  request_valid = 0;
}

const CHANGES: ReadonlySet<string> = new Set(['POST', 'PUT', 'DELETE', 'PATCH']);

const refusal: LocalReply = {
  status: 403,
  body: 'Invalid origin',
  details: 'csrf_origin_mismatch',
  flags: 0,
  headers: null,
};

/** A route's policy is complete: it takes the place of the chain's. */
export const csrf: FilterKind = {
  chain: compiler(CsrfPolicySchema, createCsrf),
  route: compiler(CsrfPolicySchema, createCsrf),
};

function createCsrf(config: CsrfPolicy, name: string, path: string): HttpFilter {
  const enabled = keyedShare(config.filterEnabled, 1);
  const shadowed = keyedShare(config.shadowEnabled, 0);
  const origins = mapAt(config.additionalOrigins, at(path, 'additional_origins'), compileString);
  const statsOf = perScope((scope) => scope.stats(`${scope.prefix}csrf`, () => new CsrfStats()));
  return {
    name,
    request({ request }, scope) {
      if (!CHANGES.has(request.method)) return undefined;
      const enforced = scope.random() < enabled(scope.runtime);
      if (!enforced && scope.random() >= shadowed(scope.runtime)) return undefined;
      const stats = statsOf(scope);
      const source = sourceOf(request.headers);
      if (source === '') stats.missing_source_origin += 1;
      else if (source === hostOf(request.authority) || origins.some((test) => test(source))) {
        stats.request_valid += 1;
        return undefined;
      } else stats.request_invalid += 1;
      return enforced ? refusal : undefined;
    },
  };
}

/** An origin that a browser keeps to itself is `null`: none. */
function sourceOf(headers: HeaderMap): string {
  const origin = headers.get('origin') ?? '';
  return (origin === 'null' ? '' : hostOf(origin)) || hostOf(headers.get('referer') ?? '');
}

/** `host:port` of a URL; what is none stands for itself. */
function hostOf(text: string): string {
  return /^https?:\/\/([^/?#]+)/i.exec(text)?.[1] ?? text;
}
