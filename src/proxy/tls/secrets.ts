// The secrets the proxy has been given. Contexts ask for them at each handshake and are rebuilt only when one has changed.
import { FILES } from '../config/secret-files.ts';
import type { SecretRef, SecretValue } from '../config/tls-types.ts';

export class SecretStore {
  readonly #values = new Map<string, SecretValue>();

  set(source: string, name: string, value: SecretValue): void {
    this.#values.set(key(source, name), value);
  }

  /** The same object until it is replaced; undefined while it has not come. */
  get(ref: SecretRef): SecretValue | undefined {
    switch (ref.kind) {
      case 'inline':
        return ref.secret;
      case 'files':
        return this.#values.get(key(FILES, ref.name)) ?? ref.secret;
      case 'sds':
        return this.#values.get(key(ref.source.key, ref.name));
    }
  }
}

function key(source: string, name: string): string {
  return `${source}\n${name}`;
}
