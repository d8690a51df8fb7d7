// One connection to an upstream. It is also its only stream: a request is opened when the response before it is complete.
import type { Socket } from 'node:net';
import type { UpstreamConnection, UpstreamTls } from '../http/exchange.ts';
import type { HeaderMap } from '../http/headers.ts';
import type { RequestHead, ResponseHead } from '../http/message.ts';
import type { ResponseLimits } from '../http/response-limits.ts';
import type { ClientSession, ClientStream, ClientStreamHandler, ResetReason } from '../http/stream.ts';
import type { WireBytes } from '../http/wire-bytes.ts';
import { BodyDecoder, type BodySink } from './body-decoder.ts';
import { HeadReader } from './head-reader.ts';
import { MORE } from './head-scanner.ts';
import type { Http1Options } from './options.ts';
import { Output } from './output.ts';
import { ResponseParser, UNTIL_CLOSE } from './response-parser.ts';
import { isSwitch, requestHead } from './serializer.ts';
import { spelled } from './spelled-head.ts';
import { WireMeter } from './wire-meter.ts';

export type ClientConnectionOwner = {
  /** The connection can take another request. */
  onAvailable(connection: Http1ClientConnection): void;
  onClosed(connection: Http1ClientConnection): void;
};

type Http1ClientOptions = { readonly http1: Http1Options; readonly responseLimits: ResponseLimits };

export class Http1ClientConnection implements ClientSession, ClientStream, BodySink {
  /** Monotonic milliseconds since which it waits in a pool, and whether it does; the pool's to write. */
  idleSince = 0;
  listed = false;
  requests = 0;
  readonly #socket: Socket;
  readonly #tls: UpstreamTls | null;
  readonly #options: Http1ClientOptions;
  readonly #owner: ClientConnectionOwner;
  readonly #reader: HeadReader;
  readonly #parser: ResponseParser;
  readonly #body: BodyDecoder;
  readonly #output: Output;
  #handler: ClientStreamHandler | null = null;
  /** The handler of the last stream opened, told of bugs also after its response. */
  #serving: ClientStreamHandler | null = null;
  #method = '';
  #upgrade = '';
  /** The request's body is another protocol, which ends with the connection. */
  #tunnel = false;
  #requestDone = true;
  #inBody = false;
  /** A byte of the response has come: a close from here on is a broken response. */
  #answered = false;
  #reusable = true;
  #closed = false;
  #connection: UpstreamConnection | null = null;
  #meter: WireMeter | null = null;

  constructor(socket: Socket, tls: UpstreamTls | null, options: Http1ClientOptions, owner: ClientConnectionOwner) {
    this.#socket = socket;
    this.#tls = tls;
    this.#options = options;
    this.#owner = owner;
    const { maxHeadBytes, maxHeaders } = options.responseLimits;
    this.#reader = new HeadReader(maxHeadBytes);
    this.#parser = new ResponseParser(maxHeaders, options.http1.spellingMemory);
    this.#body = new BodyDecoder(this, maxHeaders);
    this.#output = new Output(socket);
    socket.on('data', (bytes: Buffer) => this.#guard(() => this.#receive(bytes)));
    socket.on('end', () => this.#guard(() => this.#lost(true)));
    socket.on('error', () => this.#guard(() => this.#lost(false)));
    socket.on('close', () => this.#guard(() => this.#lost(false)));
    socket.on('drain', () => this.#guard(() => this.#handler?.onDrain()));
  }

  /** Asked of the socket once: its names cost a system call. */
  get connection(): UpstreamConnection {
    const { localAddress: address = '', localPort: port = 0 } = this.#socket;
    this.#connection ??= { protocol: 'HTTP/1.1', local: { address, port }, tls: this.#tls };
    return this.#connection;
  }

  get backedUp(): boolean {
    return this.#output.backedUp;
  }

  get busy(): boolean {
    return this.#handler !== null;
  }

  get available(): boolean {
    return this.#handler === null && !this.#closed;
  }

  open(head: RequestHead, last: boolean, handler: ClientStreamHandler, wire: WireBytes | null = null): ClientStream {
    this.#handler = handler;
    this.#serving = handler;
    this.#method = head.method;
    this.#upgrade = head.upgrade;
    this.#requestDone = last;
    this.#answered = false;
    this.requests += 1;
    const { text: plain, framing } = requestHead(head, last);
    const text = spelled(plain, head.headers, this.#options.http1.spelling);
    this.#meter = wire && new WireMeter(wire, this.#output);
    this.#output.begin(text, framing);
    this.#meter?.saidHead(text);
    this.#tunnel = framing === 'until-close';
    if (last) this.#output.finish(null);
    return this;
  }

  write(chunk: Buffer): void {
    this.#output.body(chunk);
    this.#meter?.said();
  }

  finish(trailers: HeaderMap | null): void {
    this.#requestDone = true;
    this.#output.finish(trailers);
    this.#meter?.said();
    if (!this.#tunnel) return;
    this.#output.flushNow();
    this.#socket.end();
  }

  flush(): void {
    this.#output.flush();
  }

  /** HTTP/1.1 cannot take a request back: the connection goes with it. */
  reset(): void {
    this.#handler = null;
    this.close();
  }

  /** The next response is the last: the connection does not become idle again. */
  retire(): void {
    this.#reusable = false;
  }

  close(): void {
    this.#handler = null;
    this.#socket.destroy();
    this.#lost(false);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  onBody(chunk: Buffer): void {
    this.#handler?.onData(chunk);
  }

  #receive(bytes: Buffer): void {
    if (this.#handler === null) {
      // An answer nobody asked for.
      this.close();
      return;
    }
    this.#answered = true;
    let at = 0;
    while (at < bytes.length && this.#handler !== null) {
      at = this.#inBody ? this.#readBody(bytes, at) : this.#readHead(bytes, at);
      if (at < 0) return;
    }
    if (this.#handler !== null) this.#handler.onReadDone();
    else if (at < bytes.length) this.close();
  }

  #readHead(bytes: Buffer, at: number): number {
    const end = this.#reader.read(bytes, at);
    // Another protocol is told at its first bytes: it may never send the end of a line.
    if (end === MORE) return this.#reader.maybeBegins('HTTP/1.') ? bytes.length : this.#broken();
    const parsed = end < 0 ? null : this.#parser.parse(this.#reader.text, this.#method);
    if (end >= 0) this.#meter?.readHead(this.#reader.text);
    if (parsed === null) return this.#broken();
    if (isSwitch(parsed.head.status, this.#method, this.#upgrade)) {
      this.#switch(parsed.head);
      return end;
    }
    if (parsed.head.status === 101) return this.#broken();
    if (parsed.head.status < 200) {
      this.#handler?.onInterim(parsed.head);
      return end;
    }
    if (!parsed.keepAlive) this.#reusable = false;
    if (parsed.bodyLength === 0) {
      const handler = this.#release(end === bytes.length);
      handler?.onResponse(parsed.head, true);
      return end;
    }
    this.#inBody = true;
    this.#body.start(parsed.bodyLength);
    this.#handler?.onResponse(parsed.head, false);
    return end;
  }

  /** What follows is the other protocol's, to the end of the connection. */
  #switch(head: ResponseHead): void {
    this.#reusable = false;
    this.#inBody = true;
    this.#body.start(UNTIL_CLOSE);
    this.#handler?.onResponse(head, false);
  }

  #readBody(bytes: Buffer, position: number): number {
    const meter = this.#meter;
    const at = this.#body.feed(bytes, position);
    meter?.readBody(at - position);
    if (this.#body.broken) return this.#broken();
    if (this.#body.done && this.#handler !== null) {
      const handler = this.#release(at === bytes.length);
      handler?.onEnd(this.#body.trailers);
    }
    return at;
  }

  /** The response is complete. The connection is free before the handler hears of it, so that what follows can reuse it. */
  #release(clean: boolean): ClientStreamHandler | null {
    const handler = this.#handler;
    this.#handler = null;
    this.#inBody = false;
    if (clean && this.#reusable && this.#requestDone && !this.#closed) this.#owner.onAvailable(this);
    else this.close();
    if (this.#socket.isPaused()) this.#socket.resume();
    return handler;
  }

  #broken(): number {
    this.#fail('protocol-error');
    this.close();
    return -1;
  }

  #fail(reason: ResetReason): void {
    const handler = this.#handler;
    this.#handler = null;
    handler?.onReset(reason);
  }

  /** `orderly`: the peer sent FIN, which is how a close-delimited body ends. */
  #lost(orderly: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    const handler = this.#handler;
    this.#handler = null;
    this.#socket.destroy();
    this.#owner.onClosed(this);
    if (handler === null) return;
    if (orderly && this.#inBody && this.#body.untilClose) handler.onEnd(null);
    else handler.onReset(this.#answered ? 'protocol-error' : 'connection-termination');
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#socket.destroy();
      this.#serving?.onBug(error);
    }
  }
}
