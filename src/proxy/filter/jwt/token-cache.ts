// Tokens that were verified, so that the same token is not verified again: the oldest leave when there are too many.
import type { KeySet } from './keys.ts';
import type { Token } from './token.ts';

type Verified = { readonly token: Token; readonly keys: KeySet };

export class TokenCache {
  readonly #capacity: number;
  readonly #longest: number;
  readonly #tokens = new Map<string, Verified>();

  /** Tokens of more than `longest` bytes are not kept: a few of them would take much memory. */
  constructor(capacity: number, longest: number) {
    this.#capacity = capacity;
    this.#longest = longest;
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
    if (token.text.length > this.#longest) return;
    this.#tokens.set(token.text, { token, keys });
    if (this.#tokens.size <= this.#capacity) return;
    for (const oldest of this.#tokens.keys()) {
      this.#tokens.delete(oldest);
      break;
    }
  }
}
