// The cookie that binds a client to an endpoint: a hash policy with a ttl gives one to every client that has none.
import { durationMs } from '@bufbuild/protobuf/wkt';
import { hexOf, xxHash64 } from '../../lib/hash.ts';
import type {
  RouteAction_HashPolicy,
  RouteAction_HashPolicy_Cookie,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderEdits } from './header-edits.ts';
import { bytesOf } from './match/string-matcher.ts';

/** The answer binds the client: as the value of its cookie, what a connection's client always gets, so that it is known before the answer is. */
export function compileAffinity(cookie: RouteAction_HashPolicy_Cookie): (exchange: Exchange) => string {
  const { name, ttl, path, attributes } = cookie;
  const bytes = bytesOf(name);
  const seconds = ttl === undefined ? 0 : Math.floor(durationMs(ttl) / 1000);
  const added = attributes
    .map((one) => `; ${bytesOf(one.name)}${one.value === '' ? '' : `=${bytesOf(one.value)}`}`)
    .join('');
  const rest = `${seconds > 0 ? `; Max-Age=${seconds}` : ''}${path === '' ? '' : `; Path=${bytesOf(path)}`}${added}; HttpOnly`;
  return (exchange) => {
    const value = affinityValue(exchange);
    exchange.affinityCookies ??= [];
    exchange.affinityCookies.push(`${bytes}="${value}"${rest}`);
    return value;
  };
}

/** Hands the cookies out that became due; only an endpoint's answer binds to that endpoint. */
export function compileAffinityCookies(policies: readonly RouteAction_HashPolicy[]): HeaderEdits | null {
  const gives = policies.some(
    ({ policySpecifier: { case: kind, value } }) => kind === 'cookie' && value.ttl !== undefined,
  );
  if (!gives) return null;
  return {
    request: () => undefined,
    response({ endpoint, affinityCookies }, { headers }) {
      if (endpoint === null || affinityCookies === null) return;
      for (const cookie of affinityCookies) headers.append('set-cookie', cookie);
    },
  };
}

function affinityValue({ downstream: { remote, local } }: Exchange): string {
  const ends = `${remote.address}:${remote.port}${local.address}:${local.port}`;
  return hexOf(xxHash64(ends)).padStart(16, '0');
}
