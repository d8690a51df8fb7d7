// bench/sidecar: what a sidecar does in a mesh with policies: a token checked, callers authorised, an access log, retries, a hundred routes.

import { http1Client } from '../clients.ts';
import type { Scenario } from '../comparison.ts';
import { xdsProxies } from '../contestants.ts';
import { type HopShape, typed } from '../proxy-config.ts';
import { plainUpstream } from '../upstreams.ts';
import { ISSUER, type Token, tokenWithKeys } from './token.ts';

/** Istio's default access log. */
const LOG_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %ROUTE_NAME%\n';

const token = tokenWithKeys();

/** What the proxy is told, and what a client must send. */
export const withPolicies = {
  shape: policies(token),
  headers: [`authorization: Bearer ${token.text}`, 'x-team: shop'],
} as const;

export const sidecar: readonly Scenario[] = [
  {
    name: 'policies',
    contestants: xdsProxies(withPolicies.shape),
    client: { ...http1Client, headers: withPolicies.headers },
    upstream: plainUpstream,
  },
];

function policies({ jwks }: Token): HopShape {
  return {
    filters: [
      filter('jwt_authn', 'JwtAuthentication', jwtAuthentication(jwks)),
      filter('rbac', 'RBAC', authorization()),
    ],
    routes: Array.from({ length: 100 }, (_, i) => ({
      match: { prefix: `/service-${i}/`, headers: [{ name: 'x-version', string_match: { exact: `v${i}` } }] },
      route: { cluster: 'upstream', timeout: '5s' },
    })),
    action: {
      timeout: '5s',
      retry_policy: { retry_on: 'connect-failure,refused-stream,unavailable,5xx', num_retries: 2 },
    },
    manager: { access_log: [accessLog()] },
  };
}

function filter(name: string, type: string, fields: Readonly<Record<string, unknown>>) {
  return { name: `envoy.filters.http.${name}`, typed_config: typed(`filters.http.${name}.v3.${type}`, fields) };
}

function jwtAuthentication(jwks: string) {
  const provider = {
    issuer: ISSUER,
    local_jwks: { inline_string: jwks },
    forward: true,
    payload_in_metadata: 'claims',
  };
  return {
    providers: { bench: provider },
    rules: [{ match: { prefix: '/' }, requires: { provider_name: 'bench' } }],
  };
}

function authorization() {
  return {
    rules: {
      action: 'ALLOW',
      policies: {
        readers: {
          permissions: [
            {
              and_rules: {
                rules: [
                  { header: { name: ':method', string_match: { exact: 'GET' } } },
                  { url_path: { path: { prefix: '/bench' } } },
                ],
              },
            },
          ],
          principals: [{ header: { name: 'x-team', string_match: { exact: 'shop' } } }],
        },
        operators: {
          permissions: [{ any: true }],
          principals: [{ header: { name: 'x-team', string_match: { prefix: 'ops-' } } }],
        },
      },
    },
  };
}

/** To a file that keeps nothing. */
function accessLog() {
  return {
    name: 'envoy.access_loggers.file',
    typed_config: typed('access_loggers.file.v3.FileAccessLog', {
      path: '/dev/null',
      log_format: {
        text_format_source: {
          inline_string: LOG_FORMAT,
        },
      },
    }),
  };
}
