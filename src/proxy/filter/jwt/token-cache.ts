// Tokens that were verified, so that the same token is not verified again: the oldest leave when there are too many.
import type { KeySet } from './keys.ts';
import type { Token } from './token.ts';

type Verified = { readonly token: Token; readonly keys: KeySet };

/** Tokens longer than this are not kept: a few of them would take much memory. */
const LONGEST = 4_096;

export class TokenCache {
  readonly #capacity: number;
  readonly #tokens = new Map<string, Verified>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The token, if it was verified with these very keys. */
  get(text: string, keys: KeySet): Token | null {
    const verified = this.#tokens.get(text);
    if (verified === undefined) return null;
    if (verified.keys === keys) return verified.token;
    this.#tokens.delete(text);
    return null;
  }

  add(token: Token, keys: KeySet): void {
    if (token.text.length > LONGEST || this.#capacity === 0) return;
    this.#tokens.set(token.text, { token, keys });
    if (this.#tokens.size <= this.#capacity) return;
    for (const oldest of this.#tokens.keys()) {
      this.#tokens.delete(oldest);
      break;
    }
  }
}
