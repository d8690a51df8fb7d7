// The raw resources as they were received, for the config dump: in use, warming, and the last that was refused.
import type { TypeUrl } from '../../xds/resource.ts';

export type LoggedVersion = {
  readonly version: string;
  readonly bytes: Uint8Array /** Milliseconds since the epoch. */;
  readonly at: number;
};

export type LoggedResource = {
  active: LoggedVersion | null;
  warming: LoggedVersion | null;
  error: (LoggedVersion & { readonly detail: string }) | null;
};

export class ResourceLog {
  readonly #types = new Map<TypeUrl, Map<string, LoggedResource>>();
  readonly #epoch: () => number;

  constructor(epoch: () => number) {
    this.#epoch = epoch;
  }

  received(typeUrl: TypeUrl, name: string, version: string, bytes: Uint8Array): void {
    this.#entry(typeUrl, name).warming = { version, bytes, at: this.#epoch() };
  }

  activated(typeUrl: TypeUrl, name: string): void {
    const entry = this.#entry(typeUrl, name);
    if (entry.warming === null) return;
    entry.active = entry.warming;
    entry.warming = entry.error = null;
  }

  rejected(typeUrl: TypeUrl, name: string, detail: string): void {
    const entry = this.#entry(typeUrl, name);
    if (entry.warming === null) return;
    entry.error = { ...entry.warming, detail };
    entry.warming = null;
  }

  removed(typeUrl: TypeUrl, name: string): void {
    this.#types.get(typeUrl)?.delete(name);
  }

  entries(typeUrl: TypeUrl): readonly (readonly [string, LoggedResource])[] {
    return [...(this.#types.get(typeUrl) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #entry(typeUrl: TypeUrl, name: string): LoggedResource {
    const type = this.#types.get(typeUrl) ?? new Map<string, LoggedResource>();
    this.#types.set(typeUrl, type);
    const entry = type.get(name) ?? { active: null, warming: null, error: null };
    type.set(name, entry);
    return entry;
  }
}
