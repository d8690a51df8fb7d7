// Entries on their way to an access log service: gathered, sent on one stream per log, dropped and counted when too many wait.
//
//   idle ─entry─► gathering ─(enough bytes, or time)─► sent on the stream, which is opened when there is none
//                                                       └─(nothing for a while)─► stream closed
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Timer, TimerWheel } from '../../lib/timer-wheel.ts';
import { AccessLogService, StreamAccessLogsMessageSchema } from '../../xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import type { ClusterClient } from '../client/cluster-client.ts';
import type { GrpcStream } from '../client/grpc-call.ts';
import type { GrpcTarget } from '../client/grpc-stream.ts';

export type LogStreamConfig<Entry extends DescMessage> = {
  readonly logName: string;
  readonly target: GrpcTarget;
  /** Milliseconds. */
  readonly flushInterval: number;
  /** Entries are sent when there are so many bytes of them; 0 sends each at once. */
  readonly bufferSize: number;
  readonly schema: Entry;
  /** Entries in the message that is sent. */
  batch(entries: MessageInitShape<Entry>[]): MessageInitShape<typeof StreamAccessLogsMessageSchema>['logEntries'];
};

/** Under Envoy's names (`access_logs.grpc_access_log.`). */
export class LogStreamStats {
  logs_written = 0;
  logs_dropped = 0;
}

export type LogStreamServices = {
  readonly client: Pick<ClusterClient, 'stream'>;
  readonly wheel: TimerWheel;
  readonly node: { readonly id: string; readonly cluster: string };
};

/** Milliseconds without an entry after which the stream is given back: a log that is no longer configured leaves nothing open. */
const IDLE = 60_000;
/** Bytes that may wait where `bufferSize` is small. */
const LEAST_ROOM = 65_536;

type Message = typeof StreamAccessLogsMessageSchema;

export class LogStream<Entry extends DescMessage> {
  readonly #config: LogStreamConfig<Entry>;
  readonly #services: LogStreamServices;
  readonly #stats: LogStreamStats;
  #entries: MessageInitShape<Entry>[] = [];
  #bytes = 0;
  #stream: GrpcStream<Message> | null = null;
  /** Stands for the stream while it is being opened. */
  #current: object | null = null;
  #timer: Timer | null = null;
  #idle: Timer | null = null;
  /** The stream broke since the timer fired last: another one may wait until it fires again. */
  #broken = false;

  constructor(config: LogStreamConfig<Entry>, services: LogStreamServices, stats: LogStreamStats) {
    this.#config = config;
    this.#services = services;
    this.#stats = stats;
  }

  add(entry: MessageInitShape<Entry>): void {
    const { schema, bufferSize } = this.#config;
    const size = toBinary(schema, create(schema, entry)).length;
    if (this.#bytes + size > Math.max(bufferSize * 2, LEAST_ROOM)) {
      this.#stats.logs_dropped += 1;
      return;
    }
    this.#entries.push(entry);
    this.#bytes += size;
    if (this.#bytes >= bufferSize && !this.#broken) this.#flush();
    if (this.#entries.length > 0)
      this.#timer ??= this.#services.wheel.set(this.#config.flushInterval, () => this.#onTime());
  }

  #onTime(): void {
    this.#timer = null;
    this.#broken = false;
    this.#flush();
    if (this.#entries.length > 0)
      this.#timer = this.#services.wheel.set(this.#config.flushInterval, () => this.#onTime());
  }

  #flush(): void {
    if (this.#entries.length === 0) return;
    const first = this.#stream === null;
    const stream = this.#stream ?? this.#open();
    if (stream === null || stream.congested) return;
    const entries = this.#entries;
    this.#entries = [];
    this.#bytes = 0;
    const { logName, batch } = this.#config;
    const { id, cluster } = this.#services.node;
    stream.send(
      create(StreamAccessLogsMessageSchema, {
        ...(first ? { identifier: { node: { id, cluster }, logName } } : {}),
        logEntries: batch(entries),
      }),
    );
    this.#stats.logs_written += entries.length;
    this.#watchIdle();
  }

  /** null: it could not even be begun. */
  #open(): GrpcStream<Message> | null {
    const state = { over: false };
    const stream = this.#services.client.stream(AccessLogService.method.streamAccessLogs, this.#config.target, {
      onMessage() {
        // The service says nothing before the end.
      },
      onClosed: () => {
        state.over = true;
        this.#lost(state);
      },
    });
    this.#current = state;
    if (state.over) {
      this.#broken = true;
      return null;
    }
    this.#stream = stream;
    return stream;
  }

  #lost(state: object): void {
    if (this.#current !== state) return;
    this.#stream = null;
    this.#broken = true;
  }

  #watchIdle(): void {
    const { wheel } = this.#services;
    wheel.cancel(this.#idle);
    this.#idle = wheel.set(IDLE, () => {
      this.#stream?.close();
      this.#stream = null;
      this.#current = null;
    });
  }
}
