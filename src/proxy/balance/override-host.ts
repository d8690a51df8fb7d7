// Endpoints that a request names itself, in headers that something before this proxy has set (`override_host`): lists of addresses, of which
// each try takes the next that is there; then the policy beneath it chooses. Health makes no difference, as in Envoy.
import type { Balancer, Endpoint, PickContext } from './balancer.ts';

export class OverrideHost implements Balancer {
  readonly #headers: readonly string[];
  readonly #inner: Balancer;
  readonly #endpoints: ReadonlyMap<string, Endpoint>;

  /** `headers` in lower case; what the first says goes first. */
  constructor(headers: readonly string[], endpoints: readonly Endpoint[], inner: Balancer) {
    this.#headers = headers;
    this.#inner = inner;
    this.#endpoints = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));
  }

  pick(wanted: PickContext): Endpoint | null {
    return this.#named(wanted) ?? this.#inner.pick(wanted);
  }

  invalidate(): void {
    this.#inner.invalidate();
  }

  #named({ headers, attempt }: PickContext): Endpoint | undefined {
    if (headers === null) return undefined;
    const named = this.#headers.flatMap((header) => headers.get(header)?.split(',') ?? []);
    return named.flatMap((name) => this.#endpoints.get(name.trim()) ?? [])[attempt];
  }
}
