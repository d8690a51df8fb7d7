// One exchange's conversation with its processor: the stream, whose answer is awaited for how long, and what a failure means.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Timer } from '../../../lib/timer-wheel.ts';
import {
  ExternalProcessor,
  type ImmediateResponse,
  ProcessingRequestSchema,
  type ProcessingResponse,
} from '../../../xds/gen/envoy/service/ext_proc/v3/external_processor_pb.ts';
import type { GrpcStream } from '../../client/grpc-call.ts';
import type { GrpcStatus } from '../../client/grpc-stream.ts';
import type { Exchange } from '../../http/exchange.ts';
import { HeaderMap } from '../../http/headers.ts';
import type { RequestHead, ResponseHead } from '../../http/message.ts';
import type { FilterScope, FilterStream, LocalReply, StreamFilter } from '../filter.ts';
import { Direction } from './direction.ts';
import type { ProcessorConfig } from './filter.ts';
import { type Mode, overriddenMode } from './mode.ts';
import { mutate } from './mutation.ts';

export type ProcessingInit = NonNullable<MessageInitShape<typeof ProcessingRequestSchema>['request']>;

/** A direction that waits for an answer. */
type Asker = {
  expects(answer: ProcessingResponse['response']): boolean;
  hear(answer: ProcessingResponse['response']): void;
  /** There will be none: go on without. */
  pass(): void;
};

export class Session implements StreamFilter {
  readonly config: ProcessorConfig;
  readonly exchange: Exchange;
  readonly request: Direction<RequestHead>;
  readonly response: Direction<ResponseHead>;
  mode: Mode;
  readonly #scope: FilterScope;
  readonly #stream: FilterStream;
  #calls: GrpcStream<typeof ProcessingRequestSchema> | null = null;
  /** The server has nothing more to say: everything passes. */
  #over = false;
  #awaiting: Asker | null = null;
  #timer: Timer | null = null;

  constructor(config: ProcessorConfig, exchange: Exchange, scope: FilterScope, stream: FilterStream) {
    this.config = config;
    this.exchange = exchange;
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
    this.#scope.wheel.cancel(this.#timer);
    if (this.#calls === null) return;
    this.config.statsOf(this.#scope).streams_closed += 1;
    this.#calls.close();
    this.#calls.cancel();
  }

  /** Sends the server a part of the exchange; `from` hears its answer. */
  ask(from: Asker, request: ProcessingInit): void {
    const stats = this.config.statsOf(this.#scope);
    this.#awaiting = from;
    if (this.#calls === null) {
      stats.streams_started += 1;
      this.#calls = this.#scope.client.stream(ExternalProcessor.method.process, this.config.target, {
        onMessage: (message) => this.#stream.run(() => this.#heard(message)),
        onClosed: (status) => queueMicrotask(() => this.#stream.run(() => this.#closed(status))),
      });
    }
    stats.stream_msgs_sent += 1;
    this.#calls.send(create(ProcessingRequestSchema, { request }));
    this.#timer = this.#scope.wheel.set(this.config.timeout, () => this.#stream.run(() => this.#late()));
  }

  answer(reply: LocalReply): void {
    this.#over = true;
    this.#stream.answer(reply);
  }

  /** The server broke a rule, or did not do its part. */
  fail(status: number, details: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#calls?.cancel();
    this.#scope.wheel.cancel(this.#timer);
    if (!this.config.failureAllowed) {
      this.#stream.answer({ status, body: '', details, flags: 0, headers: null });
      return;
    }
    this.config.statsOf(this.#scope).failure_mode_allowed += 1;
    this.#letGo();
  }

  /** Where the failure is allowed, `from` goes on as it was. */
  mismatched(from: Asker): void {
    this.#awaiting = from;
    this.fail(this.config.statusOnError, 'mismatch_between_content_length_and_the_length_of_the_mutated_body');
  }

  rejected(from: Asker): void {
    this.#awaiting = from;
    this.config.statsOf(this.#scope).rejected_header_mutations += 1;
    this.fail(this.config.statusOnError, 'ext_proc_error_invalid_mutation');
  }

  #heard(message: ProcessingResponse): void {
    if (this.#over) return;
    const { config } = this;
    config.statsOf(this.#scope).stream_msgs_received += 1;
    const from = this.#awaiting;
    const { response } = message;
    if (response.case === 'immediateResponse' && config.immediate) {
      this.#scope.wheel.cancel(this.#timer);
      this.answer(immediate(response.value, config));
      return;
    }
    if (from === null || !from.expects(response)) {
      config.statsOf(this.#scope).spurious_msgs_received += 1;
      this.fail(config.statusOnError, 'ext_proc_spurious_message');
      return;
    }
    this.#scope.wheel.cancel(this.#timer);
    this.#awaiting = null;
    if (config.modeOverride && message.modeOverride !== undefined && response.case === 'requestHeaders')
      this.mode = overriddenMode(this.mode, message.modeOverride);
    from.hear(response);
  }

  #late(): void {
    if (this.#over) return;
    this.config.statsOf(this.#scope).message_timeouts += 1;
    this.fail(504, 'ext_proc_message_timeout');
  }

  /** A server that closes the stream in order wants to hear no more; anything else is a failure. */
  #closed({ code }: GrpcStatus): void {
    if (this.#over) return;
    this.#scope.wheel.cancel(this.#timer);
    if (code !== 0) {
      this.config.statsOf(this.#scope).streams_failed += 1;
      this.fail(this.config.statusOnError, 'ext_proc_grpc_error');
      return;
    }
    this.#over = true;
    this.#letGo();
  }

  #letGo(): void {
    const from = this.#awaiting;
    this.#awaiting = null;
    from?.pass();
  }
}

function immediate(answer: ImmediateResponse, { rules }: ProcessorConfig): LocalReply {
  const head = { status: answer.status?.code || 200, headers: new HeaderMap() };
  mutate(head, answer.headers, rules);
  return {
    status: head.status,
    body: Buffer.from(answer.body),
    details: answer.details.replaceAll(' ', '_') || 'ext_proc_local_response',
    flags: 0,
    headers: head.headers,
    ...(answer.grpcStatus === undefined ? {} : { grpcStatus: answer.grpcStatus.status }),
  };
}
