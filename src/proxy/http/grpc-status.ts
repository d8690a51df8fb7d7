// gRPC's status as HTTP carries it.
import type { Exchange } from './exchange.ts';
import type { HeaderMap } from './headers.ts';
import type { ResponseHead } from './message.ts';

/** By number, in both spellings that are used: https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const GRPC_STATUS_NAMES = [
  ['OK', 'OK'],
  ['Canceled', 'CANCELLED'],
  ['Unknown', 'UNKNOWN'],
  ['InvalidArgument', 'INVALID_ARGUMENT'],
  ['DeadlineExceeded', 'DEADLINE_EXCEEDED'],
  ['NotFound', 'NOT_FOUND'],
  ['AlreadyExists', 'ALREADY_EXISTS'],
  ['PermissionDenied', 'PERMISSION_DENIED'],
  ['ResourceExhausted', 'RESOURCE_EXHAUSTED'],
  ['FailedPrecondition', 'FAILED_PRECONDITION'],
  ['Aborted', 'ABORTED'],
  ['OutOfRange', 'OUT_OF_RANGE'],
  ['Unimplemented', 'UNIMPLEMENTED'],
  ['Internal', 'INTERNAL'],
  ['Unavailable', 'UNAVAILABLE'],
  ['DataLoss', 'DATA_LOSS'],
  ['Unauthenticated', 'UNAUTHENTICATED'],
] as const;

/** gRPC over HTTP/2: `application/grpc`, `application/grpc+proto`, but not gRPC-Web. */
export function isGrpc(headers: HeaderMap): boolean {
  const type = headers.get('content-type');
  return type?.startsWith('application/grpc') === true && (type.length === 16 || type[16] === '+');
}

/** gRPC's "HTTP to gRPC Status Code Mapping". */
export function grpcStatusOf(status: number): number {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

/** Whatever the request was: what was sent, in the trailers or the head of a response without a body, else what the HTTP status stands for. */
export function statusOf({ trailers }: Exchange, response: ResponseHead | null): number | undefined {
  const given = trailers?.get('grpc-status') ?? response?.headers.get('grpc-status');
  if (given !== undefined) return /^\d{1,9}$/.test(given) ? Number(given) : undefined;
  return response === null ? undefined : grpcStatusOf(response.status);
}

/** The HTTP status that a gRPC status counts as (google/rpc/code.proto names them; Envoy counts so). */
export function httpStatusOf(grpcStatus: number): number {
  return HTTP_STATUSES[grpcStatus] ?? 500;
}

/** By gRPC status: OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, … UNAUTHENTICATED. */
const HTTP_STATUSES: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];

/** gRPC's HTTP/2 mapping, Percent-Encoded: what is not printable ASCII, and `%`. */
export function encodeGrpcMessage(text: Buffer): string {
  let encoded = '';
  for (const byte of text) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** The reverse; `text` has a character per byte, as headers do. */
export function decodeGrpcMessage(text: string): string {
  if (!text.includes('%')) return text;
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}

/** `PERMISSION_DENIED: why`: as clients of gRPC write it in their logs. */
export function describeGrpcStatus({ code, message }: { readonly code: number; readonly message: string }): string {
  const name = GRPC_STATUS_NAMES[code]?.[1] ?? `status ${code}`;
  return message === '' ? name : `${name}: ${message}`;
}

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** `grpc-timeout` in whole milliseconds, rounded up; null when there is none that can be read. */
export function grpcTimeout(headers: HeaderMap): number | null {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(headers.get('grpc-timeout') ?? '') ?? [];
  return digits === undefined ? null : Math.ceil(Number(digits) * UNITS[unit!]!);
}

/** At most eight digits: what does not fit in milliseconds is said in seconds. */
export function setGrpcTimeout(headers: HeaderMap, millis: number): void {
  headers.set('grpc-timeout', millis < 1e8 ? `${millis}m` : `${Math.floor(millis / 1000)}S`);
}
