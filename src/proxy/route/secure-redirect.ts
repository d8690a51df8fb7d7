// The route that a virtual host with `require_tls` has for plain text: the same place over HTTPS. It is Envoy's own, so that nothing of the
// virtual host applies to it.
import { noRouteLimits } from '../filter/rate-limit/route-limits.ts';
import type { RouteEntry } from './table.ts';

export function secureRedirect(virtualHost: string): RouteEntry {
  return {
    name: '',
    virtualHost,
    hostMetadata: {},
    action: {
      kind: 'redirect',
      status: 301,
      location: ({ request: { authority, path } }) => `https://${authority}${path}`,
      changePath: null,
    },
    editRequest: () => undefined,
    editResponse: () => undefined,
    filters: new Map(),
    rateLimits: noRouteLimits,
    metadata: {},
    charge: null,
    decorator: null,
    tracing: null,
  };
}
