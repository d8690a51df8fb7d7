// The filter envoy.filters.http.grpc_http1_bridge: gRPC for clients of HTTP/1.1, which see its status in the head of a whole response.
import {
  type Config,
  ConfigSchema,
} from '../../xds/gen/envoy/extensions/filters/http/grpc_http1_bridge/v3/config_pb.ts';
import { isGrpc } from '../http/grpc-status.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import { pathOnly } from '../route/match/query.ts';
import { compiler, type FilterKind } from './define.ts';
import type { FilterStage, FilterStream, StreamFilter } from './filter.ts';
import { BUFFER_LIMIT, HeldBody, requestTooLarge, responseTooLarge } from './held-body.ts';

const PROTOBUF = 'application/x-protobuf';
/** In front of each message: whether it is compressed, and its length. */
const FRAME = 5;

export const grpcHttp1Bridge: FilterKind = {
  chain: compiler(ConfigSchema, (config: Config, name) => ({
    name,
    open(exchange, _scope, stream) {
      const { headers, protocol } = exchange.request;
      const bare = config.upgradeProtobufToGrpc && headers.get('content-type') === PROTOBUF;
      if (protocol === 'HTTP/2' || !(bare || isGrpc(headers))) return null;
      return new Bridge(bare, config.ignoreQueryParameters, stream);
    },
  })),
  route: null,
};

class Bridge implements StreamFilter {
  /** The client sends and gets a message without its frame. */
  readonly #frames: boolean;
  readonly #dropsQuery: boolean;
  readonly #stream: FilterStream;
  readonly #up = new HeldBody(BUFFER_LIMIT);
  readonly #down = new HeldBody(BUFFER_LIMIT);
  /** Waits for the end of the response. */
  #head: ResponseHead | null = null;
  #framed = false;

  constructor(frames: boolean, dropsQuery: boolean, stream: FilterStream) {
    this.#frames = frames;
    this.#dropsQuery = dropsQuery;
    this.#stream = stream;
  }

  readonly request: FilterStage<RequestHead> = {
    head: (head, last) => {
      if (!this.#frames) return undefined;
      if (this.#dropsQuery) head.path = pathOnly(head.path);
      head.headers.set('content-type', 'application/grpc');
      head.headers.remove('content-length');
      if (last) return undefined;
      this.#framed = true;
      return 'collect';
    },
    data: (chunk) => {
      if (!this.#framed) this.#stream.request.write(chunk);
      else if (!this.#up.push(chunk)) this.#stream.answer(requestTooLarge);
    },
    end: (trailers) => {
      const { request } = this.#stream;
      if (this.#framed) {
        request.proceed();
        request.write(frameOf(this.#up.size));
        this.#up.moveTo((chunk) => request.write(chunk));
      }
      request.finish(trailers);
    },
  };

  readonly response: FilterStage<ResponseHead> = {
    head: (head, last) => {
      if (last) return undefined;
      this.#head = head;
      return 'collect';
    },
    data: (chunk) => {
      if (this.#head === null) this.#stream.response.write(chunk);
      else if (!this.#down.push(chunk)) this.#stream.answer(responseTooLarge);
    },
    end: (trailers) => {
      if (this.#head === null) this.#stream.response.finish(trailers);
      else this.#finish(this.#head, trailers);
    },
  };

  #finish(head: ResponseHead, trailers: HeaderMap | null): void {
    const { response } = this.#stream;
    const whole = this.#down.whole();
    const body = this.#frames ? whole.subarray(FRAME) : whole;
    if (trailers !== null) {
      explain(head, trailers);
      head.headers.set('content-length', String(body.length));
    }
    response.proceed(body.length === 0);
    if (body.length === 0) return;
    response.write(body);
    response.finish(null);
  }
}

/** To a client that knows nothing of gRPC a call that failed is a service that is unavailable. */
function explain(head: ResponseHead, trailers: HeaderMap): void {
  const status = trailers.get('grpc-status');
  const message = trailers.get('grpc-message');
  if (status !== undefined) {
    head.headers.set('grpc-status', status);
    if (status !== '0') head.status = 503;
  }
  if (message !== undefined) head.headers.set('grpc-message', message);
}

function frameOf(length: number): Buffer {
  const frame = Buffer.alloc(FRAME);
  frame.writeUInt32BE(length, 1);
  return frame;
}
