// Following an upstream's redirect inside the proxy (Envoy's internal_redirect_policy): what the request becomes, or why the redirect is passed on.
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { InternalRedirect } from '../route/internal-redirect.ts';
import type { ConnectionManager } from './connection-manager.ts';

/** Redirects of one request so far. `taken`: by name of the route that was redirected, the names of the routes it led to. */
export type RedirectHistory = { readonly count: number; readonly taken: ReadonlyMap<string, readonly string[]> };

const NO_HISTORY: RedirectHistory = { count: 0, taken: new Map() };
const ABSOLUTE = /^(https?):\/\/([^/?#]+)([^#]*)/i;

export type Redirected = { readonly request: RequestHead; readonly history: RedirectHistory };

/** null: the redirect is passed on; a counter says why. */
export function redirect(
  exchange: Exchange,
  response: ResponseHead,
  policy: InternalRedirect,
  manager: ConnectionManager,
  history: RedirectHistory | null,
): Redirected | null {
  const { stats } = manager;
  const location = ABSOLUTE.exec(response.headers.get('location') ?? '');
  if (location === null) {
    stats.passthrough_internal_redirect_bad_location += 1;
    return null;
  }
  // Whatever X-Forwarded-Proto says, what came in plain text was plain.
  const from = exchange.downstream.tls === null ? 'http' : exchange.request.scheme;
  const to = location[1]!.toLowerCase() === 'https' ? 'https' : 'http';
  if (from !== to && !policy.crossScheme) {
    stats.passthrough_internal_redirect_unsafe_scheme += 1;
    return null;
  }
  const before = history ?? NO_HISTORY;
  if (before.count >= policy.limit) {
    stats.passthrough_internal_redirect_too_many_redirects += 1;
    return null;
  }
  const [, , authority, target] = location;
  const path = target!.startsWith('/') ? target! : `/${target}`;
  const request = nextRequest(exchange.request, from, response, { scheme: to, authority: authority!, path }, policy);
  const route = manager.routes?.match(request, exchange, manager.services.random, manager.services.runtime) ?? null;
  if (route === null) {
    stats.passthrough_internal_redirect_no_route += 1;
    return null;
  }
  const own = exchange.route?.name ?? '';
  const taken = before.taken.get(own) ?? [];
  if (!policy.predicates.every((accepts) => accepts({ target: route.name, taken, from, to }))) {
    stats.passthrough_internal_redirect_predicate += 1;
    return null;
  }
  return {
    request,
    history: { count: before.count + 1, taken: new Map(before.taken).set(own, [...taken, route.name]) },
  };
}

/** RFC 9110 15.4.4: what a 303 leads to is fetched. */
function nextRequest(
  request: RequestHead,
  from: 'http' | 'https',
  { status, headers: answered }: ResponseHead,
  place: Pick<RequestHead, 'scheme' | 'authority' | 'path'>,
  policy: InternalRedirect,
): RequestHead {
  const headers = request.headers.clone();
  for (const name of policy.copiedHeaders) {
    headers.remove(name);
    for (const [given, value] of answered) if (given === name) headers.append(name, value);
  }
  headers.set('x-envoy-original-url', `${from}://${request.authority}${request.path}`);
  const fetched = status === 303 && request.method !== 'GET' && request.method !== 'HEAD';
  if (fetched) headers.remove('content-length');
  return { ...request, ...place, headers, method: fetched ? 'GET' : request.method };
}
