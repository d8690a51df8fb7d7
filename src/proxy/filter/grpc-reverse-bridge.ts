// The filter envoy.filters.http.grpc_http1_reverse_bridge: gRPC clients are served by an upstream that knows HTTP only, and may know messages without frames.
import {
  type FilterConfig,
  FilterConfigPerRouteSchema,
  FilterConfigSchema,
} from '../../xds/gen/envoy/extensions/filters/http/grpc_http1_reverse_bridge/v3/config_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import { grpcStatusOf, isGrpc } from '../http/grpc-status.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import { kept } from '../socket/reused-reads.ts';
import { compiler, type FilterKind, routeSettings } from './define.ts';
import type { FilterStage, FilterStream, HeadOutcome, HttpFilter, LocalReply, StreamFilter } from './filter.ts';
import { BUFFER_LIMIT, HeldBody, responseTooLarge } from './held-body.ts';

/** In front of each message: whether it is compressed, and its length. */
const FRAME = 5;
const EMPTY = Buffer.alloc(0);
const UNKNOWN = 2;
const INTERNAL = 13;

/** Whether the filter is on for a route. */
const ofRoute = routeSettings<boolean>();

export const grpcReverseBridge: FilterKind = {
  chain: compiler(FilterConfigSchema, createReverseBridge),
  route: compiler(FilterConfigPerRouteSchema, ({ disabled }, name) => ofRoute.make(name, !disabled)),
};

function createReverseBridge(config: FilterConfig, name: string, path: string): HttpFilter {
  if (config.contentType === '') throw new ConfigError(at(path, 'content_type'), 'is empty');
  const wants: Wants = {
    type: config.contentType,
    bare: config.withholdGrpcFrames,
    sizeHeader: config.responseSizeHeader === '' ? null : config.responseSizeHeader.toLowerCase(),
  };
  return {
    name,
    open: (exchange, _scope, stream) =>
      ofRoute.of(exchange, name) !== false && isGrpc(exchange.request.headers)
        ? new ReverseBridge(wants, exchange, stream)
        : null,
  };
}

type Wants = {
  readonly type: string;
  /** The upstream sees, and sends, a message without its frame. */
  readonly bare: boolean;
  /** Where the upstream says how long its message is, which need not be held then. */
  readonly sizeHeader: string | null;
};

class ReverseBridge implements StreamFilter {
  readonly #wants: Wants;
  readonly #exchange: Exchange;
  readonly #stream: FilterStream;
  #type = '';
  /** What has come of a frame's head; null: all of it. */
  #frame: Buffer | null = EMPTY;
  #status = 0;
  /** Bytes of the message that the upstream has announced; null: it is held until its end. */
  #announced: number | null = null;
  #received = 0;
  #framed = false;
  readonly #held = new HeldBody(BUFFER_LIMIT);

  constructor(wants: Wants, exchange: Exchange, stream: FilterStream) {
    this.#wants = wants;
    this.#exchange = exchange;
    this.#stream = stream;
  }

  readonly request: FilterStage<RequestHead> = {
    head: ({ headers }, last) => {
      if (last) return undefined;
      this.#type = headers.get('content-type') ?? '';
      this.#exchange.answersGrpc = true;
      headers.set('content-type', this.#wants.type);
      headers.set('accept', this.#wants.type);
      if (this.#wants.bare) adjustLength(headers, -FRAME);
      this.#exchange.routeStale = true;
      return undefined;
    },
    data: (chunk) => {
      const { request } = this.#stream;
      if (this.#on && this.#wants.bare && this.#frame !== null) this.#unframe(this.#frame, chunk);
      else request.write(chunk);
    },
    end: (trailers) => {
      if (this.#on && this.#wants.bare && this.#frame !== null) this.#stream.answer(tooSmall);
      else this.#stream.request.finish(trailers);
    },
  };

  readonly response: FilterStage<ResponseHead> = {
    head: (head, last) => (this.#on ? this.#translate(head, last) : undefined),
    data: (chunk) => {
      const { response } = this.#stream;
      this.#received += chunk.length;
      if (!this.#on || !this.#wants.bare) response.write(chunk);
      else if (this.#announced === null) {
        if (!this.#held.push(chunk)) this.#stream.answer(responseTooLarge);
      } else {
        if (!this.#framed) response.write(frameOf(this.#announced));
        this.#framed = true;
        response.write(chunk);
      }
    },
    end: (trailers) => {
      if (this.#on) this.#finish(trailers);
      else this.#stream.response.finish(trailers);
    },
  };

  /** The request is one of gRPC, with a body. */
  get #on(): boolean {
    return this.#type !== '';
  }

  #unframe(before: Buffer, chunk: Buffer): void {
    const all = before.length === 0 ? chunk : Buffer.concat([before, chunk]);
    this.#frame = all.length < FRAME ? kept(all) : null;
    if (all.length > FRAME) this.#stream.request.write(all.subarray(FRAME));
  }

  #translate(head: ResponseHead, last: boolean): HeadOutcome {
    const { headers, status } = head;
    const type = headers.get('content-type');
    if (type !== this.#wants.type) return failure(UNKNOWN, badType(type, status), 'grpc_bridge_content_type_wrong');
    headers.set('content-type', this.#type);
    if (this.#wants.bare) {
      const refused = this.#announce(headers);
      if (refused !== undefined) return refused;
    }
    // To the clients of this upstream a success is a 200, against the table of gRPC.
    this.#status = status === 200 ? 0 : grpcStatusOf(status);
    head.status = 200;
    if (!last || !this.#wants.bare) return undefined;
    headers.set('content-length', String(FRAME));
    return this.#answerEmpty();
  }

  /** The length that goes with the response. */
  #announce(headers: HeaderMap): LocalReply | undefined {
    const { sizeHeader } = this.#wants;
    if (sizeHeader === null) {
      adjustLength(headers, FRAME);
      return undefined;
    }
    const said = headers.get(sizeHeader)?.split(',')[0];
    if (said === undefined || !/^\s*\d+\s*$/.test(said)) return noLength;
    this.#announced = Number(said);
    headers.set('content-length', String(this.#announced + FRAME));
    return undefined;
  }

  /** A head without a body becomes the head of an empty message. */
  #answerEmpty(): HeadOutcome {
    const { response } = this.#stream;
    queueMicrotask(() =>
      this.#stream.run(() => {
        response.proceed(false);
        response.write(frameOf(0));
        response.finish(this.#trailers(null));
      }),
    );
    return 'hold';
  }

  #finish(trailers: HeaderMap | null): void {
    const { response } = this.#stream;
    if (this.#wants.bare) {
      if (this.#announced !== null && this.#announced !== this.#received) {
        this.#stream.answer(wrongLength);
        return;
      }
      if (this.#announced === null) {
        response.write(frameOf(this.#held.size));
        this.#held.moveTo((chunk) => response.write(chunk));
      }
    }
    response.finish(this.#trailers(trailers));
  }

  #trailers(trailers: HeaderMap | null): HeaderMap {
    const all = trailers ?? new HeaderMap();
    all.set('grpc-status', String(this.#status));
    return all;
  }
}

function failure(grpcStatus: number, body: string, details: string): LocalReply {
  return { status: 200, body, details, flags: 0, headers: null, grpcStatus };
}

const tooSmall = failure(UNKNOWN, 'invalid request body', 'grpc_bridge_data_too_small');
const noLength = failure(
  INTERNAL,
  'envoy reverse bridge: upstream did not set content length',
  'grpc_bridge_content_length_missing',
);
const wrongLength = failure(
  INTERNAL,
  'envoy reverse bridge: upstream set incorrect content length',
  'grpc_bridge_content_length_wrong',
);

function badType(type: string | undefined, status: number): string {
  const said = type === undefined ? 'no content-type header' : `unsupported content-type ${type}`;
  return `envoy reverse bridge: upstream responded with ${said}, status code ${status}`;
}

function adjustLength(headers: HeaderMap, by: number): void {
  const length = Number(headers.get('content-length') ?? 0);
  if (length > 0) headers.set('content-length', String(length + by));
}

function frameOf(length: number): Buffer {
  const frame = Buffer.alloc(FRAME);
  frame.writeUInt32BE(length, 1);
  return frame;
}
