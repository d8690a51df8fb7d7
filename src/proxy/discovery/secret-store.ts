// Every secret that is in use, by source and name: asks the sources for them, hands them to the target, says what is there.
import type { ConfigSource } from '../config/config-source.ts';
import { FILES } from '../config/secret-files.ts';
import type { SecretRef, SecretValue } from '../config/tls-types.ts';
import type { Applied } from './config-target.ts';
import { SecretFiles } from './secret-files.ts';
import type { DeliverSecret, SecretSource } from './secret-source.ts';

export type SecretStoreOptions = {
  /** Called once per source. @throws when the bootstrap has no such source. */
  readonly open: (source: ConfigSource, deliver: DeliverSecret) => SecretSource;
  /** `source` is its key. */
  readonly onSecret: (source: string, name: string, value: SecretValue) => Applied;
  /** Why new contents of files are not used. */
  readonly onProblem: (reason: string) => void;
};

/** `source` is its key. */
export type StoredSecret = { readonly source: string; readonly name: string; readonly value: SecretValue };

export class SecretStore {
  readonly #options: SecretStoreOptions;
  readonly #sources = new Map<string, OpenSource>();
  readonly #files: SecretFiles;
  /** Names of secrets in files, by who uses them. */
  readonly #inFiles = new Map<string, readonly string[]>();

  constructor(options: SecretStoreOptions) {
    this.#options = options;
    this.#files = new SecretFiles(options.onProblem);
  }

  /** Replaces what `user` (a listener, a cluster) needs. @throws when a source does not exist. */
  use(user: string, refs: readonly SecretRef[]): void {
    this.#follow(user, refs);
    for (const ref of refs) if (ref.kind === 'sds') this.#open(ref.source);
    for (const [key, source] of this.#sources) {
      const names = refs.flatMap((ref) => (ref.kind === 'sds' && ref.source.key === key ? [ref.name] : []));
      if (names.length === 0 && !source.users.has(user)) continue;
      if (names.length === 0) source.users.delete(user);
      else source.users.set(user, names);
      source.source.want(new Set([...source.users.values()].flat()));
    }
  }

  has(ref: SecretRef): boolean {
    return ref.kind !== 'sds' || this.#sources.get(ref.source.key)?.values.has(ref.name) === true;
  }

  entries(): readonly StoredSecret[] {
    return [...this.#sources].flatMap(([source, { values }]) =>
      [...values].map(([name, value]) => ({ source, name, value })),
    );
  }

  close(): void {
    for (const { source } of this.#sources.values()) source.close();
    this.#files.close();
  }

  #follow(user: string, refs: readonly SecretRef[]): void {
    const inFiles = refs.filter((ref) => ref.kind === 'files');
    const known = new Set([...this.#inFiles.values()].flat());
    if (inFiles.length === 0) this.#inFiles.delete(user);
    else
      this.#inFiles.set(
        user,
        inFiles.map(({ name }) => name),
      );
    for (const { name, files, read } of inFiles) {
      if (known.has(name)) continue;
      this.#files.follow(name, { files, read, deliver: (value) => void this.#options.onSecret(FILES, name, value) });
    }
    if (known.size > 0) this.#files.forgetOthers(new Set([...this.#inFiles.values()].flat()));
  }

  #open(source: ConfigSource): void {
    const { key } = source;
    if (this.#sources.has(key)) return;
    const values = new Map<string, SecretValue>();
    const opened = this.#options.open(source, (name, value) => {
      values.set(name, value);
      return this.#options.onSecret(key, name, value);
    });
    this.#sources.set(key, { source: opened, values, users: new Map() });
  }
}

type OpenSource = {
  readonly source: SecretSource;
  readonly values: Map<string, SecretValue>;
  readonly users: Map<string, readonly string[]>;
};
