// Join tokens: what a proxy shows to get its first certificate. Only hashes are kept, in memory and in the state folder: reading
// either hands out no identity, and a token is still good after the control plane was started anew.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SpiffeId } from '../model/units.ts';
import { parseSpiffe } from './spiffe.ts';
import { readIfThere, writeWhole } from './whole-file.ts';

/** The one identity, and the one instance of it, that a token is good for. */
export type TokenBinding = { readonly identity: SpiffeId; readonly instance: string };

type Known = { readonly hash: Buffer; readonly binding: TokenBinding };

export class JoinTokens {
  readonly #file: string;
  /** By the token's public part. */
  readonly #tokens: Map<string, Known>;
  #writing: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  private constructor(file: string, tokens: Map<string, Known>) {
    this.#file = file;
    this.#tokens = tokens;
  }

  /** Reads the tokens of the file, which need not exist. @throws when it holds something else. */
  static async open(file: string): Promise<JoinTokens> {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const text = await readIfThere(file);
    return new JoinTokens(file, text === null ? new Map() : parseTokens(text, file));
  }

  /** A token replaces the earlier one of the same instance. Resolves when it would survive a restart. */
  async issue(binding: TokenBinding): Promise<string> {
    this.#forget((instance) => instance === binding.instance);
    const id = randomBytes(8).toString('base64url');
    const secret = randomBytes(32).toString('base64url');
    this.#tokens.set(id, { hash: hashOf(secret), binding });
    await this.#save();
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

  /** Revokes the tokens of all other instances. */
  async retain(instances: ReadonlySet<string>): Promise<void> {
    if (this.#forget((instance) => !instances.has(instance))) await this.#save();
  }

  /** Whether there was something to forget. */
  #forget(isGone: (instance: string) => boolean): boolean {
    const gone = [...this.#tokens].filter(([, { binding }]) => isGone(binding.instance));
    for (const [id] of gone) this.#tokens.delete(id);
    return gone.length > 0;
  }

  /** One write at a time; all who ask during one share the next, which has what each of them changed. */
  #save(): Promise<void> {
    if (this.#writing === null) return this.#write();
    this.#next ??= this.#writing.then(
      () => this.#write(),
      () => this.#write(),
    );
    return this.#next;
  }

  #write(): Promise<void> {
    this.#next = null;
    const writing = writeWhole(this.#file, printTokens(this.#tokens), 0o600).finally(() => {
      if (this.#writing === writing) this.#writing = null;
    });
    this.#writing = writing;
    return writing;
  }
}

type StoredToken = TokenBinding & { readonly id: string; readonly hash: string };

function printTokens(tokens: ReadonlyMap<string, Known>): string {
  const stored = [...tokens].map(
    ([id, { hash, binding }]): StoredToken => ({ id, hash: hash.toString('base64url'), ...binding }),
  );
  return `${JSON.stringify({ tokens: stored }, null, 2)}\n`;
}

function parseTokens(text: string, file: string): Map<string, Known> {
  try {
    const { tokens } = JSON.parse(text) as { tokens: readonly StoredToken[] };
    return new Map(tokens.map(({ id, hash, identity, instance }) => [id, knownOf(hash, { identity, instance })]));
  } catch (error) {
    throw new Error(`${file} holds no join tokens (hint: remove it; proxies then need new ones)`, { cause: error });
  }
}

function knownOf(hash: string, binding: TokenBinding): Known {
  const bytes = Buffer.from(hash, 'base64url');
  if (bytes.length !== 32 || parseSpiffe(binding.identity) === null || typeof binding.instance !== 'string') {
    throw new Error('not a token');
  }
  return { hash: bytes, binding };
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
