// A gRPC stream over a cluster, its messages as bytes.

import { frameMessage, MessageReader } from '../http/grpc-messages.ts';
import { decodeGrpcMessage, grpcStatusOf } from '../http/grpc-status.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import type { AttemptOutcome } from '../route/table.ts';
import { Call, type CallFailure, type CallServices, markOwn } from './call.ts';
import { type CallRetry, failureOutcome } from './repeated.ts';

export type GrpcTarget = {
  readonly cluster: string;
  /** `:authority`; '' is the cluster's name. */
  readonly authority: string;
  /** Milliseconds; 0 is no limit. */
  readonly timeout: number;
  /** Initial metadata, beside what the protocol asks for. */
  readonly metadata: HeaderMap | null;
  /** Bytes of a message that comes; over it the stream fails. null is the 4 MiB that gRPC libraries use. */
  readonly maxMessage: number | null;
  /** Of unary calls. */
  readonly retry?: CallRetry | null;
};

/** Codes are gRPC's; a failure of the transport counts as UNAVAILABLE (14), one of time as DEADLINE_EXCEEDED (4). */
export type GrpcStatus = {
  readonly code: number;
  readonly message: string;
  /** What retries go by: a status in the head, or how the transport failed. */
  readonly outcome?: AttemptOutcome | null;
};

export type ByteHandler = {
  /** Valid until the call returns. */
  onMessage(bytes: Buffer): void;
  /** The stream is over; nothing follows. */
  onClosed(status: GrpcStatus): void;
};

export type ByteStream = {
  send(message: Uint8Array): void;
  /** More is on its way than a sender should add to. */
  readonly congested: boolean;
  /** No more messages from here. */
  close(): void;
  /** Gives the stream up; its handler hears nothing more. */
  cancel(): void;
};

const MAXIMUM_MESSAGE = 4 * 1024 * 1024;
const UNAVAILABLE = 14;
const INTERNAL = 13;

/** `handler` may hear of the end before this returns. */
export function openBytes(services: CallServices, path: string, target: GrpcTarget, handler: ByteHandler): ByteStream {
  let headStatus: GrpcStatus | null = null;
  const giveUp = (status: GrpcStatus) => {
    call.cancel();
    handler.onClosed(status);
  };
  const reader = new MessageReader(target.maxMessage ?? MAXIMUM_MESSAGE, (bytes) => {
    if (!call.over) handler.onMessage(bytes);
  });
  const head = requestHead(path, target, services.localAddress);
  const call: Call = new Call(
    services,
    { cluster: target.cluster, head, timeout: target.timeout },
    {
      onHead({ status, headers }, last) {
        const said = status === 200 ? statusIn(headers) : { code: grpcStatusOf(status), message: `status ${status}` };
        headStatus = said && { ...said, outcome: { kind: 'response', head: { status, headers } } };
        if (last) handler.onClosed(headStatus ?? NO_STATUS);
        else if (status !== 200) giveUp(headStatus ?? NO_STATUS);
      },
      onData(chunk) {
        const wrong = reader.push(chunk);
        if (wrong !== '' && !call.over) giveUp({ code: INTERNAL, message: wrong });
      },
      onEnd: (trailers) => handler.onClosed((trailers && statusIn(trailers)) ?? headStatus ?? NO_STATUS),
      onFailure: (failure) => handler.onClosed(statusOf(failure)),
    },
  );
  call.start(false);
  return {
    send(message) {
      call.write(frameMessage(message));
      call.flush();
    },
    get congested() {
      return call.congested;
    },
    close() {
      call.end();
      call.flush();
    },
    cancel: () => call.cancel(),
  };
}

const NO_STATUS: GrpcStatus = { code: 2, message: 'the stream ended without a status' };

function requestHead(path: string, target: GrpcTarget, localAddress: string): RequestHead {
  const headers = new HeaderMap(['te', 'trailers', 'content-type', 'application/grpc']);
  if (target.timeout > 0) headers.append('grpc-timeout', `${Math.ceil(target.timeout)}m`);
  if (target.metadata !== null) for (const [name, value] of target.metadata) headers.append(name, value);
  markOwn(headers, target.timeout);
  headers.set('x-forwarded-for', localAddress);
  return {
    method: 'POST',
    scheme: 'http',
    authority: target.authority || target.cluster,
    path,
    protocol: 'HTTP/2',
    upgrade: '',
    headers,
  };
}

function statusIn(headers: HeaderMap): GrpcStatus | null {
  const code = headers.get('grpc-status');
  if (code === undefined) return null;
  const message = decodeGrpcMessage(headers.get('grpc-message') ?? '');
  return { code: /^\d{1,3}$/.test(code) ? Number(code) : 2, message };
}

function statusOf(failure: CallFailure): GrpcStatus {
  const { reason, detail } = failure;
  const outcome = failureOutcome(failure);
  if (reason === 'timeout') return { code: 4, message: 'timeout', outcome };
  return { code: UNAVAILABLE, message: detail === '' ? reason : `${reason}: ${detail}`, outcome };
}
