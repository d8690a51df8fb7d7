// A JSON Web Key Set → whether a token was signed with one of its keys.
import { type CryptoKey, compactVerify, importJWK, type JWK } from 'jose';
import { status } from './status.ts';
import type { Token } from './token.ts';

/** undefined: it cannot be used with the algorithm. */
type Imported = CryptoKey | Uint8Array | undefined;

/** Key types by the first two letters of an algorithm. */
const TYPES: Readonly<Record<string, string>> = { ES: 'EC', HS: 'oct', RS: 'RSA', PS: 'RSA', Ed: 'OKP' };

export class KeySet {
  readonly #keys: readonly JWK[];
  readonly #imported = new Map<string, Promise<Imported>>();

  constructor(keys: readonly JWK[]) {
    this.#keys = keys;
  }

  /** null: the text is no key set, or has no key. */
  static parse(text: string): KeySet | null {
    try {
      const document = JSON.parse(text) as { keys?: unknown } | null;
      const keys = Array.isArray(document?.keys) ? document.keys.filter(isKey) : [];
      return keys.length > 0 ? new KeySet(keys) : null;
    } catch {
      return null;
    }
  }

  async verify(token: Token): Promise<string> {
    const type = TYPES[token.algorithm.slice(0, 2)];
    let known = false;
    for (const [index, key] of this.#keys.entries()) {
      if (token.keyId !== null && key.kid !== undefined && key.kid !== token.keyId) continue;
      if (key.alg !== undefined && key.alg !== token.algorithm) continue;
      known = true;
      if (key.kty === type && (await this.#isSignedBy(index, key, token))) return status.ok;
    }
    return known ? status.verification : status.noKey;
  }

  async #isSignedBy(index: number, key: JWK, { text, algorithm }: Token): Promise<boolean> {
    const name = `${index} ${algorithm}`;
    let importing = this.#imported.get(name);
    if (importing === undefined) {
      // `use` and `key_ops` are not looked at, as by Envoy.
      const { use: _use, key_ops: _operations, ...rest } = key;
      importing = importJWK(rest as JWK, algorithm).catch(() => undefined);
      this.#imported.set(name, importing);
    }
    const imported = await importing;
    if (imported === undefined) return false;
    return compactVerify(text, imported, { algorithms: [algorithm] }).then(
      () => true,
      () => false,
    );
  }
}

function isKey(value: unknown): value is JWK {
  return typeof value === 'object' && value !== null && typeof (value as JWK).kty === 'string';
}
