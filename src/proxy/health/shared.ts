// Active checks of a proxy with several threads: one thread checks, and tells the others what it found. So an endpoint is asked as often as
// it would be by one thread, and all of them judge it alike.
import { FROM_CHECKS, unfit } from '../balance/health.ts';
import type { HealthOwner, HealthWatch } from '../cluster/health-watch.ts';
import type { Host } from '../cluster/host.ts';

/** What a check found. */
export type HealthReport = {
  readonly cluster: string;
  /** Its name, `10.0.0.1:80`. */
  readonly host: string;
  /** Bits of `FROM_CHECKS`; null: it is not checked any more. */
  readonly health: number | null;
  readonly healthy: boolean;
  /** Whether the thread that checks knows of connections to the cluster. */
  readonly traffic: boolean;
};

/** What threads that do not check tell the one that does. */
export type HealthNote =
  /** An answer of the endpoint said `x-envoy-immediate-health-check-fail`. */
  | { readonly kind: 'fail now'; readonly cluster: string; readonly host: string }
  /** There have been connections to the cluster: it is checked more often from now on. */
  | { readonly kind: 'traffic'; readonly cluster: string };

/** How a cluster is watched; `check` makes real checks. */
export type WatchHealth = (owner: HealthOwner, check: (owner: HealthOwner) => HealthWatch) => HealthWatch;

type Watched = { readonly watch: HealthWatch; readonly hosts: Map<string, Host> };

/** In the thread that checks. */
export class CheckingHealth {
  readonly #report: (report: HealthReport) => void;
  readonly #clusters = new Map<string, Watched>();
  readonly #traffic = new Set<string>();

  constructor(report: (report: HealthReport) => void) {
    this.#report = report;
  }

  readonly watch: WatchHealth = (owner, check) => {
    const { name: cluster } = owner.config();
    const hasTraffic = () => owner.hasTraffic() || this.#traffic.has(cluster);
    const tell = (host: Host, health: number | null, healthy: boolean) =>
      this.#report({ cluster, host: host.name, health, healthy, traffic: hasTraffic() });
    const watch = check({
      ...owner,
      hasTraffic,
      onResult: (host, healthy, changed) => {
        owner.onResult(host, healthy, changed);
        // A time-out is noted just after the result, which may also have been the end of the endpoint.
        queueMicrotask(() => {
          if (watched.hosts.get(host.name) === host) tell(host, host.health & FROM_CHECKS, healthy);
        });
      },
    });
    const watched: Watched = { watch, hosts: new Map() };
    return {
      add: (host) => {
        if (!host.check.disabled) enter(this.#clusters, cluster, watched, host);
        watch.add(host);
      },
      remove: (host) => {
        leave(this.#clusters, cluster, watched, host);
        watch.remove(host);
        tell(host, null, false);
      },
      failNow: (host) => watch.failNow(host),
    };
  };

  hear(note: HealthNote): void {
    if (note.kind === 'traffic') {
      this.#traffic.add(note.cluster);
      return;
    }
    const watched = this.#clusters.get(note.cluster);
    const host = watched?.hosts.get(note.host);
    if (host !== undefined) watched?.watch.failNow(host);
  }
}

type Followed = { readonly owner: HealthOwner; readonly hosts: Map<string, Host> };

/** In the others. */
export class FollowedHealth {
  readonly #tell: (note: HealthNote) => void;
  readonly #clusters = new Map<string, Followed>();
  /** By cluster and host: the endpoint may come later than its report. */
  readonly #reports = new Map<string, Map<string, HealthReport>>();

  constructor(tell: (note: HealthNote) => void) {
    this.#tell = tell;
  }

  readonly watch: WatchHealth = (owner) => {
    const { name: cluster } = owner.config();
    const followed: Followed = { owner, hosts: new Map() };
    return {
      add: (host) => {
        if (host.check.disabled) return;
        host.mark(unfit.failedActiveCheck);
        if (owner.config().ignoreNewHosts) host.mark(unfit.pendingActiveCheck);
        enter(this.#clusters, cluster, followed, host);
        const report = this.#reports.get(cluster)?.get(host.name);
        // Its cluster does not know it yet.
        if (report !== undefined) queueMicrotask(() => this.#apply(report));
      },
      remove: (host) => leave(this.#clusters, cluster, followed, host),
      failNow: (host) => this.#tell({ kind: 'fail now', cluster, host: host.name }),
    };
  };

  hear(report: HealthReport): void {
    const reports = this.#reports.get(report.cluster) ?? new Map<string, HealthReport>();
    if (report.health === null) reports.delete(report.host);
    else reports.set(report.host, report);
    if (reports.size > 0) this.#reports.set(report.cluster, reports);
    else this.#reports.delete(report.cluster);
    this.#apply(report);
  }

  /** For a thread that starts late. */
  reports(): readonly HealthReport[] {
    return [...this.#reports.values()].flatMap((reports) => [...reports.values()]);
  }

  #apply({ cluster, host: name, health, healthy, traffic }: HealthReport): void {
    const followed = this.#clusters.get(cluster);
    if (followed === undefined) return;
    const { owner, hosts } = followed;
    if (!traffic && owner.hasTraffic()) this.#tell({ kind: 'traffic', cluster });
    const host = hosts.get(name);
    if (host === undefined) return;
    const before = host.health;
    // One that nobody checks any more is about to go here too, and must not linger for want of bad news.
    if (health !== null) host.unmark(FROM_CHECKS & ~health);
    host.mark(health ?? unfit.failedActiveCheck);
    owner.onResult(host, healthy, host.health !== before);
  }
}

type Crowd = { readonly hosts: Map<string, Host> };

/** A cluster is known while it has endpoints: nobody says when it goes. */
function enter<One extends Crowd>(clusters: Map<string, One>, cluster: string, one: One, host: Host): void {
  one.hosts.set(host.name, host);
  clusters.set(cluster, one);
}

function leave<One extends Crowd>(clusters: Map<string, One>, cluster: string, one: One, host: Host): void {
  if (one.hosts.get(host.name) === host) one.hosts.delete(host.name);
  if (one.hosts.size === 0 && clusters.get(cluster) === one) clusters.delete(cluster);
}
