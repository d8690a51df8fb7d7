// Secrets whose certificates and keys are in files: they come again when the files change, from the moment what these hold is whole.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { SecretValue } from '../config/tls-types.ts';
import { FileWatch } from './file-watch.ts';

export type FollowedSecret = {
  readonly files: readonly string[];
  /** @throws when a file cannot be read. */
  read(): SecretValue;
  deliver(value: SecretValue): void;
};

export class SecretFiles {
  readonly #watches = new Map<string, FileWatch>();
  readonly #onProblem: (reason: string) => void;

  /** `onProblem`: why new contents are not used; what was read before is. */
  constructor(onProblem: (reason: string) => void) {
    this.#onProblem = onProblem;
  }

  /** In place of what was followed under this name. */
  follow(name: string, { files, read, deliver }: FollowedSecret): void {
    this.forget(name);
    if (files.length === 0) return;
    const update = () => {
      try {
        const value = read();
        assertWhole(value);
        deliver(value);
      } catch (error) {
        this.#onProblem(`secret ${name} in ${files.join(', ')}: ${error instanceof Error ? error.message : error}`);
      }
    };
    this.#watches.set(name, new FileWatch(files, update));
  }

  forget(name: string): void {
    this.#watches.get(name)?.close();
    this.#watches.delete(name);
  }

  /** Those that are not among `names`. */
  forgetOthers(names: ReadonlySet<string>): void {
    for (const name of [...this.#watches.keys()]) if (!names.has(name)) this.forget(name);
  }

  close(): void {
    this.forgetOthers(new Set());
  }
}

/** Half of a certificate, or the new one beside the old key, serves nobody. @throws */
function assertWhole(value: SecretValue): void {
  if (value.kind === 'generic') return;
  if (value.kind === 'trust') {
    if (value.roots !== '') new X509Certificate(value.roots);
    return;
  }
  const { chain, key, password } = value;
  const privateKey = createPrivateKey(password === undefined ? key : { key, passphrase: password });
  if (!new X509Certificate(chain).checkPrivateKey(privateKey))
    throw new Error('the key is not that of the certificate');
}
