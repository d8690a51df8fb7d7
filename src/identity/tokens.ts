// Join tokens: what a proxy shows to get its first certificate. Only a hash is kept, so that reading the memory of the
// control plane (or a dump of it) hands out no identity.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { SpiffeId } from '../model/units.ts';

/** The one identity, and the one instance of it, that a token is good for. */
export type TokenBinding = { readonly identity: SpiffeId; readonly instance: string };

export class JoinTokens {
  readonly #tokens = new Map<string, { readonly hash: Buffer; readonly binding: TokenBinding }>();

  /** A token replaces the earlier one of the same instance. */
  issue(binding: TokenBinding): string {
    this.revoke(binding.instance);
    const id = randomBytes(8).toString('base64url');
    const secret = randomBytes(32).toString('base64url');
    this.#tokens.set(id, { hash: hashOf(secret), binding });
    return `${id}.${secret}`;
  }

  redeem(token: string): TokenBinding | null {
    const dot = token.indexOf('.');
    if (dot === -1 || token.length > 200) return null;
    const known = this.#tokens.get(token.slice(0, dot));
    const hash = hashOf(token.slice(dot + 1));
    // The id is no secret; the secret is compared in constant time.
    if (known === undefined || !timingSafeEqual(hash, known.hash)) return null;
    return known.binding;
  }

  revoke(instance: string): void {
    for (const [id, { binding }] of this.#tokens) if (binding.instance === instance) this.#tokens.delete(id);
  }
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
