// One exchange's conversation with its processor: the stream, whose answer is awaited for how long, and what a failure means.
import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Timer } from '../../../lib/timer-wheel.ts';
import {
  type CommonResponse,
  ExternalProcessor,
  type ImmediateResponse,
  ProcessingRequestSchema,
  type ProcessingResponse,
} from '../../../xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import type { GrpcStream } from '../../client/grpc-call.ts';
import type { GrpcStatus, GrpcTarget } from '../../client/grpc-stream.ts';
import type { HttpUriConfig } from '../../config/http-uri.ts';
import type { Exchange } from '../../http/exchange.ts';
import { HeaderMap } from '../../http/headers.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import type { FilterScope, FilterStream, LocalReply, StreamFilter } from '../filter.ts';
import type { Side } from './answers.ts';
import { ATTRIBUTES } from './attributes.ts';
import type { ProcessorConfig } from './config.ts';
import { Direction } from './direction.ts';
import { HttpProcessor } from './http-processor.ts';
import { bodyModeOf, type Mode, overriddenMode, sameOverride } from './mode.ts';
import { mutate } from './mutation.ts';
import type { ProcessorStats } from './processor-stats.ts';

type RequestInit = MessageInitShape<typeof ProcessingRequestSchema>;
export type ProcessingInit = NonNullable<RequestInit['request']>;
/** A stream, or what stands for one. */
type Calls = Pick<GrpcStream<typeof ProcessingRequestSchema>, 'send' | 'close' | 'cancel'>;

export class Session implements StreamFilter {
  readonly config: ProcessorConfig;
  readonly exchange: Exchange;
  readonly stats: ProcessorStats;
  readonly request: Direction<RequestHead>;
  readonly response: Direction<ResponseHead>;
  mode: Mode;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  readonly #toldAttributes = { request: false, response: false };
  #calls: Calls | null = null;
  /** Nothing is said to the server any more, and what it says is not heard. */
  #closed = false;
  /** The server has nothing more to say: everything passes. */
  #over = false;

  constructor(config: ProcessorConfig, exchange: Exchange, scope: FilterScope, stream: FilterStream) {
    this.config = config;
    this.exchange = exchange;
    this.stats = config.statsOf(scope);
    this.mode = config.mode;
    this.#scope = scope;
    this.#stream = stream;
    this.request = new Direction<RequestHead>('request', this, stream.request);
    this.response = new Direction<ResponseHead>('response', this, stream.response);
  }

  get over(): boolean {
    return this.#over;
  }

  done(): void {
    this.#over = true;
    this.request.stopWaiting();
    this.response.stopWaiting();
    this.#close();
    const calls = this.#calls;
    if (calls === null) return;
    // Who only watches is given time to hear the end of it.
    if (this.config.observes) this.#scope.wheel.set(this.config.closeDelay, () => calls.cancel());
    else calls.cancel();
  }

  /** Sends the server a part of the exchange. */
  tell(request: ProcessingInit): void {
    if (this.#closed) return;
    const first = this.#calls === null;
    const calls = this.#calls ?? this.#open();
    this.stats.stream_msgs_sent += 1;
    const side = request.case?.startsWith('response') === true ? 'response' : 'request';
    calls.send(create(ProcessingRequestSchema, { request, ...this.#context(first), ...this.#attributes(side) }));
  }

  timer(timeout: number): Timer {
    return this.#scope.wheel.set(timeout, () => this.#stream.run(() => this.#late()));
  }

  cancel(timer: Timer | null): void {
    this.#scope.wheel.cancel(timer);
  }

  answer(reply: LocalReply): void {
    this.#over = true;
    this.#stream.answer(reply);
  }

  /** What the server said cannot be done. */
  broken(details: string): void {
    this.#fail(this.config.statusOnError, details);
  }

  /** The server has changed the request's head. */
  reroute({ headerMutation, clearRouteCache }: CommonResponse): void {
    const { clearRoute } = this.config;
    if (clearRoute === false && clearRouteCache) this.stats.clear_route_cache_disabled += 1;
    if (!(clearRoute ?? clearRouteCache)) return;
    if (headerMutation === undefined) this.stats.clear_route_cache_ignored += 1;
    else this.exchange.routeStale = true;
  }

  #open(): Calls {
    const { service } = this.config;
    this.#calls = service.kind === 'http' ? this.#openHttp(service.uri) : this.#openStream(service.target);
    return this.#calls;
  }

  #openStream(target: GrpcTarget): Calls {
    this.stats.streams_started += 1;
    return this.#scope.client.stream(ExternalProcessor.method.process, target, {
      onMessage: (message) => this.#stream.run(() => this.#heard(message)),
      onClosed: (status) => queueMicrotask(() => this.#stream.run(() => this.#ended(status))),
    });
  }

  #openHttp(uri: HttpUriConfig): Calls {
    return new HttpProcessor(uri, this.#scope.client, (answer) =>
      queueMicrotask(() =>
        this.#stream.run(() => {
          if (answer === null) this.#unanswered();
          else this.#heard(answer);
        }),
      ),
    );
  }

  #unanswered(): void {
    if (this.#over || this.#closed) return;
    this.stats.http_not_ok_resp_received += 1;
    this.#fail(this.config.statusOnError, 'ext_proc_error_HTTP_ERROR');
  }

  /** What goes with each message, and with the first one. */
  #context(first: boolean): Omit<RequestInit, 'request' | '$typeName'> {
    const { config, mode } = this;
    const { metadata } = this.exchange;
    const known = config.forwardedNamespaces.filter((name) => metadata?.has(name) === true);
    const filterMetadata = Object.fromEntries(known.map((name) => [name, metadata?.get(name) as JsonObject]));
    return {
      ...(config.observes ? { observabilityMode: true } : {}),
      ...(known.length === 0 ? {} : { metadataContext: { filterMetadata } }),
      ...(first ? { protocolConfig: protocolOf(mode, config) } : {}),
    };
  }

  /** They go with the first message of each direction. */
  #attributes(side: Side): Pick<RequestInit, 'attributes'> {
    const tell = side === 'request' ? this.config.requestAttributes : this.config.responseAttributes;
    if (tell === null || this.#toldAttributes[side]) return {};
    this.#toldAttributes[side] = true;
    return {
      attributes: { [ATTRIBUTES]: tell({ exchange: this.exchange, response: this.response.message, ended: 0 }) },
    };
  }

  #heard(message: ProcessingResponse): void {
    if (this.#over || this.#closed || this.config.observes) return;
    if (message.overrideMessageTimeout !== undefined) {
      this.#extend(durationMs(message.overrideMessageTimeout));
      return;
    }
    this.#override(message);
    if (message.dynamicMetadata !== undefined) this.#note(message.dynamicMetadata);
    const { response } = message;
    if (response.case === 'immediateResponse' && this.config.immediate) {
      this.stats.stream_msgs_received += 1;
      this.#answerImmediately(response.value);
      return;
    }
    const from = [this.request, this.response].find((direction) => direction.expects(response));
    if (from === undefined) {
      this.stats.spurious_msgs_received += 1;
      this.#fail(this.config.statusOnError, 'ext_proc_spurious_message');
      return;
    }
    this.stats.stream_msgs_received += 1;
    from.hear(response);
  }

  #override({ modeOverride }: ProcessingResponse): void {
    const { modeOverride: allowed, allowedModes, eager } = this.config;
    if (modeOverride === undefined || !allowed || eager || !(this.request.atHead || this.response.atHead)) return;
    const asked = overriddenMode(this.mode, modeOverride);
    if (allowedModes.length === 0 || allowedModes.some((one) => sameOverride(asked, one))) this.mode = asked;
  }

  #extend(timeout: number): void {
    const { maxTimeout } = this.config;
    const fits = timeout >= 1 && timeout <= maxTimeout;
    const extended = fits && (this.request.extend(timeout) || this.response.extend(timeout));
    this.stats[extended ? 'override_message_timeout_received' : 'override_message_timeout_ignored'] += 1;
  }

  #note(values: JsonObject): void {
    for (const name of this.config.receivedNamespaces) {
      const noted = values[name];
      if (typeof noted !== 'object' || noted === null || Array.isArray(noted)) continue;
      this.exchange.metadata ??= new Map();
      const before = this.exchange.metadata.get(name) as JsonObject | undefined;
      this.exchange.metadata.set(name, { ...before, ...noted });
    }
  }

  #late(): void {
    if (this.#over) return;
    this.stats.message_timeouts += 1;
    this.#fail(504, 'ext_proc_message_timeout');
  }

  /** A server that closes the stream in order wants to hear no more; anything else is a failure. */
  #ended({ code }: GrpcStatus): void {
    this.stats.server_half_closed += 1;
    if (this.#over || this.#closed) return;
    if (code === 0) {
      this.#close();
      if (this.request.lost || this.response.lost)
        this.#answerFailure(this.config.statusOnError, 'ext_proc_grpc_error');
      else this.#letGo();
      return;
    }
    this.stats.streams_failed += 1;
    // A stream that failed is gone: there is nothing to close.
    if (!this.config.failureAllowed) this.#closed = true;
    this.#fail(this.config.statusOnError, 'ext_proc_grpc_error');
  }

  #fail(status: number, details: string): void {
    if (this.#over) return;
    this.#close();
    if (!this.config.failureAllowed || this.request.lost || this.response.lost) {
      this.#answerFailure(status, details);
      return;
    }
    this.stats.failure_mode_allowed += 1;
    this.#letGo();
  }

  #answerFailure(status: number, details: string): void {
    this.stats.immediate_responses_sent += 1;
    this.answer({ status, body: '', details, flags: 0, headers: null });
  }

  #letGo(): void {
    this.#over = true;
    this.request.pass();
    this.response.pass();
  }

  #close(): void {
    if (this.#closed || this.#calls === null) return;
    this.#closed = true;
    if (this.config.service.kind === 'grpc') this.stats.streams_closed += 1;
    this.#calls.close();
  }

  #answerImmediately(answer: ImmediateResponse): void {
    const head = { status: answer.status?.code || 200, headers: new HeaderMap() };
    const { rejected } = mutate(head, answer.headers, this.config.rules);
    this.stats.rejected_header_mutations += rejected;
    this.stats.immediate_responses_sent += 1;
    this.answer({
      status: head.status,
      body: Buffer.from(answer.body),
      details: answer.details.replaceAll(' ', '_') || 'ext_proc_local_response',
      flags: 0,
      headers: head.headers,
      ...(answer.grpcStatus === undefined ? {} : { grpcStatus: answer.grpcStatus.status }),
    });
  }
}

function protocolOf({ request, response }: Mode, { eager }: ProcessorConfig): RequestInit['protocolConfig'] {
  return {
    requestBodyMode: bodyModeOf(request.body),
    responseBodyMode: bodyModeOf(response.body),
    sendBodyWithoutWaitingForHeaderResponse: eager,
  };
}
