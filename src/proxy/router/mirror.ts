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
  exchange: Exchange,
  action: ForwardAction,
  plan: ForwardPlan,
  body: RequestBody,
  services: RouterServices,
): readonly Mirror[] {
  const { request } = exchange;
  const mirrors: Mirror[] = [];
  for (const policy of action.mirrors) {
    const cluster = services.clusters.get(policy.clusterFor(request));
    if (cluster !== undefined && services.random() < policy.share(services.runtime)) {
      mirrors.push(new Mirror(copyFor(policy, exchange, services), body.copy(), cluster, services, plan.timeout));
    }
  }
  return mirrors;
}

function copyFor(
  { edits, rename, sampled }: MirrorPolicy,
  exchange: Exchange,
  { localAddress }: RouterServices,
): RequestHead {
  const { request } = exchange;
  const headers = request.headers.clone();
  for (const edit of edits) edit(headers, exchange, null);
  // It comes from inside, by way of this proxy.
  headers.set('x-envoy-internal', 'true');
  appendForwardedFor(headers, localAddress);
  exchange.span?.copied(headers, sampled);
  return { ...request, authority: rename(request.authority), headers };
}

export class Mirror implements AttemptOwner {
  readonly #body: RequestBody;
  readonly #services: RouterServices;
  #attempt: Attempt | null = null;
  #timer: Timer | null = null;

  /** `head`: of the copy. `timeout`: milliseconds it may take in all, 0 is no limit. */
  constructor(head: RequestHead, body: RequestBody, cluster: Cluster, services: RouterServices, timeout: number) {
    this.#services = services;
    this.#body = body;
    const host = cluster.pick({ ...anyEndpoint, now: services.clock.now() });
    if (host === null) return;
    this.#attempt = new Attempt(host, head, this.#body, this);
    if (timeout > 0) this.#timer = services.wheel.set(timeout, () => this.abandon());
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
