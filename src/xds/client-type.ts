// One type as our client subscribes to it: wanted names, what is known of it, and how a response is told apart into
// what is new and what is gone. Survives reconnects.
import { createHash } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Node } from './gen/envoy/config/core/v3/base_pb.ts';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
  type Resource,
  ResourceSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import { resourceName } from './names.ts';
import type { TypeUrl } from './resource.ts';
import { isWildcardType } from './subscription.ts';

type ReceivedResource = {
  readonly name: string;
  readonly version: string;
  readonly bytes: Uint8Array;
  /** Other names that were asked for and mean this one (virtual hosts). */
  readonly aliases: readonly string[];
};
export type Update = { readonly added: readonly ReceivedResource[]; readonly removed: readonly string[] };
/** `detail` begins with the path of the field. */
export type Rejection = { readonly name: string; readonly detail: string };
/** Applies an update; what it rejects is refused by name, the rest of the update stands. */
export type UpdateHandler = (update: Update) => readonly Rejection[] | Promise<readonly Rejection[]>;

export type ReceivedResponse = {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly ReceivedResource[];
  /** Names of resources that are what they were: heartbeats of their time to live. */
  readonly unchanged: readonly string[];
  /** Milliseconds to live, by name; who is not here lives for ever. */
  readonly ttls: ReadonlyMap<string, number>;
  /** null: state of the world, which says so by leaving things out. */
  readonly removed: readonly string[] | null;
};

export class ClientType {
  readonly typeUrl: TypeUrl;
  readonly handler: UpdateHandler;
  wanted: ReadonlySet<string>;
  /** What the server of the stream was last asked for. */
  told: ReadonlySet<string> = new Set();
  /** Accepted versions by name. */
  readonly known = new Map<string, string>();
  /** State of the world: the last response that was accepted. */
  acceptedVersion = '';
  /** Of the last response that was answered. */
  nonce = '';
  /** Responses so far, and the latest of them that was answered. */
  received = 0;
  answered = 0;
  /** Begun, and neither in use nor rejected yet. */
  readonly #pending = new Map<string, Pending>();

  constructor(typeUrl: TypeUrl, wanted: ReadonlySet<string>, handler: UpdateHandler) {
    this.typeUrl = typeUrl;
    this.wanted = wanted;
    this.handler = handler;
  }

  /**
   * Begins what a response changes at once, also while earlier ones wait for something that may never come. Resolves with what is
   * rejected of the response when all of it is in use, or has been replaced.
   */
  async apply(response: ReceivedResponse): Promise<readonly Rejection[]> {
    const update = this.difference(response);
    const earlier = response.resources.flatMap((one) => {
      const pending = this.#pending.get(one.name);
      return pending?.version === one.version ? [pending.rejection] : [];
    });
    for (const name of update.removed) {
      this.known.delete(name);
      this.#pending.delete(name);
    }
    const handled = this.#handle(update);
    for (const { name, version } of update.added) {
      const rejection = handled.then((rejections) => rejections.find((one) => one.name === name));
      this.#pending.set(name, { version, rejection, handled });
    }
    const rejections = await handled;
    this.#settle(update, handled, new Set(rejections.map(({ name }) => name)));
    const others = await Promise.all(earlier);
    return [...rejections, ...others.filter((rejection) => rejection !== undefined)];
  }

  /** What a response changes against what is known, or on its way. */
  difference(response: ReceivedResponse): Update {
    const { resources } = response;
    const isNew = ({ name, version }: ReceivedResource) =>
      this.known.get(name) !== version && this.#pending.get(name)?.version !== version && this.wants(name);
    const added = resources.filter(isNew);
    if (response.removed !== null) return { added, removed: response.removed };
    if (!isWildcardType(this.typeUrl)) return { added, removed: [] };
    const present = new Set([...resources.map(({ name }) => name), ...response.unchanged]);
    const held = new Set([...this.known.keys(), ...this.#pending.keys()]);
    return { added, removed: [...held].filter((name) => !present.has(name)) };
  }

  async #handle(update: Update): Promise<readonly Rejection[]> {
    // The first answer counts even when there is nothing in it.
    if (this.received > 1 && update.added.length + update.removed.length === 0) return [];
    try {
      return await this.handler(update);
    } catch (error) {
      // A fault of ours, not of the resources: refuse all of them and go on with what there was.
      const reason = error instanceof Error ? error.message : String(error);
      return update.added.map(({ name }) => ({ name, detail: `internal fault: ${reason}` }));
    }
  }

  #settle({ added }: Update, handled: Pending['handled'], rejected: ReadonlySet<string>): void {
    for (const { name, version } of added) {
      // Removed or replaced meanwhile.
      if (this.#pending.get(name)?.handled !== handled) continue;
      this.#pending.delete(name);
      if (!rejected.has(name) && this.wants(name)) this.known.set(name, version);
    }
  }

  /** Its time to live is over. */
  async expire(name: string): Promise<void> {
    const isKnown = this.known.delete(name);
    const wasPending = this.#pending.delete(name);
    if (isKnown || wasPending) await this.#handle({ added: [], removed: [name] });
  }

  wants(name: string): boolean {
    return this.wanted.has(EVERYTHING) || this.wanted.has(name);
  }
}

type Pending = {
  readonly version: string;
  readonly rejection: Promise<Rejection | undefined>;
  /** Of the update it came with. */
  readonly handled: Promise<readonly Rejection[]>;
};

type Answer = { readonly nonce: string; readonly error: string | null };

/** The two ways to speak; each request is complete for its protocol. */
export type ClientProtocol = {
  /** A response replaces those before it: what became of them interests the server no longer. */
  readonly replaces: boolean;
  /** First request of the type on a stream. */
  subscribe(type: ClientType, node: Node | undefined): Uint8Array;
  change(type: ClientType, before: ReadonlySet<string>, node: Node | undefined): Uint8Array;
  answer(type: ClientType, answer: Answer, node: Node | undefined): Uint8Array;
  parse(bytes: Uint8Array): ReceivedResponse;
};

const INVALID_ARGUMENT = 3;
const errorDetail = (message: string | null) => (message === null ? undefined : { code: INVALID_ARGUMENT, message });
const EVERYTHING = '*';

/** By a first request, everything is asked for without any name; beside names only where the server knows what '*' means. */
function namesOf({ wanted, typeUrl }: ClientType): string[] {
  if (!wanted.has(EVERYTHING)) return [...wanted];
  return wanted.size === 1 || !isWildcardType(typeUrl)
    ? [...wanted].filter((name) => name !== EVERYTHING)
    : [...wanted];
}

/** A resource with its name and its time to live around it, as delta responses always have it. */
const WRAPPER = '/envoy.service.discovery.v3.Resource';

function isHeartbeat({ resource, ttl }: Resource): boolean {
  return resource === undefined && ttl !== undefined;
}

function bareResource(typeUrl: string, bytes: Uint8Array): ReceivedResource {
  const version = createHash('sha256').update(bytes).digest('base64url');
  return { name: resourceName(typeUrl, bytes), version, bytes, aliases: [] };
}

export const clientSotw: ClientProtocol = {
  replaces: true,
  subscribe: (type, node) => sotwRequest(type, { nonce: '', error: null }, node),
  change: (type, _before, node) => sotwRequest(type, { nonce: type.nonce, error: null }, node),
  answer: (type, answer, node) => sotwRequest(type, answer, node),
  parse(bytes) {
    const { typeUrl, nonce, versionInfo, resources } = fromBinary(DiscoveryResponseSchema, bytes);
    const received: ReceivedResource[] = [];
    const unchanged: string[] = [];
    const ttls = new Map<string, number>();
    for (const one of resources) {
      const wrapper = one.typeUrl.endsWith(WRAPPER) ? fromBinary(ResourceSchema, one.value) : null;
      if (wrapper?.ttl !== undefined) ttls.set(wrapper.name, durationMs(wrapper.ttl));
      if (wrapper !== null && isHeartbeat(wrapper)) unchanged.push(wrapper.name);
      else received.push(bareResource(typeUrl, wrapper?.resource?.value ?? one.value));
    }
    return { typeUrl, nonce, version: versionInfo, resources: received, unchanged, ttls, removed: null };
  },
};

export const clientDelta: ClientProtocol = {
  replaces: false,
  subscribe: (type, node) =>
    deltaRequest({
      node,
      typeUrl: type.typeUrl,
      resourceNamesSubscribe: namesOf(type),
      initialResourceVersions: Object.fromEntries(type.known),
    }),
  change: (type, before, node) =>
    deltaRequest({
      node,
      typeUrl: type.typeUrl,
      resourceNamesSubscribe: [...type.wanted].filter((name) => !before.has(name)),
      resourceNamesUnsubscribe: [...before].filter((name) => !type.wanted.has(name)),
    }),
  answer: (type, { nonce, error }, node) =>
    deltaRequest({ node, typeUrl: type.typeUrl, responseNonce: nonce, errorDetail: errorDetail(error) }),
  parse(bytes) {
    const response = fromBinary(DeltaDiscoveryResponseSchema, bytes);
    const { typeUrl, nonce, systemVersionInfo, removedResources } = response;
    const resources: ReceivedResource[] = [];
    const removed = [...removedResources];
    const unchanged: string[] = [];
    const ttls = new Map<string, number>();
    for (const one of response.resources) {
      const { name, version, resource, aliases, ttl } = one;
      if (ttl !== undefined) ttls.set(name, durationMs(ttl));
      if (isHeartbeat(one)) unchanged.push(name);
      // A virtual host without content is one that does not exist.
      else if (resource === undefined) removed.push(name, ...aliases);
      else resources.push({ name, version, bytes: resource.value, aliases });
    }
    return { typeUrl, nonce, version: systemVersionInfo, resources, unchanged, ttls, removed };
  },
};

function sotwRequest(type: ClientType, { nonce, error }: Answer, node: Node | undefined): Uint8Array {
  const request = create(DiscoveryRequestSchema, {
    node,
    typeUrl: type.typeUrl,
    resourceNames: namesOf(type),
    versionInfo: type.acceptedVersion,
    responseNonce: nonce,
    errorDetail: errorDetail(error),
  });
  return toBinary(DiscoveryRequestSchema, request);
}

function deltaRequest(request: Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1]): Uint8Array {
  return toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request));
}
