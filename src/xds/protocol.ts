// What differs between state of the world and delta, seen from a session: reading requests, writing responses.
import type { Node } from './gen/envoy/config/core/v3/base_pb.ts';
import type { EncodedResource, TypeUrl } from './resource.ts';
import type { Subscription } from './subscription.ts';

export type Protocol<Request> = {
  readonly name: 'sotw' | 'delta';
  parse(bytes: Uint8Array): Request;
  envelope(request: Request): Envelope;
  /** Changes what is subscribed. `first` is true for the first request of the type on this stream. */
  applySubscription(subscription: Subscription, request: Request, first: boolean): void;
  /** null: these changes are nothing this protocol can or should say. */
  respond(changes: Changes, subscription: Subscription, label: { version: string; nonce: string }): Response | null;
};

type Envelope = {
  readonly typeUrl: string;
  readonly node: Node | undefined;
  readonly nonce: string;
  /** null: not a NACK. */
  readonly error: string | null;
};

export type Changes = {
  /** New, changed or asked for again. */
  readonly upserts: readonly EncodedResource[];
  /** Sent before, gone now, and used by nothing any more. */
  readonly removals: readonly string[];
  /** Sent before and gone, but something may still use them. */
  readonly held: readonly EncodedResource[];
  /** Asked for by name and not there. */
  readonly absent: readonly string[];
  /** Everything subscribed that exists. */
  readonly all: () => readonly EncodedResource[];
};

export type Response = { readonly bytes: Uint8Array; readonly versions: ReadonlyMap<string, string | null> };

/** For services of one type (SDS): requests need not name it, and cannot ask for another. null: of all types (ADS). */
export function restricted<Request>(protocol: Protocol<Request>, only: TypeUrl | null): Protocol<Request> {
  if (only === null) return protocol;
  return { ...protocol, envelope: (request) => ({ ...protocol.envelope(request), typeUrl: only }) };
}
