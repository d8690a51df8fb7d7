// One export to a collector: the same message goes as gRPC or as the body of a POST.

import type { HttpCall } from '../client/http-call.ts';
import { frameMessage } from '../http/grpc-messages.ts';
import { HeaderMap } from '../http/headers.ts';
import type { ExporterConfig } from './config.ts';

/** How a kind of message is sent. */
export type Envelope = {
  readonly grpcPath: string;
  readonly contentType: string;
  readonly userAgent: string | null;
};

const MAXIMUM_ANSWER = 64 * 1024;
const POST = { method: 'POST', scheme: 'http', upgrade: '' } as const;

export function exportCall(target: ExporterConfig['target'], envelope: Envelope, message: Uint8Array): HttpCall {
  const common = { maxBytes: MAXIMUM_ANSWER, retry: null };
  if (target.kind === 'grpc') {
    const { cluster, authority, timeout, metadata } = target.service;
    const headers = new HeaderMap(['te', 'trailers', 'content-type', 'application/grpc']);
    if (metadata !== null) for (const [name, value] of metadata) headers.append(name, value);
    const head = {
      ...POST,
      authority: authority || cluster,
      path: envelope.grpcPath,
      protocol: 'HTTP/2' as const,
      headers,
    };
    return { ...common, cluster, head, body: frameMessage(message), timeout };
  }
  const { cluster, scheme, authority, path, timeout } = target.uri;
  const body = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const headers = new HeaderMap([
    ...['content-type', envelope.contentType],
    ...(envelope.userAgent === null ? [] : ['user-agent', envelope.userAgent]),
    ...target.headers.flat(),
    ...['content-length', String(body.length)],
  ]);
  const head = { ...POST, scheme, authority, path, protocol: 'HTTP/1.1' as const, headers };
  return { ...common, cluster, head, body, timeout };
}
