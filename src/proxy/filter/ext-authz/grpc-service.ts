// An authorization server that speaks gRPC (envoy.service.auth.v3): it gets everything about the request, and says what is to become of it.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { GrpcService } from '../../../xds/gen/envoy/config/core/v3/grpc_service_pb.ts';
import { AttributeContextSchema } from '../../../xds/gen/envoy/service/auth/v3/attribute_context_pb.ts';
import {
  Authorization,
  CheckRequestSchema,
  type CheckResponse,
} from '../../../xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import { decodeUnaryService } from '../../config/grpc-service.ts';
import type { Exchange } from '../../http/exchange.ts';
import { HeaderMap } from '../../http/headers.ts';
import { bytesOf } from '../../route/match/string-matcher.ts';
import { destinationOf, sourceOf } from './peers.ts';
import { type AuthService, type CheckedBody, PARTIAL_BODY, type ServiceOptions } from './service.ts';
import { change, type HeaderChange, requestChangeOf, responseChangeOf, type Verdict } from './verdict.ts';

/** Milliseconds, Envoy's default. */
const TIMEOUT = 200;
const OK = 0;

export function compileGrpcService(service: GrpcService, path: string): (options: ServiceOptions) => AuthService {
  const target = decodeUnaryService(service, TIMEOUT, path);
  return (options) => ({
    cluster: target.cluster,
    check(exchange, body, extensions, scope, done) {
      const request = create(CheckRequestSchema, {
        attributes: attributes(exchange, body, extensions, options, labelsOf(scope.node.metadata[options.labelsKey])),
      });
      return scope.client.grpc(Authorization.method.check, target, request, (outcome) => {
        if (outcome.kind === 'message') done(verdictOf(outcome.message));
        else done({ kind: 'error' });
      });
    },
  });
}

function attributes(
  exchange: Exchange,
  body: CheckedBody | null,
  contextExtensions: Readonly<Record<string, string>>,
  options: ServiceOptions,
  labels: Record<string, string>,
) {
  const { downstream, request, metadata, route } = exchange;
  const { tls } = downstream;
  const noted = options.metadataNamespaces.flatMap((name) => {
    const value = metadata?.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const routed = options.routeMetadataNamespaces.flatMap((name) => {
    const value = route?.metadata[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return create(AttributeContextSchema, {
    source: {
      ...sourceOf(downstream, options.includeCertificate),
      service: request.headers.get('x-envoy-downstream-service-cluster') ?? '',
    },
    destination: { ...destinationOf(downstream), labels },
    request: {
      time: timestampFromMs(exchange.startedAt),
      http: {
        id: request.headers.get('x-request-id') ?? '',
        method: request.method,
        ...headersOf(exchange, body, options),
        path: text(request.path),
        host: text(request.authority),
        scheme: request.scheme,
        protocol: request.protocol,
        size: BigInt(exchange.requestBytes),
        ...(body === null ? {} : options.packAsBytes ? { rawBody: body.bytes } : { body: body.bytes.toString('utf8') }),
      },
    },
    contextExtensions: { ...contextExtensions },
    metadataContext: { filterMetadata: Object.fromEntries(noted) as Record<string, never> },
    routeMetadataContext: { filterMetadata: Object.fromEntries(routed) as Record<string, never> },
    ...(options.includeTlsSession && tls !== null ? { tlsSession: { sni: tls.sni } } : {}),
  });
}

/** What is no text is '', as with Envoy. */
function labelsOf(metadata: unknown): Record<string, string> {
  if (typeof metadata !== 'object' || metadata === null) return {};
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name, typeof value === 'string' ? value : '']),
  );
}

/** By name, several values joined; or one by one, with their bytes. */
function headersOf({ request }: Exchange, body: CheckedBody | null, { headers: choice, rawHeaders }: ServiceOptions) {
  const all: (readonly [name: string, value: string])[] = [
    [':authority', request.authority],
    [':method', request.method],
    [':path', request.path],
    [':scheme', request.scheme],
    ...request.headers,
  ];
  const shown = all.filter(([name]) => !choice.disallowed(name) && choice.allowed?.(name) !== false);
  if (body !== null) shown.push([PARTIAL_BODY, String(body.partial)]);
  if (rawHeaders)
    return { headerMap: { headers: shown.map(([key, value]) => ({ key, rawValue: Buffer.from(value, 'latin1') })) } };
  const headers: Record<string, string> = {};
  for (const [name, value] of shown) {
    const before = headers[name];
    headers[name] = before === undefined ? text(value) : `${before},${text(value)}`;
  }
  return { headers };
}

/** Bytes of a head as the UTF-8 that protobuf wants; what is none is replaced, as by Envoy. */
function text(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8').replaceAll('\uFFFD', '!');
}

function verdictOf({ status, httpResponse, dynamicMetadata }: CheckResponse): Verdict {
  const metadata = dynamicMetadata ?? null;
  if ((status?.code ?? OK) === OK) {
    const ok = httpResponse.case === 'okResponse' ? httpResponse.value : undefined;
    return {
      kind: 'ok',
      request: inOrder((ok?.headers ?? []).map(requestChangeOf)),
      remove: (ok?.headersToRemove ?? []).map((name) => name.toLowerCase()),
      response: (ok?.responseHeadersToAdd ?? []).map(responseChangeOf),
      query: {
        set: (ok?.queryParametersToSet ?? []).map(({ key, value }) => [bytesOf(key), bytesOf(value)] as const),
        remove: (ok?.queryParametersToRemove ?? []).map(bytesOf),
      },
      metadata: metadata ?? ok?.dynamicMetadata ?? null,
    };
  }
  if (httpResponse.case === 'errorResponse') return { kind: 'error' };
  const denied = httpResponse.case === 'deniedResponse' ? httpResponse.value : undefined;
  const headers = new HeaderMap();
  change(headers, (denied?.headers ?? []).map(responseChangeOf));
  return {
    kind: 'denied',
    status: denied?.status?.code || 403,
    headers,
    body: Buffer.from(denied?.body ?? ''),
    metadata,
  };
}

/** Values are replaced before others are added to. */
function inOrder(changes: readonly HeaderChange[]): readonly HeaderChange[] {
  return [...changes.filter(({ how }) => how === 'set'), ...changes.filter(({ how }) => how !== 'set')];
}
