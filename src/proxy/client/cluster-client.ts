// What parts of the proxy call others with: each call goes through a named cluster, has a time-out and a bounded answer, and can be given up.
import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodUnary,
  MessageShape,
} from '@bufbuild/protobuf';
import type { CallServices } from './call.ts';
import { callGrpc, type GrpcHandler, type GrpcStream, openGrpc, type UnaryOutcome } from './grpc-call.ts';
import { type ByteHandler, type ByteStream, type GrpcTarget, openBytes } from './grpc-stream.ts';
import { callHttp, type HttpCall, type HttpOutcome } from './http-call.ts';
import { connectRaw, type RawHandler } from './raw-connection.ts';

export class ClusterClient {
  readonly #services: CallServices;

  constructor(services: CallServices) {
    this.#services = services;
  }

  /** `done` is called once, perhaps before this returns. The result gives the call up. */
  http(call: HttpCall, done: (outcome: HttpOutcome) => void): () => void {
    return callHttp(this.#services, call, done);
  }

  /** As `http`, of one message for one message. */
  grpc<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    target: GrpcTarget,
    request: MessageShape<Input>,
    done: (outcome: UnaryOutcome<Output>) => void,
  ): () => void {
    return callGrpc(this.#services, method, target, request, done);
  }

  /** `handler` may hear of the end before this returns. */
  stream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output> | DescMethodClientStreaming<Input, Output>,
    target: GrpcTarget,
    handler: GrpcHandler<Output>,
  ): GrpcStream<Input> {
    return openGrpc(this.#services, method, target, handler);
  }

  /** A connection without HTTP. The result ends it. */
  connect(cluster: string, handler: RawHandler): () => void {
    return connectRaw(this.#services, cluster, handler);
  }

  /** As `stream`, of messages that the caller encodes itself. */
  bytes(path: string, target: GrpcTarget, handler: ByteHandler): ByteStream {
    return openBytes(this.#services, path, target, handler);
  }
}
