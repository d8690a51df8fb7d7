// gRPC over a cluster: a stream of messages either way, and the unary call as a stream of one.
import {
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { grpcStatusOf } from '../http/grpc-status.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import { Call, type CallFailure, type CallServices, markOwn } from './call.ts';
import { frameMessage, MessageReader } from './grpc-messages.ts';

export type GrpcTarget = {
  readonly cluster: string;
  /** `:authority`; '' is the cluster's name. */
  readonly authority: string;
  /** Milliseconds; 0 is no limit. */
  readonly timeout: number;
  /** Initial metadata, beside what the protocol asks for. */
  readonly metadata: HeaderMap | null;
};

/** Codes are gRPC's; a failure of the transport counts as UNAVAILABLE (14), one of time as DEADLINE_EXCEEDED (4). */
export type GrpcStatus = { readonly code: number; readonly message: string };

export type GrpcHandler<Output extends DescMessage> = {
  onMessage(message: MessageShape<Output>): void;
  /** The stream is over; nothing follows. */
  onClosed(status: GrpcStatus): void;
};

export type GrpcStream<Input extends DescMessage> = {
  send(message: MessageShape<Input>): void;
  /** No more messages from here. */
  close(): void;
  /** Gives the stream up; its handler hears nothing more. */
  cancel(): void;
};

const MAXIMUM_MESSAGE = 4 * 1024 * 1024;
const UNAVAILABLE = 14;

export function openGrpc<Input extends DescMessage, Output extends DescMessage>(
  services: CallServices,
  method: DescMethodBiDiStreaming<Input, Output>,
  target: GrpcTarget,
  handler: GrpcHandler<Output>,
): GrpcStream<Input> {
  return startStream(services, method, target, method.output, method.input, handler);
}

export type UnaryOutcome<Output extends DescMessage> =
  | { readonly kind: 'message'; readonly message: MessageShape<Output> }
  | { readonly kind: 'status'; readonly status: GrpcStatus };

/** `done` is called once, perhaps before this returns. The result gives the call up. */
export function callGrpc<Input extends DescMessage, Output extends DescMessage>(
  services: CallServices,
  method: DescMethodUnary<Input, Output>,
  target: GrpcTarget,
  request: MessageShape<Input>,
  done: (outcome: UnaryOutcome<Output>) => void,
): () => void {
  let answer: MessageShape<Output> | null = null;
  const stream = startStream(services, method, target, method.output, method.input, {
    onMessage(message) {
      answer = message;
    },
    onClosed(status) {
      if (status.code === 0 && answer !== null) done({ kind: 'message', message: answer });
      else if (status.code !== 0) done({ kind: 'status', status });
      else done({ kind: 'status', status: { code: 13, message: 'no message came' } });
    },
  });
  stream.send(request);
  stream.close();
  return () => stream.cancel();
}

function startStream<Input extends DescMessage, Output extends DescMessage>(
  services: CallServices,
  method: DescMethod,
  target: GrpcTarget,
  output: Output,
  input: Input,
  handler: GrpcHandler<Output>,
): GrpcStream<Input> {
  let headStatus: GrpcStatus | null = null;
  const giveUp = (status: GrpcStatus) => {
    call.cancel();
    handler.onClosed(status);
  };
  const reader = new MessageReader(MAXIMUM_MESSAGE, (bytes) => {
    const message = decode(output, bytes);
    if (message === null) giveUp({ code: 13, message: `no ${output.typeName}` });
    else if (!call.over) handler.onMessage(message);
  });
  const head = requestHead(method, target, services.localAddress);
  const call: Call = new Call(
    services,
    { cluster: target.cluster, head, timeout: target.timeout },
    {
      onHead({ status, headers }, last) {
        headStatus = status === 200 ? statusIn(headers) : { code: grpcStatusOf(status), message: `status ${status}` };
        if (last) handler.onClosed(headStatus ?? NO_STATUS);
        else if (status !== 200) giveUp(headStatus ?? NO_STATUS);
      },
      onData(chunk) {
        const wrong = reader.push(chunk);
        if (wrong !== '' && !call.over) giveUp({ code: 13, message: wrong });
      },
      onEnd: (trailers) => handler.onClosed((trailers && statusIn(trailers)) ?? headStatus ?? NO_STATUS),
      onFailure: (failure) => handler.onClosed(statusOf(failure)),
    },
  );
  call.start(false);
  return {
    send(message) {
      call.write(frameMessage(toBinary(input, message)));
      call.flush();
    },
    close() {
      call.end();
      call.flush();
    },
    cancel: () => call.cancel(),
  };
}

const NO_STATUS: GrpcStatus = { code: 2, message: 'the stream ended without a status' };

function requestHead(method: DescMethod, target: GrpcTarget, localAddress: string): RequestHead {
  const headers = new HeaderMap(['te', 'trailers', 'content-type', 'application/grpc']);
  if (target.timeout > 0) headers.append('grpc-timeout', `${Math.ceil(target.timeout)}m`);
  if (target.metadata !== null) for (const [name, value] of target.metadata) headers.append(name, value);
  markOwn(headers, target.timeout);
  headers.set('x-forwarded-for', localAddress);
  return {
    method: 'POST',
    scheme: 'http',
    authority: target.authority || target.cluster,
    path: `/${method.parent.typeName}/${method.name}`,
    protocol: 'HTTP/2',
    upgrade: '',
    headers,
  };
}

function decode<Output extends DescMessage>(schema: Output, bytes: Buffer): MessageShape<Output> | null {
  try {
    return fromBinary(schema, bytes);
  } catch {
    return null;
  }
}

function statusIn(headers: HeaderMap): GrpcStatus | null {
  const code = headers.get('grpc-status');
  if (code === undefined) return null;
  return { code: /^\d{1,3}$/.test(code) ? Number(code) : 2, message: headers.get('grpc-message') ?? '' };
}

function statusOf({ reason, detail }: CallFailure): GrpcStatus {
  if (reason === 'timeout') return { code: 4, message: 'timeout' };
  return { code: UNAVAILABLE, message: detail === '' ? reason : `${reason}: ${detail}` };
}
