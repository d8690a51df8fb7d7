// The filter envoy.filters.http.grpc_web: gRPC for browsers, whose trailers come as the last frame of the body, all of it in base64 if asked for.
import { GrpcWebSchema } from '../../xds/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.ts';
import type { Exchange } from '../http/exchange.ts';
import { encodeGrpcMessage, grpcStatusOf } from '../http/grpc-status.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import { chosenCluster } from '../route/chosen-cluster.ts';
import { clusterScope } from './cluster-stats.ts';
import { compiler, type FilterKind } from './define.ts';
import type { FilterScope, FilterStage, FilterStream, LocalReply, StreamFilter } from './filter.ts';
import { countStatus, type GrpcCounters, type GrpcMethod, methodOf } from './grpc-counters.ts';
import { HeldBody } from './held-body.ts';

export const grpcWeb: FilterKind = {
  chain: compiler(GrpcWebSchema, (_config, name) => ({
    name,
    open(exchange, scope, stream) {
      if (!isGrpcWeb(exchange.request.headers.get('content-type'))) return null;
      exchange.answersGrpc = false;
      return new Bridge(exchange, scope, stream);
    },
  })),
  route: null,
};

/** gRPC-Web protocol: a frame whose first byte has the top bit set holds trailers. */
const TRAILERS = 0x80;
/** Bytes of a foreign answer that are passed on as a message. */
const LONGEST_MESSAGE = 16_384;
const TYPE = /^application\/grpc-web(-text)?(\+proto)?$/;

const badBase64: LocalReply = {
  status: 400,
  body: 'Bad gRPC-web request, invalid base64 data.',
  details: 'grpc_base_64_decode_failed',
  flags: 0,
  headers: null,
};

function isGrpcWeb(type: string | undefined): boolean {
  return type !== undefined && TYPE.test(type);
}

class Bridge implements StreamFilter {
  readonly #exchange: Exchange;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  /** As the request came: a later filter may change the path. */
  readonly #called: GrpcMethod | null;
  /** The request's body is base64. */
  #textIn = false;
  #textOut = false;
  #applies = false;
  #pending = '';
  /** An answer that is no gRPC, while its body is collected. */
  #foreign: ResponseHead | null = null;
  readonly #body = new HeldBody(LONGEST_MESSAGE);

  constructor(exchange: Exchange, scope: FilterScope, stream: FilterStream) {
    this.#exchange = exchange;
    this.#scope = scope;
    this.#stream = stream;
    this.#called = methodOf(exchange.request.path);
  }

  readonly request: FilterStage<RequestHead> = {
    head: ({ headers }) => {
      this.#textIn = TYPE.exec(headers.get('content-type') ?? '')?.[1] !== undefined;
      this.#textOut = TYPE.exec(headers.get('accept') ?? '')?.[1] !== undefined;
      this.#applies = true;
      headers.remove('content-length');
      headers.set('content-type', 'application/grpc');
      headers.set('te', 'trailers');
      headers.set('grpc-accept-encoding', 'identity');
      return undefined;
    },
    data: (chunk) => {
      if (this.#textIn) this.#decode(chunk);
      else this.#stream.request.write(chunk);
    },
    end: (trailers) => {
      if (this.#pending === '') this.#stream.request.finish(trailers);
      else this.#stream.answer(badBase64);
    },
  };

  readonly response: FilterStage<ResponseHead> = {
    head: (head, last) => {
      if (!this.#applies) return undefined;
      this.#foreign = head.headers.get('content-type')?.startsWith('application/grpc') === true ? null : head;
      if (this.#foreign !== null && !last) return 'collect';
      if (this.#foreign === null) this.#count(head.headers);
      else this.#explain(head);
      this.#mark(head.headers);
      if (!last) head.headers.remove('content-length');
      return undefined;
    },
    data: (chunk) => {
      if (this.#foreign === null) this.#write(chunk);
      else if (this.#body.size < LONGEST_MESSAGE) this.#body.push(chunk);
    },
    end: (trailers) => {
      if (this.#foreign !== null) {
        this.#explain(this.#foreign);
        this.#mark(this.#foreign.headers);
        this.#stream.response.proceed(true);
        return;
      }
      if (this.#applies && trailers !== null) {
        this.#count(trailers);
        this.#write(trailerFrame(trailers));
      }
      this.#stream.response.finish(this.#applies ? null : trailers);
    },
  };

  #count(headers: HeaderMap): void {
    const status = headers.get('grpc-status');
    const cluster = chosenCluster(this.#exchange, this.#scope.random);
    if (status === undefined || this.#called === null || cluster === null) return;
    const { service, method } = this.#called;
    const name = `${clusterScope(this.#scope, cluster)}.grpc-web.${service}.${method}`;
    countStatus(
      this.#scope.stats(name, (): GrpcCounters => ({})),
      status,
    );
  }

  #mark(headers: HeaderMap): void {
    headers.set('content-type', this.#textOut ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto');
  }

  /** Something that does not speak gRPC answered: its words become the message of a status. */
  #explain(head: ResponseHead): void {
    const text = this.#body.whole().subarray(0, LONGEST_MESSAGE);
    head.headers.set('grpc-status', String(grpcStatusOf(head.status)));
    if (text.length > 0) head.headers.set('grpc-message', encodeGrpcMessage(text));
    head.headers.set('content-length', '0');
  }

  /** Base64 comes in pieces of four characters; several encodings may stand one behind the other. */
  #decode(chunk: Buffer): void {
    const text = this.#pending + chunk.toString('latin1');
    const whole = text.length - (text.length % 4);
    this.#pending = text.slice(whole);
    const encoded = text.slice(0, whole);
    if (!/^(?:[A-Za-z0-9+/]{2}(?:[A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==))*$/.test(encoded)) {
      this.#stream.answer(badBase64);
      return;
    }
    const parts = encoded.split(/(?<==)(?!=)/).map((part) => Buffer.from(part, 'base64'));
    this.#stream.request.write(Buffer.concat(parts));
  }

  /** As text each piece is an encoding of its own, so that none waits for the next. */
  #write(chunk: Buffer): void {
    if (this.#applies && this.#textOut) this.#stream.response.write(Buffer.from(chunk.toString('base64')));
    else this.#stream.response.write(chunk);
  }
}

function trailerFrame(trailers: HeaderMap): Buffer {
  let text = '';
  for (const [name, value] of trailers) text += `${name}:${value}\r\n`;
  const frame = Buffer.allocUnsafe(5 + text.length);
  frame[0] = TRAILERS;
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, 5, 'latin1');
  return frame;
}
