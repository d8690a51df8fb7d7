// gRPC over a cluster, with typed messages: a stream of them either way, and the unary call as a stream of one.
import {
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodClientStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { CallServices } from './call.ts';
import { type ByteStream, type GrpcStatus, type GrpcTarget, openBytes } from './grpc-stream.ts';
import { callRepeatedly } from './repeated.ts';

export type GrpcHandler<Output extends DescMessage> = {
  onMessage(message: MessageShape<Output>): void;
  /** The stream is over; nothing follows. */
  onClosed(status: GrpcStatus): void;
};

export type GrpcStream<Input extends DescMessage> = Pick<ByteStream, 'congested' | 'close' | 'cancel'> & {
  send(message: MessageShape<Input>): void;
};

export function openGrpc<Input extends DescMessage, Output extends DescMessage>(
  services: CallServices,
  method: DescMethodBiDiStreaming<Input, Output> | DescMethodClientStreaming<Input, Output>,
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
  const { retry = null, timeout } = target;
  return callRepeatedly<UnaryOutcome<Output>>(
    services,
    {
      retry,
      timeout,
      attempt: (limit, ended) => tryOnce(services, method, { ...target, timeout: limit }, request, ended),
      outcomeOf: (outcome) => (outcome.kind === 'status' ? (outcome.status.outcome ?? null) : null),
    },
    done,
  );
}

function tryOnce<Input extends DescMessage, Output extends DescMessage>(
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
  const path = `/${method.parent.typeName}/${method.name}`;
  const stream: ByteStream = openBytes(services, path, target, {
    onMessage(bytes) {
      const message = decode(output, bytes);
      if (message !== null) {
        handler.onMessage(message);
        return;
      }
      stream.cancel();
      handler.onClosed({ code: 13, message: `no ${output.typeName}` });
    },
    onClosed: (status) => handler.onClosed(status),
  });
  return {
    send: (message) => stream.send(toBinary(input, message)),
    get congested() {
      return stream.congested;
    },
    close: () => stream.close(),
    cancel: () => stream.cancel(),
  };
}

function decode<Output extends DescMessage>(schema: Output, bytes: Buffer): MessageShape<Output> | null {
  try {
    return fromBinary(schema, bytes);
  } catch {
    return null;
  }
}
