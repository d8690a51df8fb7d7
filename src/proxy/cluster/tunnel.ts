// A CONNECT or POST request that ends here (Envoy's `connect_config`): a connection of its own to the endpoint, whose bytes are the body both ways.
import type { Socket } from 'node:net';
import type { RoutingPriority } from '../config/cluster-types.ts';
import type { ProxyHeaderConfig } from '../config/proxy-header.ts';
import type { Exchange, UpstreamConnection, UpstreamTls } from '../http/exchange.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import type { ClientSession, ClientStream, ClientStreamHandler } from '../http/stream.ts';
import { kept } from '../socket/reused-reads.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { Cluster } from './cluster.ts';
import type { ConnectResult } from './connector.ts';
import type { Host } from './host.ts';
import type { PoolWaiter, SessionSource } from './pool.ts';
import { encodeProxyHeader } from './proxy-header.ts';

export class Tunnel implements SessionSource, ClientSession, ClientStream {
  readonly #host: Host;
  readonly #cluster: Cluster;
  readonly #breaker: CircuitBreaker;
  readonly #behalf: Exchange | null;
  /** Goes before the bytes of the body. */
  readonly #proxyHeader: ProxyHeaderConfig | null;
  #giveUp: (() => void) | null = null;
  #socket: Socket | null = null;
  #handler: ClientStreamHandler | null = null;
  #connection: UpstreamConnection = { protocol: 'HTTP/1.1', local: { address: '', port: 0 }, tls: null };

  constructor(host: Host, priority: RoutingPriority, behalf: Exchange | null, proxyHeader: ProxyHeaderConfig | null) {
    this.#proxyHeader = proxyHeader;
    this.#host = host;
    this.#cluster = host.cluster;
    this.#breaker = host.cluster.breakers[priority];
    this.#behalf = behalf;
  }

  get connection(): UpstreamConnection {
    return this.#connection;
  }

  get backedUp(): boolean {
    return this.#socket?.writableNeedDrain === true;
  }

  acquire(waiter: PoolWaiter): void {
    const { stats } = this.#cluster;
    this.#host.beginConnection(this.#breaker);
    const timer = this.#cluster.after(this.#cluster.config.connectTimeout, () => {
      this.#giveUp?.();
      this.#host.endConnection(this.#breaker);
      stats.upstream_cx_connect_timeout += 1;
      settled(() => waiter.onFailure('connection-timeout', ''));
    });
    const settled = (work: () => void) => {
      this.#giveUp = null;
      timer();
      try {
        work();
      } catch (error) {
        this.#socket?.destroy();
        waiter.onBug(error);
      }
    };
    const { address, port, connector } = this.#host;
    const result: ConnectResult = {
      onConnected: (socket, _alpn, tls) => settled(() => this.#connected(socket, tls, waiter)),
      onFailed: (detail) => {
        this.#host.endConnection(this.#breaker);
        stats.upstream_cx_connect_fail += 1;
        this.#host.stats.cx_connect_fail += 1;
        settled(() => waiter.onFailure('connection-failure', detail));
      },
    };
    const purpose = this.#behalf === null ? null : connector.purposeOf?.(this.#behalf);
    this.#giveUp = connector.connect(address, port, result, purpose);
  }

  cancel(): void {
    if (this.#giveUp === null) return;
    this.#giveUp();
    this.#giveUp = null;
    this.#host.endConnection(this.#breaker);
  }

  /** The connection is the answer. */
  open(_head: RequestHead, last: boolean, handler: ClientStreamHandler): ClientStream {
    this.#handler = handler;
    if (last) this.finish();
    setImmediate(() =>
      this.#tell((told) => {
        told.onResponse({ status: 200, headers: new HeaderMap() }, false);
        told.onReadDone();
        this.#socket?.resume();
      }),
    );
    return this;
  }

  write(chunk: Buffer): void {
    this.#socket?.write(kept(chunk));
  }

  finish(): void {
    this.#socket?.end();
  }

  flush(): void {
    // Nothing is held back.
  }

  reset(): void {
    this.#handler = null;
    this.#socket?.destroy();
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  #connected(socket: Socket, tls: UpstreamTls | null, waiter: PoolWaiter): void {
    this.#socket = socket;
    const { localAddress: address = '', localPort: port = 0 } = socket;
    this.#connection = { protocol: 'HTTP/1.1', local: { address, port }, tls };
    socket.pause();
    if (this.#proxyHeader !== null && this.#behalf !== null)
      socket.write(encodeProxyHeader(this.#proxyHeader, this.#behalf.downstream));
    socket.on('data', (bytes: Buffer) =>
      this.#tell((handler) => {
        handler.onData(bytes);
        handler.onReadDone();
      }),
    );
    socket.on('end', () =>
      this.#finished((handler) => {
        handler.onEnd(null);
        handler.onReadDone();
      }),
    );
    socket.on('drain', () => this.#tell((handler) => handler.onDrain()));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#host.endConnection(this.#breaker);
      this.#cluster.stats.upstream_cx_destroy += 1;
      this.#finished((handler) => handler.onReset('connection-termination'));
    });
    waiter.onReady(this);
  }

  #finished(work: (handler: ClientStreamHandler) => void): void {
    const handler = this.#handler;
    this.#handler = null;
    if (handler !== null) this.#guard(handler, work);
  }

  #tell(work: (handler: ClientStreamHandler) => void): void {
    if (this.#handler !== null) this.#guard(this.#handler, work);
  }

  #guard(handler: ClientStreamHandler, work: (handler: ClientStreamHandler) => void): void {
    try {
      work(handler);
    } catch (error) {
      this.#handler = null;
      this.#socket?.destroy();
      handler.onBug(error);
    }
  }
}
