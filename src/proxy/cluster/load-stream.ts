// What one endpoint says of its load on a stream of its own (`xds.service.orca.v3.OpenRcaService`), over a connection of its own, with Envoy's pauses.
//
//   waiting ──pause──► asking ──report─┐
//      ▲                 │  ▲──────────┘
//      └──end or silence─┴──UNIMPLEMENTED──► over: the endpoint does not know the service
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { DurationSchema, durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Timer } from '../../lib/timer-wheel.ts';
import { OrcaLoadReportSchema } from '../../xds/gen/xds/data/orca/v3/orca_load_report_pb.ts';
import { frameMessage, MessageReader } from '../http/grpc-messages.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { ClientSession, ClientStream, ClientStreamHandler } from '../http/stream.ts';
import type { Host } from './host.ts';
import { type OwnPoolSettings, ownPool } from './own-pool.ts';
import type { Pool, PoolWaiter } from './pool.ts';

export class LoadStreamStats {
  active_sessions = 0;
  reports_received = 0;
  /** Reports that make no weight. */
  report_errors = 0;
  stream_failures = 0;
  stream_terminated = 0;
}

export type LoadStreamContext = {
  /** Milliseconds between reports; 0: as the endpoint likes. */
  readonly period: number;
  readonly stats: LoadStreamStats;
  readonly settings: OwnPoolSettings;
  readonly onBug: (error: unknown) => void;
};

const PATH = '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics';
/** Milliseconds. */
const PAUSE = { base: 1_000, max: 30_000 };
/** So many reports may be missing. */
const SILENT_PERIODS = 3;
const LARGEST_REPORT = 64 * 1024;
const UNIMPLEMENTED = '12';

export class LoadStream implements PoolWaiter, ClientStreamHandler {
  readonly #host: Host;
  readonly #context: LoadStreamContext;
  #reader: MessageReader | null = null;
  #pool: Pool | null = null;
  #stream: ClientStream | null = null;
  #timer: Timer | null = null;
  #failures = 0;
  #over = false;

  constructor(host: Host, context: LoadStreamContext) {
    this.#host = host;
    this.#context = context;
  }

  start(): void {
    const { period, stats, settings } = this.#context;
    stats.active_sessions += 1;
    this.#wait(settings.random() * period, () => this.#ask());
  }

  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#context.stats.active_sessions -= 1;
    this.#close();
  }

  onReady(session: ClientSession): void {
    const stream = session.open(this.#head(), false, this);
    this.#stream = stream;
    stream.write(frameMessage(requestFor(this.#context.period)));
    stream.finish(null);
    stream.flush();
  }

  onFailure(): void {
    this.#failed();
  }

  onInterim(): void {
    // Says nothing of load.
  }

  onResponse({ status, headers }: ResponseHead, last: boolean): void {
    if (last) this.#ended(headers);
    else if (status !== 200) this.#failed();
  }

  onData(chunk: Buffer): void {
    const wrong = this.#reader?.push(chunk) ?? '';
    if (wrong !== '') this.#failed();
  }

  onEnd(trailers: HeaderMap | null): void {
    this.#ended(trailers);
  }

  onReadDone(): void {
    // Nothing was held back.
  }

  onReset(): void {
    this.#failed();
  }

  onDrain(): void {
    // The request is complete from the start.
  }

  onBug(error: unknown): void {
    this.#context.onBug(error);
    this.#failed();
  }

  #ask(): void {
    this.#reader = new MessageReader(LARGEST_REPORT, (message) => this.#report(message));
    this.#pool = ownPool(this.#host, 'http2', this.#context.settings);
    this.#watch();
    this.#pool.acquire(this);
  }

  #report(message: Buffer): void {
    const report = reportIn(message);
    if (this.#pool === null) return;
    if (report === null) {
      this.#failed();
      return;
    }
    const { stats, settings } = this.#context;
    stats.reports_received += 1;
    this.#failures = 0;
    this.#watch();
    if (this.#host.load?.report(report, settings.clock.now()) !== true) stats.report_errors += 1;
  }

  #ended(trailers: HeaderMap | null): void {
    if (trailers?.get('grpc-status') !== UNIMPLEMENTED) {
      this.#failed();
      return;
    }
    this.#context.stats.stream_terminated += 1;
    this.stop();
  }

  #failed(): void {
    if (this.#pool === null) return;
    this.#context.stats.stream_failures += 1;
    this.#close();
    const { random } = this.#context.settings;
    const pause = random() * Math.min(PAUSE.base * 2 ** this.#failures, PAUSE.max);
    this.#failures += 1;
    this.#wait(pause, () => this.#ask());
  }

  /** Takes silence for an end. */
  #watch(): void {
    const { period } = this.#context;
    if (period > 0) this.#wait(period * SILENT_PERIODS, () => this.#failed());
  }

  #wait(delay: number, then: () => void): void {
    const { wheel } = this.#context.settings;
    wheel.cancel(this.#timer);
    this.#timer = wheel.set(delay, then);
  }

  #close(): void {
    this.#context.settings.wheel.cancel(this.#timer);
    const [pool, stream] = [this.#pool, this.#stream];
    this.#pool = null;
    this.#stream = null;
    this.#reader = null;
    if (stream === null) pool?.cancel(this);
    else stream.reset();
    pool?.retire();
  }

  #head(): RequestHead {
    const { secure, hostname, address, name, cluster } = this.#host;
    return {
      method: 'POST',
      scheme: secure ? 'https' : 'http',
      authority: hostname || (address.startsWith('/') ? cluster.config.name : name),
      path: PATH,
      protocol: 'HTTP/2',
      upgrade: '',
      headers: new HeaderMap(['te', 'trailers', 'content-type', 'application/grpc']),
    };
  }
}

/** `OrcaLoadReportRequest { google.protobuf.Duration report_interval = 1 }`. */
function requestFor(period: number): Buffer {
  if (period === 0) return Buffer.alloc(0);
  const interval = toBinary(DurationSchema, durationFromMs(period));
  return Buffer.from([0x0a, interval.length, ...interval]);
}

/** null: it cannot be read. */
function reportIn(message: Buffer) {
  try {
    return fromBinary(OrcaLoadReportSchema, message);
  } catch {
    return null;
  }
}
