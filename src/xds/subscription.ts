// One type on one stream: what the client asks for, what it was sent, and the response it has not answered yet.
import { type EncodedResource, type TypeUrl, typeUrl } from './resource.ts';

/** `version` alone is known when the client told it on reconnecting. */
export type Sent = { readonly version: string; readonly resource: EncodedResource | null };

export type InFlight = {
  readonly nonce: string;
  /** null is a removal. */
  readonly versions: ReadonlyMap<string, string | null>;
};

export class Subscription {
  readonly typeUrl: TypeUrl;
  wildcard = false;
  readonly names = new Set<string>();
  /** To be answered although the version was sent before: newly asked for, or referred to by something that warms. */
  readonly requested = new Set<string>();
  /** A first request is answered even when there is nothing to say. */
  answerDue = false;
  readonly sent = new Map<string, Sent>();
  inFlight: InFlight | null = null;
  lastNonce = '';
  /** The newest response was refused: the client still uses what came before. */
  refused = false;
  /** There may be something to send (or to remove later). */
  pending = true;

  constructor(type: TypeUrl) {
    this.typeUrl = type;
  }

  covers(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  add(name: string): void {
    this.names.add(name);
    this.requested.add(name);
  }

  /** The client lets go of what it no longer asks for; nothing has to be removed from it. */
  drop(name: string): void {
    this.names.delete(name);
    this.requested.delete(name);
    if (!this.wildcard) this.sent.delete(name);
  }
}

/** A first request without names means "everything" for these types only; for others it asks for nothing. */
export function isWildcardType(type: TypeUrl): boolean {
  return type === typeUrl.listener || type === typeUrl.cluster;
}
