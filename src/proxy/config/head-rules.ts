// What a connection manager makes of request heads before routing beside what it always does: hosts, schemes, ports and paths as they are to
// look, and who is told of what.
import {
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
  type HttpConnectionManager,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { HeaderMutationSchema } from '../../xds/gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.ts';
import type { Exchange } from '../http/exchange.ts';
import { compileMutation } from '../route/header-edits.ts';
import { unpack } from './any.ts';
import { type ClientDetector, decodeDetectors } from './client-address.ts';
import { at, ConfigError, mapAt } from './config-error.ts';

export type HeadRules = {
  readonly normalizePath: boolean;
  readonly mergeSlashes: boolean;
  /** What becomes of `%2F` and `%5C` in paths. */
  readonly escapedSlashes: 'keep' | 'reject' | 'redirect' | 'forward';
  /** null: hosts stay as clients write them. `port` is the connection's own. */
  readonly normalizeHost: ((host: string, port: number) => string) | null;
  /** null: X-Forwarded-For and the connection say who the client is. The first that finds somebody counts. */
  readonly detectors: readonly ClientDetector[] | null;
  /** Before routes are looked for; null: nothing is changed. */
  readonly mutateEarly: ((exchange: Exchange) => void) | null;
  /** null: nothing more. */
  readonly editHead: HeadEdit | null;
  /** Clients are told the request id. */
  readonly answersRequestId: boolean;
  /** Clients that are turned away for load are told why. */
  readonly tellsOverload: boolean;
  /** A bad request does not end its connection. */
  readonly outlivesBadRequests: boolean;
  /** `Expect: 100-continue` and its answer pass through. */
  readonly proxies100Continue: boolean;
};

type HeadEdit = (exchange: Exchange, node: { readonly id: string; readonly cluster: string }) => void;

export function decodeHeadRules(manager: HttpConnectionManager, path: string): HeadRules {
  return {
    normalizePath: manager.normalizePath ?? false,
    mergeSlashes: manager.mergeSlashes,
    escapedSlashes: decodeEscaped(manager.pathWithEscapedSlashesAction, at(path, 'path_with_escaped_slashes_action')),
    normalizeHost: compileHost(manager, path),
    detectors: decodeDetectors(manager, path),
    mutateEarly: compileEarly(manager, at(path, 'early_header_mutation_extensions')),
    editHead: compileEdits(manager, path),
    answersRequestId: manager.alwaysSetRequestIdInResponse,
    tellsOverload: manager.appendLocalOverload,
    outlivesBadRequests:
      manager.httpProtocolOptions?.overrideStreamErrorOnInvalidHttpMessage ??
      manager.streamErrorOnInvalidHttpMessage ??
      false,
    proxies100Continue: manager.proxy100Continue,
  };
}

const ACTIONS: ReadonlyMap<EscapedSlashes, HeadRules['escapedSlashes']> = new Map([
  [EscapedSlashes.IMPLEMENTATION_SPECIFIC_DEFAULT, 'keep'],
  [EscapedSlashes.KEEP_UNCHANGED, 'keep'],
  [EscapedSlashes.REJECT_REQUEST, 'reject'],
  [EscapedSlashes.UNESCAPE_AND_REDIRECT, 'redirect'],
  [EscapedSlashes.UNESCAPE_AND_FORWARD, 'forward'],
]);

function decodeEscaped(action: EscapedSlashes, path: string): HeadRules['escapedSlashes'] {
  const known = ACTIONS.get(action);
  if (known === undefined) throw new ConfigError(path, 'is not known');
  return known;
}

/** The port of a host, where it has one that is a number. */
const PORT = /:(\d+)$/;

function compileHost(manager: HttpConnectionManager, path: string): HeadRules['normalizeHost'] {
  const { stripMatchingHostPort: matching, stripTrailingHostDot: undots, stripPortMode } = manager;
  const any = stripPortMode.case === 'stripAnyHostPort' && stripPortMode.value;
  if (matching && any) throw new ConfigError(at(path, 'strip_any_host_port'), 'is set beside strip_matching_host_port');
  if (!matching && !any && !undots) return null;
  return (host, port) => {
    const named = undots ? host.replace(/\.(?=(?::\d+)?$)/, '') : host;
    if (!any && !matching) return named;
    const found = PORT.exec(named);
    if (found === null || (matching && Number(found[1]) !== port)) return named;
    return named.slice(0, found.index);
  };
}

function compileEarly(
  { earlyHeaderMutationExtensions: extensions }: HttpConnectionManager,
  path: string,
): HeadRules['mutateEarly'] {
  if (extensions.length === 0) return null;
  const edits = mapAt(extensions, path, ({ typedConfig }, here) => {
    const { mutations } = unpack(typedConfig, HeaderMutationSchema, at(here, 'typed_config'));
    return mapAt(mutations, at(here, 'typed_config.mutations'), compileMutation).flat();
  }).flat();
  return (exchange) => {
    for (const edit of edits) edit(exchange.request.headers, exchange, null);
  };
}

/** In Envoy's order. */
function compileEdits(manager: HttpConnectionManager, path: string): HeadEdit | null {
  const edits: HeadEdit[] = [];
  if (manager.appendXForwardedPort) edits.push(forwardPort(manager));
  const scheme = decodeScheme(manager, at(path, 'scheme_header_transformation'));
  if (scheme !== null) edits.push(scheme);
  if (manager.addUserAgent) edits.push(nameNode);
  if (edits.length === 0) return null;
  return (exchange, node) => {
    for (const edit of edits) edit(exchange, node);
  };
}

/** Whoever is not trusted with the port of the request cannot say it. */
function forwardPort({ useRemoteAddress = false, xffNumTrustedHops }: HttpConnectionManager): HeadEdit {
  const overwrites = useRemoteAddress && xffNumTrustedHops === 0;
  return ({ request: { headers }, downstream: { local } }) => {
    if (local.port > 0 && (overwrites || !headers.has('x-forwarded-port')))
      headers.set('x-forwarded-port', String(local.port));
  };
}

function decodeScheme({ schemeHeaderTransformation }: HttpConnectionManager, path: string): HeadEdit | null {
  const { transformation, matchUpstream = false } = schemeHeaderTransformation ?? {};
  if (matchUpstream) throw new ConfigError(at(path, 'match_upstream'), 'is not supported');
  if (transformation?.case !== 'schemeToOverwrite') return null;
  const scheme = transformation.value;
  if (scheme !== 'http' && scheme !== 'https')
    throw new ConfigError(at(path, 'scheme_to_overwrite'), 'must be http or https');
  return ({ request }) => {
    request.scheme = scheme;
    request.headers.set('x-forwarded-proto', scheme);
  };
}

const nameNode: HeadEdit = ({ request: { headers } }, { id, cluster }) => {
  headers.set('x-envoy-downstream-service-cluster', cluster);
  if ((headers.get('user-agent') ?? '') === '') headers.set('user-agent', cluster);
  if (id !== '') headers.set('x-envoy-downstream-service-node', id);
};
