// When the certificate of each proxy ends: as the CA issued it, or, after a restart, as the proxy showed it on its stream.

export class CertificateExpiries {
  /** Milliseconds since the epoch, by instance (`<name>.<namespace>`). */
  readonly #byInstance = new Map<string, number>();

  /** Certificates of one instance only ever get newer: one that ends earlier is an old one, shown late. */
  note(instance: string, expires: number): void {
    this.#byInstance.set(instance, Math.max(expires, this.#byInstance.get(instance) ?? 0));
  }

  /** RFC 3339, or null when nobody knows. */
  of(instance: string | null): string | null {
    const expires = instance === null ? undefined : this.#byInstance.get(instance);
    return expires === undefined ? null : new Date(expires).toISOString();
  }

  /** Forgets all but these. */
  retain(instances: ReadonlySet<string>): void {
    for (const instance of this.#byInstance.keys()) if (!instances.has(instance)) this.#byInstance.delete(instance);
  }
}
