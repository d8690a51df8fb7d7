// An authorization server that speaks HTTP: it gets the head of the request, and its status decides.
import type { HttpService } from '../../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import type { HttpAnswer } from '../../client/http-call.ts';
import { compileCallRetry } from '../../config/call-retry.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import { decodeHttpUri } from '../../config/http-uri.ts';
import type { Exchange } from '../../http/exchange.ts';
import { HeaderMap } from '../../http/headers.ts';
import type { RequestHead } from '../../http/message.ts';
import { bytesOf, type StringTest } from '../../route/match/string-matcher.ts';
import {
  type AuthService,
  type CheckedBody,
  compileList,
  type HeaderChoice,
  PARTIAL_BODY,
  type ServiceOptions,
} from './service.ts';
import { type HeaderChange, noChanges, type Verdict } from './verdict.ts';

const LARGEST_ANSWER = 1024 * 1024;
const REMOVES = 'x-envoy-auth-headers-to-remove';
/** Never passed on: they belong to the connection the answer came on. */
const OF_CONNECTION: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive']);
const ALWAYS_TO_CLIENT: ReadonlySet<string> = new Set([
  'location',
  'proxy-authenticate',
  'set-cookie',
  'www-authenticate',
]);
const never = () => false;

export function compileHttpService(service: HttpService, path: string): (options: ServiceOptions) => AuthService {
  const uri = decodeHttpUri(service.serverUri, at(path, 'server_uri'));
  const { pathPrefix, pathOverride } = service;
  if (pathPrefix !== '' && !pathPrefix.startsWith('/'))
    throw new ConfigError(at(path, 'path_prefix'), 'must begin with /');
  if (pathOverride !== '' && !pathOverride.startsWith('/'))
    throw new ConfigError(at(path, 'path_override'), 'must begin with /');
  if (pathPrefix !== '' && pathOverride !== '')
    throw new ConfigError(at(path, 'path_override'), 'is set beside path_prefix');
  // Where the list stood before it was the filter's own.
  const old = compileList(
    service.authorizationRequest?.allowedHeaders,
    at(path, 'authorization_request.allowed_headers'),
  );
  const retry = compileCallRetry(service.retryPolicy, '', at(path, 'retry_policy'));
  const added = service.authorizationRequest?.headersToAdd ?? [];
  const read = compileAnswer(service, at(path, 'authorization_response'));
  return ({ headers: { allowed, disallowed } }) => ({
    cluster: uri.cluster,
    check(exchange, body, _extensions, scope, done) {
      const head = question(exchange, body, { allowed: allowed ?? old, disallowed });
      head.path = pathOverride || `${pathPrefix}${head.path}`;
      for (const { key, value } of added) head.headers.set(key.toLowerCase(), bytesOf(value));
      const call = {
        cluster: uri.cluster,
        head,
        body: body?.bytes ?? null,
        timeout: uri.timeout,
        maxBytes: LARGEST_ANSWER,
        retry,
      };
      return scope.client.http(call, (outcome) => {
        if (outcome.kind === 'answer') done(read(outcome.answer));
        else done({ kind: 'error' });
      });
    },
  });
}

/** Method, path and host are always those of the request; of its headers only `Authorization`, and what is allowed. */
function question({ request }: Exchange, body: CheckedBody | null, { allowed, disallowed }: HeaderChoice): RequestHead {
  const headers = new HeaderMap(['content-length', String(body?.bytes.length ?? 0)]);
  for (const [name, value] of request.headers) {
    if (name === 'content-length' || disallowed(name)) continue;
    if (name === 'authorization' || allowed?.(name) === true) headers.append(name, value);
  }
  if (body !== null) headers.set(PARTIAL_BODY, String(body.partial));
  const { method, scheme, authority, path } = request;
  return { ...request, method, scheme, authority, path, protocol: 'HTTP/1.1', headers };
}

function compileAnswer(service: HttpService, path: string): (answer: HttpAnswer) => Verdict {
  const response = service.authorizationResponse;
  const upstream = compileList(response?.allowedUpstreamHeaders, at(path, 'allowed_upstream_headers')) ?? never;
  const appended =
    compileList(response?.allowedUpstreamHeadersToAppend, at(path, 'allowed_upstream_headers_to_append')) ?? never;
  const onSuccess =
    compileList(response?.allowedClientHeadersOnSuccess, at(path, 'allowed_client_headers_on_success')) ?? never;
  const noted = compileList(response?.dynamicMetadataFromHeaders, at(path, 'dynamic_metadata_from_headers')) ?? never;
  const toClient = clientHeaders(compileList(response?.allowedClientHeaders, at(path, 'allowed_client_headers')));
  return ({ status, headers, body }) => {
    if (status >= 500) return { kind: 'error' };
    const metadata = metadataOf(headers, noted);
    if (status !== 200) return { kind: 'denied', status, headers: toClient(headers), body, metadata };
    return {
      ...noChanges,
      kind: 'ok',
      request: [...changes(headers, upstream, 'set'), ...changes(headers, appended, 'add')],
      remove: (headers.joined(REMOVES) ?? '').split(',').flatMap((name) => name.trim().toLowerCase() || []),
      response: changes(headers, onSuccess, 'add'),
      metadata,
    };
  };
}

/** Where nothing is said, everything the server sent but its host. */
function clientHeaders(allowed: StringTest | null): (headers: HeaderMap) => HeaderMap {
  return (headers) => {
    const kept = new HeaderMap();
    for (const [name, value] of headers) {
      if (OF_CONNECTION.has(name)) continue;
      if (allowed === null || ALWAYS_TO_CLIENT.has(name) || allowed(name)) kept.append(name, value);
    }
    return kept;
  };
}

function changes(headers: HeaderMap, chosen: StringTest, how: HeaderChange['how']): HeaderChange[] {
  const found: HeaderChange[] = [];
  for (const [name, value] of headers) if (chosen(name)) found.push({ how, name, value });
  return found;
}

function metadataOf(headers: HeaderMap, chosen: StringTest): Record<string, string> | null {
  const found: Record<string, string> = {};
  for (const [name, value] of headers) if (chosen(name)) found[name] = value;
  return Object.keys(found).length === 0 ? null : found;
}
