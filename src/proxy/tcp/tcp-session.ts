// One proxied connection:
//
//   asking for the cluster ─┐   (where one that is not there comes on demand)
//   connecting ◄────────────┘
//   connecting ──► piping ──both ends closed──► gone
//     │  └─failed, attempts left─► connecting      (access log when the client's side is closed)
//     └─nobody to connect to─► closed
//
// While it connects nothing is read from the client: what it sends waits in the kernel.
import type { Socket } from 'node:net';
import { xxHash64 } from '../../lib/hash.ts';
import type { Timer } from '../../lib/timer-wheel.ts';
import { anyEndpoint } from '../balance/balancer.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { ANYBODY, type Connector, type ConnectResult, type Purpose } from '../cluster/connector.ts';
import type { Host } from '../cluster/host.ts';
import type { TcpProxyConfig } from '../config/network-types.ts';
import type { Exchange, UpstreamTls } from '../http/exchange.ts';
import { UPSTREAM_SERVER_NAME } from '../http/filter-state.ts';
import { flag } from '../http/flags.ts';
import { openTunnel } from './http-tunnel.ts';
import { Pump } from './pump.ts';
import type { TcpProxy } from './tcp-proxy.ts';

type ClusterShare = TcpProxyConfig['clusters'][number];

const ON_DEMAND = {
  used: 'on_demand_cluster_success',
  absent: 'on_demand_cluster_missing',
  late: 'on_demand_cluster_timeout',
} as const;

export type SessionOwner = {
  onGone(): void;
  /** An exception while handling this connection; it has been destroyed. */
  onBug(error: unknown): void;
};

export class TcpSession {
  readonly #proxy: TcpProxy;
  readonly #record: Exchange;
  readonly #owner: SessionOwner;
  readonly #down: Pump;
  #up: Pump | null = null;
  #giveUp: (() => void) | null = null;
  #tried: Host[] = [];
  #lastActive: number;
  #idleTimer: Timer | null = null;
  #durationTimer: Timer | null = null;
  #closed = false;
  /** Tells who counts connections that this one is closed; null while it was not connected. */
  #closeCount: (() => void) | null = null;

  constructor(proxy: TcpProxy, socket: Socket, record: Exchange, owner: SessionOwner) {
    this.#proxy = proxy;
    this.#record = record;
    this.#owner = owner;
    this.#lastActive = record.started;
    const { stats } = proxy;
    this.#down = new Pump(
      socket,
      {
        onBytes: (length) => {
          this.#lastActive = proxy.services.clock.now();
          record.requestBytes += length;
          stats.downstream_cx_rx_bytes_total += length;
        },
        onStopped: () => {
          stats.downstream_flow_control_paused_reading_total += 1;
        },
        onFlowing: () => {
          stats.downstream_flow_control_resumed_reading_total += 1;
        },
        onBug: (error) => this.#bug(error),
      },
      proxy.bufferLimit,
    );
    watch(this.#down.source, (reset) => this.#onDownstreamClosed(reset));
    stats.downstream_cx_total += 1;
    stats.downstream_cx_active += 1;
  }

  begin(): void {
    const { config, services, stats } = this.#proxy;
    if (config.maxDuration > 0) {
      const longest = config.maxDuration * (1 + config.maxDurationJitter * services.random());
      this.#durationTimer = services.wheel.set(longest, () => {
        stats.max_downstream_connection_duration += 1;
        this.#record.flags |= flag.durationTimeout;
        this.destroy();
      });
    }
    const choice = this.#proxy.chooseCluster(this.#record);
    if (config.onDemand === null || services.clusters.get(choice.name) !== undefined) this.#use(choice);
    else this.#askFor(choice, config.onDemand);
  }

  #askFor(choice: ClusterShare, from: NonNullable<TcpProxyConfig['onDemand']>): void {
    const { services, stats } = this.#proxy;
    stats.on_demand_cluster_attempt += 1;
    services.onDemand.cluster({ ...from, name: choice.name }, (outcome) => {
      if (this.#closed) return;
      stats[ON_DEMAND[outcome]] += 1;
      this.#guarded(() => this.#use(choice));
    });
  }

  #use(choice: ClusterShare): void {
    const { services, stats } = this.#proxy;
    const cluster = services.clusters.get(choice.name);
    if (cluster === undefined) {
      stats.downstream_cx_no_route += 1;
      this.#fail(flag.noClusterFound);
      return;
    }
    this.#record.cluster = choice.name;
    this.#record.clusterStatName = cluster.config.statName;
    this.#record.clusterMetadata = cluster.config.metadata;
    this.#connect(cluster, choice);
  }

  /** Connections without HTTP have no moment between exchanges to leave at: they stay until the drain time is over. */
  drain(): void {
    // Nothing to do before `destroy`.
  }

  destroy(): void {
    this.#down.source.destroy();
    this.#up?.source.destroy();
  }

  #connect(cluster: Cluster, choice: ClusterShare): void {
    const { config, services } = this.#proxy;
    const { stats } = cluster;
    const record = this.#record;
    if (!cluster.breakers.default.allowsConnection) {
      stats.upstream_cx_overflow += 1;
      this.#fail(flag.upstreamOverflow);
      return;
    }
    if (record.attempts >= config.maxConnectAttempts) {
      stats.upstream_cx_connect_attempts_exceeded += 1;
      this.#fail(flag.upstreamRetryLimitExceeded);
      return;
    }
    const host = cluster.pick({
      ...anyEndpoint,
      hash: config.hashSourceIp ? xxHash64(record.downstream.remote.address) : null,
      now: services.clock.now(),
      tried: this.#tried,
      subset: choice.subset,
      destination: record.downstream.restored ? record.downstream.local : null,
    });
    if (host === null) {
      this.#fail(flag.noHealthyUpstream);
      return;
    }
    record.attempts += 1;
    record.goesTo(host);
    this.#await(host, () => this.#connect(cluster, choice));
  }

  #await(host: Host, again: () => void): void {
    const { config, services } = this.#proxy;
    const { cluster } = host;
    const { tunnel } = config;
    const counted = tunnel === null ? countConnection(host) : null;
    let cancel: () => void = nothing;
    const settled = () => {
      this.#giveUp = null;
      services.wheel.cancel(timer);
    };
    const failed = (detail: string, status = 503) => {
      settled();
      counted?.failed();
      this.#tried.push(host);
      this.#record.flags |= flag.upstreamConnectionFailure;
      this.#record.upstreamFailure = detail;
      cluster.observeFailure(host, status);
      if (!this.#closed) this.#guarded(again);
    };
    const result: ConnectResult = {
      onConnected: (socket, _alpn, tls) => {
        settled();
        cluster.observeConnected(host, true);
        this.#guarded(() => this.#onConnected(socket, tls, counted?.ended ?? nothing));
      },
      onFailed: (detail) => failed(detail),
    };
    // Set first: a pool that refuses says so at once. Over HTTP it bounds the answer, too.
    const timer = services.wheel.set(cluster.config.connectTimeout, () => {
      cancel();
      if (tunnel === null) cluster.stats.upstream_cx_connect_timeout += 1;
      failed('', 504);
    });
    this.#giveUp = () => {
      services.wheel.cancel(timer);
      cancel();
      counted?.ended();
    };
    if (tunnel === null) cancel = connectTo(host, this.#record, result);
    else cancel = openTunnel(host, tunnel, this.#record, result);
  }

  #onConnected(socket: Socket, tls: UpstreamTls | null, ended: () => void): void {
    const { config, services, stats, bufferLimit } = this.#proxy;
    const record = this.#record;
    const onBytes = (length: number) => {
      this.#lastActive = services.clock.now();
      record.responseBytes += length;
      stats.downstream_cx_tx_bytes_total += length;
    };
    const up = new Pump(
      socket,
      { onBytes, onStopped: nothing, onFlowing: nothing, onBug: (error) => this.#bug(error) },
      bufferLimit,
    );
    this.#up = up;
    record.upstream = {
      protocol: '',
      local: { address: up.source.localAddress ?? '', port: up.source.localPort ?? 0 },
      tls,
    };
    watch(up.source, (reset) => {
      ended();
      closeAfter(this.#down.source, reset);
    });
    this.#closeCount = config.onOpened?.(record) ?? null;
    if (config.logOnConnected) this.#proxy.log(record, 0);
    if (config.idleTimeout > 0) this.#watchIdle(config.idleTimeout);
    up.start(this.#down.source);
    this.#down.start(up.source);
  }

  /** Bytes only note the time: the timer finds out whether it was too long ago. */
  #watchIdle(delay: number): void {
    const { config, services, stats } = this.#proxy;
    this.#idleTimer = services.wheel.set(delay, () => {
      const left = this.#lastActive + config.idleTimeout - services.clock.now();
      if (left > 0) {
        this.#watchIdle(left);
        return;
      }
      stats.idle_timeout += 1;
      this.destroy();
    });
  }

  /** The boundary of exceptions in what a connector calls. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#bug(error);
    }
  }

  #bug(error: unknown): void {
    this.destroy();
    this.#owner.onBug(error);
  }

  #fail(flags: number): void {
    this.#record.flags |= flags;
    this.#down.source.destroy();
  }

  #onDownstreamClosed(reset: boolean): void {
    this.#closed = true;
    const { services, stats } = this.#proxy;
    services.wheel.cancel(this.#idleTimer);
    services.wheel.cancel(this.#durationTimer);
    this.#giveUp?.();
    this.#giveUp = null;
    if (this.#up !== null) closeAfter(this.#up.source, reset);
    stats.downstream_cx_active -= 1;
    this.#owner.onGone();
    this.#guarded(() => {
      const closed = this.#closeCount ?? this.#proxy.config.onOpened?.(this.#record);
      closed?.();
      this.#proxy.log(this.#record, services.clock.now());
    });
  }
}

function connectTo(host: Host, record: Exchange, result: ConnectResult): () => void {
  const { address, port, connector } = host;
  return connector.connect(address, port, result, purposeOf(connector, record));
}

/** Of the cluster's connections, as long as it is there; one over HTTP is a request, which its pool counts. */
function countConnection(host: Host): { failed(): void; ended(): void } {
  const { stats, breakers } = host.cluster;
  host.beginConnection(breakers.default);
  return {
    failed() {
      host.endConnection(breakers.default);
      stats.upstream_cx_connect_fail += 1;
      host.stats.cx_connect_fail += 1;
    },
    ended() {
      host.endConnection(breakers.default);
      stats.upstream_cx_destroy += 1;
    },
  };
}

/** A filter may have left the name to ask for. */
function purposeOf(connector: Connector, record: Exchange): Purpose | null {
  const purpose = connector.purposeOf?.(record) ?? null;
  const serverName = record.filterState?.get(UPSTREAM_SERVER_NAME);
  return serverName === undefined ? purpose : { ...(purpose ?? ANYBODY), serverName };
}

function watch(socket: Socket, onClosed: (reset: boolean) => void): void {
  let reset = false;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    reset = error.code === 'ECONNRESET';
  });
  socket.once('close', () => onClosed(reset));
}

/** The other side has closed: what waits is still written. A reset is passed on as one. */
function closeAfter(socket: Socket, reset: boolean): void {
  if (socket.destroyed) return;
  if (reset) socket.resetAndDestroy();
  else socket.destroySoon();
}

function nothing(): void {
  // Only the client's side counts how often it was stopped.
}
