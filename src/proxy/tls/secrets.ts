// The secrets the proxy has been given. Contexts ask for them at each handshake and are rebuilt only when one has changed.
import type { SecretRef, SecretValue } from '../config/types.ts';

export class SecretStore {
  readonly #values = new Map<string, SecretValue>();

  set(source: string, name: string, value: SecretValue): void {
    this.#values.set(key(source, name), value);
  }

  /** The same object until it is replaced; undefined while it has not come. */
  get(ref: SecretRef): SecretValue | undefined {
    return ref.kind === 'inline' ? ref.secret : this.#values.get(key(ref.source, ref.name));
  }
}

function key(source: string, name: string): string {
  return `${source}\n${name}`;
}
