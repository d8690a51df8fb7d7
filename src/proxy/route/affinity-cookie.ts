// The cookie that binds a client to an endpoint: a hash policy with a ttl gives one to every client that has none.
import { durationMs } from '@bufbuild/protobuf/wkt';
import { hexOf, xxHash64 } from '../../lib/hash.ts';
import type {
  RouteAction_HashPolicy,
  RouteAction_HashPolicy_Cookie,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { Exchange } from '../http/exchange.ts';
import { type HeaderEdits, sequence } from './header-edits.ts';
import { cookieValue } from './match/cookie.ts';
import { bytesOf } from './match/string-matcher.ts';

/** The value a connection's client would get: the same for all its requests, so that it is known before the answer is. */
export function affinityValue({ downstream: { remote, local } }: Exchange): string {
  const ends = `${remote.address}:${remote.port}${local.address}:${local.port}`;
  return hexOf(xxHash64(ends));
}

export function compileAffinityCookies(policies: readonly RouteAction_HashPolicy[]): HeaderEdits {
  const cookies = policies.flatMap(({ policySpecifier: { case: kind, value } }) =>
    kind === 'cookie' && value.ttl !== undefined ? [compileCookie(value)] : [],
  );
  return sequence(cookies);
}

function compileCookie({ name, ttl, path, attributes: more }: RouteAction_HashPolicy_Cookie): HeaderEdits {
  const bytes = bytesOf(name);
  const seconds = ttl === undefined ? 0 : Math.floor(durationMs(ttl) / 1000);
  const added = more.map((one) => `; ${bytesOf(one.name)}${one.value === '' ? '' : `=${bytesOf(one.value)}`}`).join('');
  const attributes = `${seconds > 0 ? `; Max-Age=${seconds}` : ''}${path === '' ? '' : `; Path=${bytesOf(path)}`}${added}; HttpOnly`;
  return {
    request: () => undefined,
    response(exchange, head) {
      // Only an endpoint's answer binds to that endpoint.
      if (exchange.endpoint === null || cookieValue(exchange.request.headers, bytes) !== undefined) return;
      head.headers.append('set-cookie', `${bytes}="${affinityValue(exchange)}"${attributes}`);
    },
  };
}
