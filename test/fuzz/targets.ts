// Everything that is fuzzed.
import { chunked } from './chunked.ts';
import { clientHello, proxyHeader, requestLine } from './first-bytes.ts';
import { grpcWeb } from './grpc-web.ts';
import { hpack } from './hpack.ts';
import { http1 } from './http1.ts';
import { http2Client, http2Server } from './http2.ts';
import { jwks, jwt } from './jwt.ts';
import { logFormat } from './log-format.ts';
import { path, uriTemplate } from './paths.ts';
import type { Target } from './target.ts';
import { xds } from './xds.ts';

export const targets: readonly Target[] = [
  ...[http1, chunked, hpack, http2Server, http2Client],
  ...[proxyHeader, clientHello, requestLine],
  ...[path, uriTemplate, grpcWeb, jwt, jwks],
  ...[logFormat, xds],
];
