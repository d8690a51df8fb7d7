// One try at one endpoint: waits for a connection, sends the request, reports what comes back to the forwarding that started it.
import type { Cluster } from '../cluster/cluster.ts';
import type { Host } from '../cluster/host.ts';
import { hearLoad } from '../cluster/load-report.ts';
import type { PoolWaiter, SessionSource } from '../cluster/pool.ts';
import { AttemptSizes } from '../cluster/request-sizes.ts';
import type { TryBudget } from '../cluster/timeout-budgets.ts';
import { Tunnel } from '../cluster/tunnel.ts';
import type { RoutingPriority } from '../config/cluster-types.ts';
import type { Exchange } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { ClientSession, ClientStream, ClientStreamHandler, ResetReason } from '../http/stream.ts';
import { newWireBytes, type WireBytes } from '../http/wire-bytes.ts';
import type { TunnelEnd } from '../route/table.ts';
import { observeTrailers } from './observe.ts';
import type { RequestBody } from './request-body.ts';
import type { TryTimers } from './try-timers.ts';
import { openWebSocket } from './websocket-handshake.ts';

export type AttemptOwner = {
  /** A connection took the request. */
  onSent(attempt: Attempt, session: ClientSession): void;
  onInterim(head: ResponseHead): void;
  onResponse(attempt: Attempt, head: ResponseHead, last: boolean): void;
  onData(chunk: Buffer): void;
  onEnd(trailers: HeaderMap | null): void;
  onReadDone(): void;
  onReset(attempt: Attempt, reason: ResetReason, detail: string): void;
  onUpstreamDrain(): void;
  onBug(error: unknown): void;
};

export class Attempt implements PoolWaiter, ClientStreamHandler {
  readonly host: Host;
  /** A connection took the request: from here on a failure is no connect failure. */
  sent = false;
  /** Another attempt was started because this one took too long. */
  hedged = false;
  /** Its answer was counted as neither good nor bad: the trailers of gRPC say which. */
  statusDue = false;
  timers: TryTimers | null = null;
  /** How much of its timeout it takes, where that is recorded. */
  budget: TryBudget | null = null;
  readonly #cluster: Cluster;
  readonly #head: RequestHead;
  readonly #body: RequestBody;
  readonly #owner: AttemptOwner;
  #stream: ClientStream | null = null;
  #over = false;
  /** Its answer said nothing of the endpoint's load: the trailers may. */
  #loadDue = false;
  /** When it began; NaN where nobody measures, or once it was measured. */
  #measuredFrom = Number.NaN;
  #starting = false;
  readonly #behalf: Exchange | null;
  readonly #priority: RoutingPriority;
  readonly #raw: TunnelEnd | null;
  #tunnel: Tunnel | null = null;
  #sizes: AttemptSizes | null = null;

  /** `behalf`: null for a request of the proxy's own. `raw`: the body goes to the endpoint as it is, without HTTP, as this says. */
  constructor(
    host: Host,
    head: RequestHead,
    body: RequestBody,
    owner: AttemptOwner,
    behalf: Exchange | null = null,
    priority: RoutingPriority = 'default',
    raw: TunnelEnd | null = null,
  ) {
    this.#cluster = host.cluster;
    this.host = host;
    this.#head = head;
    this.#body = body;
    this.#owner = owner;
    this.#behalf = behalf;
    this.#priority = priority;
    this.#raw = raw;
  }

  start(): void {
    this.host.activeRequests += 1;
    const { sizes } = this.#cluster;
    if (sizes !== null) this.#sizes = new AttemptSizes(sizes);
    if (this.host.latency !== null) {
      this.host.latency.begin();
      this.#measuredFrom = this.#cluster.now();
    }
    this.#starting = true;
    this.#source().acquire(this);
    this.#starting = false;
  }

  /** Gives the attempt up; nothing is reported afterwards. */
  abandon(): void {
    if (this.#over) return;
    this.#settle();
    const stream = this.#stream;
    this.#stream = null;
    if (stream === null) this.#source().cancel(this);
    else {
      this.#cluster.stats.upstream_rq_tx_reset += 1;
      stream.reset();
    }
  }

  /** Lets go of a response that is retried: it came, so that this counts as no reset. */
  discard(): void {
    if (this.#over) return;
    this.#settle();
    this.#stream?.reset();
    this.#stream = null;
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  flush(): void {
    this.#stream?.flush();
  }

  onReady(session: ClientSession): void {
    this.#cluster.stats.upstream_rq_total += 1;
    this.host.stats.rq_total += 1;
    this.sent = true;
    this.#cluster.breakers[this.#priority].beginRequest();
    this.#cluster.observeConnected(this.host);
    this.#owner.onSent(this, session);
    const last = this.#body.empty;
    const head = this.#head;
    const wire = this.#behalf && wireOf(this.#behalf);
    const stream =
      head.upgrade === 'websocket' ? openWebSocket(session, head, this, wire) : session.open(head, last, this, wire);
    this.#stream = stream;
    if (last) return;
    this.#body.attach(stream);
    // Otherwise whoever started the attempt flushes, after the body's bytes that came together with the head.
    if (this.#starting) return;
    stream.flush();
    this.#owner.onUpstreamDrain();
  }

  onFailure(reason: ResetReason, detail: string): void {
    this.#settle();
    this.#owner.onReset(this, reason, detail);
  }

  onInterim(head: ResponseHead): void {
    this.#owner.onInterim(head);
  }

  onResponse(head: ResponseHead, last: boolean): void {
    this.#measure(true);
    if (this.host.load !== null) this.#loadDue = !hearLoad(this.host, head.headers);
    this.timers?.touch();
    this.#sizes?.answered(head);
    if (last) this.#settle();
    this.#owner.onResponse(this, head, last);
  }

  onData(chunk: Buffer): void {
    this.timers?.touch();
    if (this.#sizes !== null) this.#sizes.bytes += chunk.length;
    this.#owner.onData(chunk);
  }

  onEnd(trailers: HeaderMap | null): void {
    if (this.statusDue) observeTrailers(this.host, trailers);
    if (this.#loadDue && trailers !== null) hearLoad(this.host, trailers);
    this.#settle();
    this.#owner.onEnd(trailers);
  }

  onReadDone(): void {
    this.#owner.onReadDone();
  }

  onReset(reason: ResetReason): void {
    this.#cluster.stats.upstream_rq_rx_reset += 1;
    if (this.statusDue) observeTrailers(this.host, null);
    if (reason === 'protocol-error') this.#cluster.stats.upstream_cx_protocol_error += 1;
    this.#settle();
    this.#owner.onReset(this, reason, '');
  }

  onDrain(): void {
    this.#owner.onUpstreamDrain();
  }

  onBug(error: unknown): void {
    this.abandon();
    this.#owner.onBug(error);
  }

  /** Tells the endpoint how long it took to answer, or that it did not. */
  #measure(answered: boolean): void {
    const { latency } = this.host;
    if (latency === null || Number.isNaN(this.#measuredFrom)) return;
    const now = this.#cluster.now();
    latency.end(answered ? now - this.#measuredFrom : null, now);
    this.#measuredFrom = Number.NaN;
  }

  /** CONNECT that ends here has a connection of its own; everything else one of the endpoint's pools. */
  #source(): SessionSource {
    if (this.#raw === null) return this.host.pools.for(this.#head.protocol, this.#priority, this.#behalf);
    this.#tunnel ??= new Tunnel(this.host, this.#priority, this.#behalf, this.#raw.proxyHeader);
    return this.#tunnel;
  }

  /** The attempt holds its endpoint no longer. */
  #settle(): void {
    if (this.#over) return;
    this.#over = true;
    this.timers?.stop();
    this.#measure(false);
    this.budget?.done(this.#cluster.now());
    this.#sizes?.done(this.#head, this.#behalf?.requestBytes ?? 0);
    if (this.sent) this.#cluster.breakers[this.#priority].endRequest();
    this.host.activeRequests -= 1;
    this.#body.detach();
  }
}

/** All attempts count into one. */
function wireOf(exchange: Exchange): WireBytes | null {
  exchange.upstreamWire ??= newWireBytes();
  return exchange.upstreamWire;
}
