// The xDS client of our proxy: one ADS (or SDS) stream, subscriptions that outlive it, acknowledgements with reasons.
// While the control plane is gone everything received stays as it is; what changed meanwhile comes on reconnecting.
import type { Clock } from '../lib/clock.ts';
import type { Backoff } from './backoff.ts';
import {
  type ClientProtocol,
  ClientType,
  clientDelta,
  clientSotw,
  type ReceivedResponse,
  type UpdateHandler,
} from './client-type.ts';
import type { Node } from './gen/envoy/config/core/v3/base_pb.ts';
import { Lifetimes } from './lifetimes.ts';
import { RequestPace, type RequestRate } from './request-pace.ts';
import { pushOrder, type TypeUrl } from './resource.ts';
import { discoveryServices } from './service.ts';

type XdsStreamHandler = {
  /** The bytes are the handler's. */
  onMessage(bytes: Uint8Array): void;
  /** The stream is over, and why; nothing follows. */
  onClosed(reason: string): void;
};

type XdsStream = {
  send(bytes: Uint8Array): void;
  /** Gives the stream up; its handler hears nothing more. */
  cancel(): void;
};

/** Opens a gRPC stream of a method (`/package.Service/Method`). The handler may hear of its end before this returns. */
export type OpenXdsStream = (path: string, handler: XdsStreamHandler) => XdsStream;

export type XdsClientOptions = {
  readonly open: OpenXdsStream;
  /** All types on one stream, or one of them. */
  readonly service: 'ads' | TypeUrl;
  readonly protocol: 'sotw' | 'delta';
  readonly node: Node;
  /** With the first request of a stream only (set_node_on_first_message_only). */
  readonly nodeOnce?: boolean;
  /** How fast requests go out (rate_limit_settings). */
  readonly rate?: RequestRate | null;
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
  readonly #lifetimes = new Map<ClientType, Lifetimes>();
  readonly #pace: RequestPace | null;
  /** Their names may differ from what the server has been told. */
  readonly #changed = new Set<ClientType>();
  #stream: OpenStream | null = null;
  #closed = false;
  #started = false;
  #cancelTimer: () => void = () => undefined;

  constructor(options: XdsClientOptions) {
    this.#options = options;
    this.#protocol = options.protocol === 'delta' ? clientDelta : clientSotw;
    const send = (bytes: Uint8Array): void => this.#stream?.call?.send(bytes);
    this.#pace = options.rate ? new RequestPace(options.rate, options.clock, send) : null;
  }

  /** Once per type. A name '*' is everything; of virtual hosts, whatever the server likes to tell of. */
  subscribe(typeUrl: TypeUrl, names: Iterable<string>, handler: UpdateHandler): void {
    const type = new ClientType(typeUrl, new Set(names), handler);
    this.#types.set(typeUrl, type);
    this.#lifetimes.set(type, new Lifetimes(this.#options.clock, (name) => void type.expire(name)));
    if (this.#stream !== null) this.#open(type);
  }

  /** Replaces the names of a type. What is no longer named is forgotten. */
  setNames(typeUrl: TypeUrl, names: Iterable<string>): void {
    const type = this.#types.get(typeUrl);
    if (type === undefined) return;
    const before = type.wanted;
    const wanted = new Set(names);
    if (areEqual(before, wanted)) return;
    type.wanted = wanted;
    for (const name of before) if (!type.wants(name)) type.known.delete(name);
    if (this.#changed.size === 0) queueMicrotask(() => this.#tellChanges());
    this.#changed.add(type);
  }

  /** All that one update brings is asked for at once, as Envoy does: servers answer a first request, and may count the rest as known. */
  #tellChanges(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const type of changed) {
      if (this.#stream === null) return;
      if (!this.#stream.subscribed.has(type)) this.#open(type);
      else if (!areEqual(type.told, type.wanted)) {
        this.#send(this.#protocol.change(type, type.told, this.#nodeOn(this.#stream)));
        type.told = type.wanted;
      }
    }
  }

  start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    for (const lifetimes of this.#lifetimes.values()) lifetimes.close();
    this.#pace?.clear();
    this.#stream?.call?.cancel();
    this.#stream = null;
  }

  #connect(): void {
    const stream: OpenStream = { call: null, subscribed: new Set(), heard: false, identified: false };
    this.#stream = stream;
    const { path } = discoveryServices[this.#options.service][this.#options.protocol];
    const call = this.#options.open(path, {
      onMessage: (bytes) => this.#receive(stream, bytes),
      onClosed: (reason) => this.#ended(stream, reason),
    });
    if (stream !== this.#stream) return;
    stream.call = call;
    // What is referred to is asked for before what refers to it.
    for (const typeUrl of pushOrder) {
      const type = this.#types.get(typeUrl);
      if (type !== undefined) this.#open(type);
    }
  }

  /** First request of a type on the stream. Without names there is nothing to ask for yet. */
  #open(type: ClientType): void {
    const stream = this.#stream;
    if (stream === null || type.wanted.size === 0) return;
    type.nonce = '';
    type.told = type.wanted;
    stream.subscribed.add(type);
    this.#send(this.#protocol.subscribe(type, this.#nodeOn(stream)));
  }

  #receive(stream: OpenStream, bytes: Uint8Array): void {
    if (stream !== this.#stream) return;
    let response: ReceivedResponse;
    try {
      response = this.#protocol.parse(bytes);
    } catch (error) {
      // Without a nonce it cannot be refused: only a new stream helps.
      stream.call?.cancel();
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
    this.#lifetimes.get(type)?.renew(response);
    void this.#apply(stream, type, response);
  }

  async #apply(stream: OpenStream, type: ClientType, response: ReceivedResponse): Promise<void> {
    type.received += 1;
    const order = type.received;
    const rejections = await type.apply(response);
    if (order < type.answered && this.#protocol.replaces) return;
    type.answered = order;
    if (rejections.length === 0) type.acceptedVersion = response.version;
    if (stream !== this.#stream) return;
    type.nonce = response.nonce;
    const error = rejections.map(({ name, detail }) => `${name}: ${detail}`).join('; ');
    const answer = { nonce: response.nonce, error: error === '' ? null : error };
    this.#send(this.#protocol.answer(type, answer, this.#nodeOn(stream)));
  }

  #nodeOn(stream: OpenStream): Node | undefined {
    const { node, nodeOnce = false } = this.#options;
    if (stream.identified && nodeOnce) return undefined;
    stream.identified = true;
    return node;
  }

  #send(bytes: Uint8Array): void {
    if (this.#pace === null) this.#stream?.call?.send(bytes);
    else this.#pace.push(bytes);
  }

  #ended(stream: OpenStream, reason: string): void {
    if (stream !== this.#stream) return;
    this.#stream = null;
    this.#pace?.clear();
    this.#options.onDisconnect?.(reason);
    this.#cancelTimer = this.#options.clock.after(this.#options.backoff.next(), () => this.#connect());
  }
}

type OpenStream = {
  /** null while it is being opened. */
  call: XdsStream | null;
  readonly subscribed: Set<ClientType>;
  heard: boolean;
  /** The node was sent. */
  identified: boolean;
};

function areEqual(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((name) => other.has(name));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
