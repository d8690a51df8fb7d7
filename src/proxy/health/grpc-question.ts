// A gRPC health check: grpc.health.v1.Health/Check (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
import type { ProbeConfig } from '../config/health-check-types.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { Question } from './exchange-probe.ts';
import { checkHeaders } from './http-question.ts';
import { ILL, type ProbeResult, WELL } from './probe.ts';

type Config = Extract<ProbeConfig, { kind: 'grpc' }>;

/** A frame of a message begins with a byte for compression and four for its length. */
const FRAME_HEAD = 5;
const LARGEST_ANSWER = 1024;
/** `HealthCheckResponse.status` (field 1, a varint) SERVING. */
const SERVING = 1;

export function grpcQuestion(config: Config, authority: string, scheme: RequestHead['scheme']): Question {
  return {
    head() {
      const headers = checkHeaders(config.addHeaders, []);
      headers.set('content-type', 'application/grpc');
      headers.set('te', 'trailers');
      const path = '/grpc.health.v1.Health/Check';
      return { method: 'POST', scheme, authority, path, protocol: 'HTTP/2', upgrade: '', headers };
    },
    body: frame(requestFor(config.service)),
    bodyLimit: LARGEST_ANSWER,
    judge,
  };
}

function judge({ status, headers }: ResponseHead, body: Buffer, trailers: HeaderMap | null): ProbeResult {
  if (status !== 200) return ILL;
  const code = (trailers ?? headers).get('grpc-status');
  if (code !== '0') return ILL;
  return statusOf(body.subarray(FRAME_HEAD)) === SERVING ? WELL : ILL;
}

/** `HealthCheckRequest { string service = 1 }`. */
function requestFor(service: string): Buffer {
  const name = Buffer.from(service, 'utf8');
  if (name.length === 0) return name;
  const length: number[] = [];
  for (let rest = name.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from([0x0a, ...length]), name]);
}

function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Absent is 0, UNKNOWN. */
function statusOf(message: Buffer): number {
  return message[0] === 0x08 ? (message[1] ?? 0) : 0;
}
