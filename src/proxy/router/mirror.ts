// A copy of a request for another cluster, sent and forgotten: its answer, its failure and its slowness change nothing.
import type { Timer } from '../../lib/timer-wheel.ts';
import { anyEndpoint } from '../balance/balancer.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead } from '../http/message.ts';
import type { ForwardAction, ForwardPlan, MirrorPolicy } from '../route/table.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import type { RequestBody } from './request-body.ts';
import { appendForwardedFor } from './sanitize-request.ts';
import type { RouterServices } from './services.ts';

/** The copies that a route wants of a request, now that it is as it will be sent. */
export function startMirrors(
  { request }: Exchange,
  action: ForwardAction,
  plan: ForwardPlan,
  body: RequestBody,
  services: RouterServices,
): readonly Mirror[] {
  const mirrors: Mirror[] = [];
  for (const policy of action.mirrors) {
    const cluster = services.clusters.get(policy.clusterFor(request));
    if (cluster !== undefined && services.random() < policy.share(services.runtime)) {
      mirrors.push(
        new Mirror(request, body.copy(), cluster, services, { timeout: plan.timeout, marked: policy.marked }),
      );
    }
  }
  return mirrors;
}

/** `timeout`: milliseconds a copy may take in all, 0 is no limit. */
type MirrorOptions = Pick<MirrorPolicy, 'marked'> & { readonly timeout: number };

export class Mirror implements AttemptOwner {
  readonly #body: RequestBody;
  readonly #services: RouterServices;
  #attempt: Attempt | null = null;
  #timer: Timer | null = null;

  constructor(
    head: RequestHead,
    body: RequestBody,
    cluster: Cluster,
    services: RouterServices,
    options: MirrorOptions,
  ) {
    this.#services = services;
    this.#body = body;
    const host = cluster.pick({ ...anyEndpoint, now: services.clock.now() });
    if (host === null) return;
    const authority = options.marked ? shadowAuthority(head.authority) : head.authority;
    const headers = head.headers.clone();
    // It comes from inside, by way of this proxy.
    headers.set('x-envoy-internal', 'true');
    appendForwardedFor(headers, services.localAddress);
    const copy = { ...head, authority, headers };
    this.#attempt = new Attempt(host, copy, this.#body, this);
    if (options.timeout > 0) this.#timer = services.wheel.set(options.timeout, () => this.abandon());
    this.#attempt.start();
  }

  /** A mirror that cannot keep up is dropped: it must not slow the request down. */
  push(chunk: Buffer): void {
    if (this.#attempt === null) return;
    this.#body.push(chunk);
    if (this.#body.congested) this.abandon();
  }

  end(): void {
    if (this.#attempt !== null) this.#body.end(null);
  }

  flush(): void {
    this.#attempt?.flush();
  }

  abandon(): void {
    const attempt = this.#attempt;
    this.#over();
    attempt?.abandon();
  }

  onSent(): void {
    // Of no exchange.
  }

  onInterim(): void {
    // Nobody waits for it.
  }

  onResponse(_attempt: Attempt, _head: unknown, last: boolean): void {
    if (last) this.#over();
  }

  onData(): void {
    // Read and dropped, so that the connection can be reused.
  }

  onEnd(): void {
    this.#over();
  }

  onReadDone(): void {
    // Nothing was held back.
  }

  onReset(): void {
    this.#over();
  }

  onUpstreamDrain(): void {
    // `push` looks at congestion itself.
  }

  onBug(error: unknown): void {
    this.#services.log.error({ err: error }, 'exception while mirroring a request');
    this.abandon();
  }

  #over(): void {
    this.#attempt = null;
    this.#services.wheel.cancel(this.#timer);
  }
}

/** `shop.example:8080` becomes `shop.example-shadow:8080`, as Envoy names it. */
function shadowAuthority(authority: string): string {
  const port = /:\d+$/.exec(authority);
  return port === null ? `${authority}-shadow` : `${authority.slice(0, port.index)}-shadow${port[0]}`;
}
