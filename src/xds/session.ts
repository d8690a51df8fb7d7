// One stream: requests in, responses out, in make-before-break order. Pure of I/O: `send` takes the bytes.
//
// At most one response per type is unanswered; whatever changes meanwhile is merged and goes out, newest only, after the
// answer. That also bounds what is buffered for a slow client, so writes need no further backpressure.
import { findChanges } from './changes.ts';
import { namedIn } from './nack.ts';
import type { Changes, Protocol, Response } from './protocol.ts';
import { referencesOf, referredType } from './references.ts';
import { pushOrder, type Snapshot, type TypeUrl, typeUrl } from './resource.ts';
import type { StreamRecord } from './status.ts';
import { Subscription } from './subscription.ts';

export type SessionOptions<Request> = {
  readonly protocol: Protocol<Request>;
  /** The newest snapshot; undefined while there is none: then nothing is answered yet. */
  readonly current: () => { readonly snapshot: Snapshot; readonly generation: number } | undefined;
  readonly record: StreamRecord;
  readonly send: (bytes: Uint8Array) => void;
  /** Names one type may subscribe to. */
  readonly maxNames: number;
};

/** The client asked for more than it may. */
export class LimitExceeded extends Error {}

/** Waits with changes of these types until the answers to what they refer to are in. */
const waitsFor: ReadonlyMap<TypeUrl, readonly TypeUrl[]> = new Map([
  [typeUrl.listener, [typeUrl.cluster, typeUrl.endpoints]],
  [typeUrl.routes, [typeUrl.cluster, typeUrl.endpoints]],
]);

/** Removals of a type wait until all types that may refer to it have settled on the newest snapshot. */
const usedBy: ReadonlyMap<TypeUrl, readonly TypeUrl[]> = new Map([
  [typeUrl.listener, []],
  [typeUrl.routes, [typeUrl.listener]],
  [typeUrl.virtualHost, []],
  [typeUrl.cluster, [typeUrl.listener, typeUrl.routes, typeUrl.virtualHost]],
  [typeUrl.endpoints, [typeUrl.cluster]],
  [typeUrl.secret, [typeUrl.listener, typeUrl.cluster]],
]);

export class Session<Request> {
  readonly #options: SessionOptions<Request>;
  readonly #subscriptions = new Map<TypeUrl, Subscription>();
  #nonce = 0;
  /** Of the snapshot that subscriptions were last measured against. */
  #generation = -1;
  /** The client has come back with what it had, and may not have said yet which other types it has. */
  #returning = false;

  constructor(options: SessionOptions<Request>) {
    this.#options = options;
  }

  /** @throws LimitExceeded */
  receive(request: Request): void {
    const { protocol, record, maxNames } = this.#options;
    const envelope = protocol.envelope(request);
    const type = pushOrder.find((known) => known === envelope.typeUrl);
    // Types we never serve stay unanswered: to the client they have no resources yet.
    if (type === undefined) return;
    const known = this.#subscriptions.get(type);
    const subscription = known ?? new Subscription(type);
    this.#subscriptions.set(type, subscription);
    if (known !== undefined && envelope.nonce !== '') {
      this.#returning = false;
      const answers = subscription.inFlight?.nonce === envelope.nonce;
      if (answers) this.#settle(subscription, envelope.error);
      // A stale state-of-the-world request is superseded by the answer that follows; delta changes count always.
      else if (protocol.name === 'sotw' && envelope.nonce !== subscription.lastNonce) return;
    }
    protocol.applySubscription(subscription, request, known === undefined);
    if (subscription.names.size > maxNames) throw new LimitExceeded(`more than ${maxNames} names of ${type}`);
    if (known === undefined) {
      this.#returning ||= subscription.sent.size > 0;
      this.#recordInitial(subscription);
    }
    record.subscribed(type, subscription.wildcard, new Set(subscription.names));
    subscription.pending = true;
    this.push();
  }

  /** The snapshot may have changed. */
  refresh(): void {
    this.#returning = false;
    for (const subscription of this.#subscriptions.values()) subscription.pending = true;
    this.push();
  }

  push(): void {
    const current = this.#options.current();
    if (current === undefined) return;
    // A request may find a snapshot that nobody was woken for yet: what had settled on the one before has not on this.
    if (current.generation !== this.#generation) {
      this.#generation = current.generation;
      for (const subscription of this.#subscriptions.values()) subscription.pending = true;
    }
    // Settling one type can release removals of another, earlier in the order: go on until nothing moves.
    let moved = true;
    while (moved) {
      moved = false;
      for (const type of pushOrder) {
        const subscription = this.#subscriptions.get(type);
        if (subscription !== undefined && this.#pushType(subscription, current)) moved = true;
      }
    }
  }

  /** Whether anything moved: a response left, or there turned out to be nothing left to say. */
  #pushType(subscription: Subscription, current: { snapshot: Snapshot; generation: number }): boolean {
    if (!subscription.pending || subscription.inFlight !== null || this.#mustWait(subscription.typeUrl)) return false;
    const resources = current.snapshot.resources.get(subscription.typeUrl);
    const releasable = (usedBy.get(subscription.typeUrl) ?? []).every((type) => this.#settled(type));
    const changes = findChanges(subscription, resources, releasable);
    this.#nonce += 1;
    const label = { version: String(current.generation), nonce: String(this.#nonce) };
    const response = this.#options.protocol.respond(changes, subscription, label);
    if (response !== null) {
      this.#send(subscription, changes, response, label.nonce);
      return true;
    }
    // State of the world cannot say that these are gone; the client has let go of them with what used them.
    for (const name of changes.removals) subscription.sent.delete(name);
    subscription.pending = changes.held.length > 0 || (!releasable && hasGone(subscription, resources));
    return !subscription.pending;
  }

  #send(subscription: Subscription, changes: Changes, response: Response, nonce: string): void {
    subscription.inFlight = { nonce, versions: response.versions };
    subscription.lastNonce = nonce;
    subscription.refused = false;
    subscription.answerDue = false;
    for (const name of changes.removals) subscription.sent.delete(name);
    for (const resource of changes.upserts) {
      subscription.sent.set(resource.name, { version: resource.version, resource });
      subscription.requested.delete(resource.name);
    }
    // State of the world goes on waiting for what is absent: it will be an upsert when it comes.
    for (const name of changes.absent) subscription.requested.delete(name);
    this.#options.send(response.bytes);
    this.#options.record.sent(subscription.typeUrl);
    this.#requestReferred(subscription.typeUrl, changes);
  }

  /** Answer EDS after CDS and RDS after LDS, or the client hangs in warming. */
  #requestReferred(type: TypeUrl, changes: Changes): void {
    const referred = this.#subscriptions.get(referredType.get(type) ?? type);
    if (referred === undefined || referred.typeUrl === type) return;
    for (const name of changes.upserts.flatMap(referencesOf)) {
      if (!referred.covers(name)) continue;
      referred.requested.add(name);
      referred.pending = true;
    }
  }

  #settle(subscription: Subscription, error: string | null): void {
    const versions = subscription.inFlight?.versions ?? new Map<string, string | null>();
    const { record } = this.#options;
    subscription.inFlight = null;
    if (error === null) {
      record.acked(subscription.typeUrl, versions);
      return;
    }
    // Clients apply the good resources of a refused response and name the bad ones.
    const bad = namedIn(error, versions.keys());
    const good = bad.size === 0 ? new Map() : new Map([...versions].filter(([name]) => !bad.has(name)));
    if (good.size > 0) record.acked(subscription.typeUrl, good);
    const refused = bad.size === 0 ? versions : new Map([...versions].filter(([name]) => bad.has(name)));
    record.nacked(subscription.typeUrl, refused, error);
    subscription.refused = true;
  }

  /** What a reconnecting client says it has, it has acknowledged. */
  #recordInitial(subscription: Subscription): void {
    if (subscription.sent.size === 0) return;
    const versions = [...subscription.sent].map(([name, { version }]) => [name, version] as const);
    this.#options.record.acked(subscription.typeUrl, new Map(versions));
  }

  #mustWait(type: TypeUrl): boolean {
    return (waitsFor.get(type) ?? []).some((other) => this.#subscriptions.get(other)?.inFlight);
  }

  #settled(type: TypeUrl): boolean {
    const subscription = this.#subscriptions.get(type);
    if (subscription === undefined) return !this.#returning;
    return !(subscription.pending || subscription.inFlight || subscription.refused);
  }
}

function hasGone(subscription: Subscription, resources: ReadonlyMap<string, unknown> | undefined): boolean {
  for (const name of subscription.sent.keys()) if (subscription.covers(name) && !resources?.has(name)) return true;
  return false;
}
