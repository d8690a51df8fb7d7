// A connection to an endpoint over HTTP (Envoy's `tunneling_config`): the bodies of a CONNECT, or a POST, are its bytes. To the session it is a socket.
//
//   queued ──connection──► asked ──2xx──► open (the session has it) ──both ends──► gone
//      └────────────failed, or any other answer────────► gone
import { Socket } from 'node:net';
import type { ConnectResult } from '../cluster/connector.ts';
import type { Host } from '../cluster/host.ts';
import type { PoolWaiter, SessionSource } from '../cluster/pool.ts';
import type { TunnelConfig } from '../config/network-types.ts';
import type { Exchange } from '../http/exchange.ts';
import { TUNNEL_HEADERS, TUNNEL_TRAILERS } from '../http/filter-state.ts';
import { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import { leaveObject, StateObject } from '../http/state-object.ts';
import type { ClientSession, ClientStream, ClientStreamHandler, ResetReason } from '../http/stream.ts';
import { kept } from '../socket/reused-reads.ts';

/** As a connector would: the result gives up. */
export function openTunnel(host: Host, config: TunnelConfig, record: Exchange, result: ConnectResult): () => void {
  const tunnel = new HttpTunnel(requestOf(config, host, record), keeperOf(config, record), result);
  tunnel.askFrom(host.pools.for('HTTP/1.1', 'default', record));
  return () => tunnel.giveUp();
}

function requestOf({ hostOf, postPath, addHeaders }: TunnelConfig, { secure }: Host, record: Exchange): RequestHead {
  const headers = new HeaderMap();
  addHeaders(headers, record);
  return {
    method: postPath === null ? 'CONNECT' : 'POST',
    scheme: secure ? 'https' : 'http',
    authority: hostOf(record),
    path: postPath ?? '',
    protocol: 'HTTP/1.1',
    upgrade: '',
    headers,
  };
}

/** What leaves fields of the answer with the connection; null: nobody asks. */
type Keeper = {
  readonly headers: ((head: ResponseHead) => void) | null;
  readonly trailers: ((trailers: HeaderMap) => void) | null;
};

function keeperOf({ keepsHeaders, keepsTrailers }: TunnelConfig, record: Exchange): Keeper {
  const keep = (key: string, fields: Iterable<readonly [name: string, value: string]>) => {
    const headers = [...fields].map(([name, value]) => ({ key: name, value: Buffer.from(value, 'latin1').toString() }));
    leaveObject(record, key, null, new StateObject(JSON.stringify({ headers }), { headers }));
  };
  return {
    headers: keepsHeaders
      ? ({ status, headers }) => keep(TUNNEL_HEADERS, [[':status', String(status)], ...headers])
      : null,
    trailers: keepsTrailers ? (trailers) => keep(TUNNEL_TRAILERS, trailers) : null,
  };
}

class HttpTunnel extends Socket implements PoolWaiter, ClientStreamHandler {
  readonly #head: RequestHead;
  readonly #keeper: Keeper;
  #result: ConnectResult | null;
  #pool: SessionSource | null = null;
  #session: ClientSession | null = null;
  /** null before it was asked for, and once both its ends are over. */
  #stream: ClientStream | null = null;
  #written: (() => void) | null = null;
  #finished = false;
  #ended = false;

  constructor(head: RequestHead, keeper: Keeper, result: ConnectResult) {
    super({ allowHalfOpen: true });
    this.#head = head;
    this.#keeper = keeper;
    this.#result = result;
  }

  askFrom(pool: SessionSource): void {
    this.#pool = pool;
    pool.acquire(this);
  }

  /** Nobody waits for it any more. */
  giveUp(): void {
    this.#result = null;
    if (this.#session === null) this.#pool?.cancel(this);
    this.destroy();
  }

  onReady(session: ClientSession): void {
    this.#session = session;
    const { address, port } = session.connection.local;
    Object.defineProperties(this, { localAddress: { value: address }, localPort: { value: port } });
    this.#stream = session.open(this.#head, false, this);
    this.#stream.flush();
  }

  onFailure(_reason: ResetReason, detail: string): void {
    this.#failed(detail);
  }

  onInterim(): void {
    // The answer is what counts.
  }

  onResponse(head: ResponseHead, last: boolean): void {
    const { status } = head;
    this.#keeper.headers?.(head);
    const result = this.#result;
    if (status < 200 || status >= 300 || last || result === null) {
      this.#failed('');
      return;
    }
    this.#result = null;
    this.pause();
    result.onConnected(this, '', this.#session?.connection.tls ?? null);
  }

  onData(chunk: Buffer): void {
    if (!this.push(kept(chunk))) this.#stream?.pause();
  }

  onEnd(trailers: HeaderMap | null): void {
    if (trailers !== null) this.#keeper.trailers?.(trailers);
    this.#ended = true;
    if (this.#finished) this.#stream = null;
    this.push(null);
  }

  onReadDone(): void {
    // Bytes are written as they are taken.
  }

  onReset(): void {
    this.#stream = null;
    if (this.#result === null) this.destroy(Object.assign(new Error('the tunnel was reset'), { code: 'ECONNRESET' }));
    else this.#failed('');
  }

  onDrain(): void {
    const written = this.#written;
    this.#written = null;
    written?.();
  }

  onBug(error: unknown): void {
    this.#stream = null;
    if (this.#result !== null) this.#failed(String(error));
    else this.destroy(error instanceof Error ? error : new Error(String(error)));
  }

  override _read(): void {
    this.#stream?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const stream = this.#stream;
    stream?.write(chunk);
    stream?.flush();
    if (stream?.backedUp === true) this.#written = done;
    else done();
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), '', done);
  }

  override _final(done: () => void): void {
    this.#finished = true;
    this.#stream?.finish(null);
    this.#stream?.flush();
    if (this.#ended) this.#stream = null;
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const stream = this.#stream;
    this.#stream = null;
    stream?.reset();
    done(error);
  }

  override resetAndDestroy(): this {
    this.destroy();
    return this;
  }

  #failed(detail: string): void {
    const result = this.#result;
    this.#result = null;
    this.destroy();
    result?.onFailed(detail);
  }
}
