// The xDS client of our proxy: one ADS (or SDS) stream, subscriptions that outlive it, acknowledgements with reasons.
// While the control plane is gone everything received stays as it is; what changed meanwhile comes on reconnecting.
import type { Client, ClientDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '../lib/clock.ts';
import type { Backoff } from './backoff.ts';
import type { Channel } from './channel.ts';
import {
  type ClientProtocol,
  ClientType,
  clientDelta,
  clientSotw,
  type ReceivedResponse,
  type Rejection,
  type UpdateHandler,
} from './client-type.ts';
import type { Node } from './gen/envoy/config/core/v3/base_pb.ts';
import type { TypeUrl } from './resource.ts';
import { bidiStream, discoveryMethods } from './service.ts';

export type XdsClientOptions = {
  /** A gRPC target: `127.0.0.1:15010`, `unix:/path`. */
  readonly target: string;
  readonly service: 'ads' | 'sds';
  readonly protocol: 'sotw' | 'delta';
  readonly node: Node;
  /** Asked for each connection, so that renewed certificates are used. May reject: then it is tried again. */
  readonly channel: () => Channel | Promise<Channel>;
  /** Between a broken stream and the next. */
  readonly backoff: Backoff;
  readonly clock: Clock;
  /** The stream broke (or could not be made), and why. */
  readonly onDisconnect?: (reason: string) => void;
  /** The first response of a stream is here. */
  readonly onConnect?: () => void;
};

export class XdsClient {
  readonly #options: XdsClientOptions;
  readonly #protocol: ClientProtocol;
  readonly #types = new Map<TypeUrl, ClientType>();
  #stream: OpenStream | null = null;
  #closed = false;
  #started = false;

  constructor(options: XdsClientOptions) {
    this.#options = options;
    this.#protocol = options.protocol === 'delta' ? clientDelta : clientSotw;
  }

  /** Once per type. `names` '*' is everything (listeners and clusters only). */
  subscribe(typeUrl: TypeUrl, names: '*' | Iterable<string>, handler: UpdateHandler): void {
    const type = new ClientType(typeUrl, names === '*' ? '*' : new Set(names), handler);
    this.#types.set(typeUrl, type);
    if (this.#stream !== null) this.#open(type);
  }

  /** Replaces the names of a type subscribed by name. What is no longer named is forgotten. */
  setNames(typeUrl: TypeUrl, names: Iterable<string>): void {
    const type = this.#types.get(typeUrl);
    if (type === undefined || type.wanted === '*') return;
    const before = type.wanted;
    const wanted = new Set(names);
    if (before.size === wanted.size && [...before].every((name) => wanted.has(name))) return;
    type.wanted = wanted;
    for (const name of before) if (!wanted.has(name)) type.known.delete(name);
    if (this.#stream === null) return;
    if (this.#stream.subscribed.has(type)) this.#send(this.#protocol.change(type, before, undefined));
    else this.#open(type);
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#stream?.call.cancel();
    this.#stream?.channel.close();
    this.#stream = null;
  }

  async #connect(): Promise<void> {
    try {
      const { credentials, options } = await this.#options.channel();
      const grpc = await import('@grpc/grpc-js');
      if (this.#closed) return;
      const channel = new grpc.Client(this.#options.target, credentials(grpc), {
        'grpc.keepalive_time_ms': 30_000,
        'grpc.keepalive_timeout_ms': 10_000,
        'grpc.max_receive_message_length': 64 * 1024 * 1024,
        // Every stream gets a connection of its own, made with the newest certificate.
        'grpc.use_local_subchannel_pool': 1,
        ...options,
      });
      this.#listen(channel);
    } catch (error) {
      this.#retry(messageOf(error));
    }
  }

  #listen(channel: Client): void {
    const method = bidiStream(discoveryMethods[this.#options.service][this.#options.protocol].path);
    const call = channel.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
    const stream: OpenStream = { channel, call, subscribed: new Set(), heard: false, identified: false };
    this.#stream = stream;
    call.on('data', (bytes: Uint8Array) => this.#receive(stream, bytes));
    call.on('error', (error: Error) => this.#ended(stream, error.message));
    call.on('end', () => this.#ended(stream, 'the server ended the stream'));
    for (const type of this.#types.values()) this.#open(type);
  }

  /** First request of a type on the stream. Without names there is nothing to ask for yet. */
  #open(type: ClientType): void {
    const stream = this.#stream;
    if (stream === null || (type.wanted !== '*' && type.wanted.size === 0)) return;
    type.nonce = '';
    stream.subscribed.add(type);
    this.#send(this.#protocol.subscribe(type, stream.identified ? undefined : this.#options.node));
    stream.identified = true;
  }

  #receive(stream: OpenStream, bytes: Uint8Array): void {
    if (stream !== this.#stream) return;
    let response: ReceivedResponse;
    try {
      response = this.#protocol.parse(bytes);
    } catch (error) {
      // Without a nonce it cannot be refused: only a new stream helps.
      stream.call.cancel();
      this.#ended(stream, `unreadable response: ${messageOf(error)}`);
      return;
    }
    if (!stream.heard) {
      stream.heard = true;
      this.#options.backoff.reset();
      this.#options.onConnect?.();
    }
    const type = [...stream.subscribed].find(({ typeUrl }) => typeUrl === response.typeUrl);
    if (type === undefined) return;
    type.applying = type.applying.then(() => this.#apply(stream, type, response));
  }

  async #apply(stream: OpenStream, type: ClientType, response: ReceivedResponse): Promise<void> {
    const update = type.difference(response);
    let rejections: readonly Rejection[];
    try {
      // The first answer counts even when there is nothing in it.
      const empty = type.answered && update.added.length + update.removed.length === 0;
      rejections = empty ? [] : await type.handler(update);
      type.answered = true;
    } catch (error) {
      // A fault of ours, not of the resources: refuse all of them and go on with what there was.
      rejections = update.added.map(({ name }) => ({ name, detail: `internal fault: ${messageOf(error)}` }));
    }
    type.accept(update, new Set(rejections.map(({ name }) => name)));
    if (rejections.length === 0) type.acceptedVersion = response.version;
    if (stream !== this.#stream) return;
    type.nonce = response.nonce;
    const error = rejections.map(({ name, detail }) => `${name}: ${detail}`).join('; ');
    this.#send(this.#protocol.answer(type, { nonce: response.nonce, error: error === '' ? null : error }));
  }

  #send(bytes: Uint8Array): void {
    this.#stream?.call.write(bytes);
  }

  #ended(stream: OpenStream, reason: string): void {
    if (stream !== this.#stream) return;
    this.#stream = null;
    stream.channel.close();
    this.#retry(reason);
  }

  #retry(reason: string): void {
    if (this.#closed) return;
    this.#options.onDisconnect?.(reason);
    this.#options.clock.after(this.#options.backoff.next(), () => void this.#connect());
  }
}

type OpenStream = {
  readonly channel: Client;
  readonly call: ClientDuplexStream<Uint8Array, Uint8Array>;
  readonly subscribed: Set<ClientType>;
  heard: boolean;
  /** The node was sent: once per stream is enough. */
  identified: boolean;
};

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
