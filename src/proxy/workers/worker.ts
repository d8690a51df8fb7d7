// One worker from the inside: a data plane that does what the main thread's messages say, one after the other.
import { createHmac } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import { fromBinary } from '@bufbuild/protobuf';
import { type Counts, SharedCounts } from '../../lib/shared-counts.ts';
import { SharedTallies } from '../../lib/shared-tallies.ts';
import { turnClock } from '../../lib/turn-clock.ts';
import { unreachable } from '../../lib/unreachable.ts';
import { BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { type Bootstrap, bootstrapOf } from '../bootstrap/bootstrap.ts';
import type { SecretValue } from '../config/tls-types.ts';
import { Decoded } from '../discovery/decoded.ts';
import { Judge, Witness } from '../health/judgement.ts';
import { CheckingHealth, FollowedHealth } from '../health/shared.ts';
import { balanceName, CONNECTIONS, SERVES } from '../listener/exact-balance.ts';
import {
  type Answer,
  type Change,
  FIRST,
  type Figures,
  type FromWorker,
  type News,
  type Order,
  type ToWorker,
  type WorkerSeed,
} from './messages.ts';
import { ProxyThread, type ThreadLog } from './thread.ts';
import { Wishes } from './wishes.ts';

/** Ends when it is told to close, or with its thread. */
export function serveWorker(port: MessagePort, seed: WorkerSeed, log: ThreadLog): void {
  const say = (message: FromWorker): void => port.postMessage(message);
  const worker = new Worker(seed, log, say);
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'close') void worker.close().then(() => process.exit(0));
    else void worker.obey(message.order).then((outcome) => say({ kind: 'answer', id: message.id, outcome }));
  });
}

type ListenerChange = Extract<Change, { readonly kind: 'listener' }>;

class Worker {
  readonly #bootstrap: Bootstrap;
  readonly #workers: number;
  readonly #thread: ProxyThread;
  readonly #wishes: Wishes;
  readonly #health: CheckingHealth | FollowedHealth;
  readonly #court: Judge | Witness;
  /** By listener. */
  readonly #places = new Map<string, Pick<ListenerChange, 'ports' | 'sockets'>>();
  /** By listener: connections of each worker, where they are spread evenly. */
  readonly #balances = new Map<string, readonly Counts[]>();
  readonly #index: number;
  readonly #counts: SharedCounts;
  readonly #clusters = new Decoded((bytes) => this.#thread.decoders.decodeCluster(fromBinary(ClusterSchema, bytes)));
  readonly #endpoints = new Decoded((bytes) =>
    this.#thread.decoders.decodeEndpoints(fromBinary(ClusterLoadAssignmentSchema, bytes)),
  );

  constructor(
    {
      index,
      bootstrap,
      runtime,
      failing,
      drainTimes,
      logFlush,
      tallies: memory,
      counts: countsMemory,
      threads,
      ticketSeed,
    }: WorkerSeed,
    log: ThreadLog,
    say: (news: News) => void,
  ) {
    this.#bootstrap = bootstrapOf(fromBinary(BootstrapSchema, bootstrap));
    this.#bootstrap.runtime.set(runtime);
    this.#health =
      index === FIRST
        ? new CheckingHealth((report) => say({ kind: 'health report', report }))
        : new FollowedHealth((note) => say({ kind: 'health note', note }));
    const counts = new SharedCounts(countsMemory);
    this.#index = index;
    this.#counts = counts;
    // All but the main thread.
    this.#workers = threads - 1;
    this.#court =
      index === FIRST
        ? new Judge({ counts, report: (report) => say({ kind: 'verdict', report }), now: () => turnClock.now() })
        : new Witness(counts, (note) => say({ kind: 'evidence', note }));
    const watchHealth = this.#health.watch;
    const judgement = this.#court.enter;
    const tallies = new SharedTallies(memory, threads, index);
    const sharing = {
      workers: this.#workers,
      portsOf: (listener: string) => this.#places.get(listener)?.ports ?? [],
      socketsOf: (listener: string) => this.#places.get(listener)?.sockets ?? [],
      balance: (listener: string) => ({
        own: index,
        counts: this.#balanceOf(listener),
        handOver: (worker: number, descriptor: number) => say({ kind: 'connection', worker, listener, descriptor }),
      }),
      tally: (name: string) => tallies.of(name),
      ticketKeys: (of: string) => createHmac('sha384', ticketSeed).update(of).digest(),
    };
    this.#thread = new ProxyThread({
      ...{ bootstrap: this.#bootstrap, log, drainTimes, logFlush },
      ...{ sharing, watchHealth, judgement },
    });
    this.#thread.failHealth(failing);
    this.#wishes = new Wishes((wish) => say({ kind: 'wish', wish }));
    this.#thread.dataPlane.serveOnDemand(this.#wishes);
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async obey(order: Order): Promise<Answer> {
    try {
      const result = await this.#do(order);
      return { kind: 'done', figures: null, ports: [], ...result };
    } catch (error) {
      return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  async #do(order: Order): Promise<Partial<Extract<Answer, { kind: 'done' }>>> {
    const thread = this.#thread;
    switch (order.kind) {
      case 'change':
        return { ports: await this.#apply(order.change) };
      case 'collect':
        return { figures: this.#figures() };
      case 'drain':
        await thread.drain(order.part);
        return {};
      case 'reset counters':
        thread.resetCounters();
        return {};
      case 'reopen logs':
        thread.reopenLogs();
        return {};
      case 'log level':
        thread.setLogLevel(order.level);
        return {};
      case 'fail health':
        thread.failHealth(order.fail);
        return {};
      case 'health reports':
        if (this.#health instanceof FollowedHealth) for (const report of order.reports) this.#health.hear(report);
        return {};
      case 'health note':
        if (this.#health instanceof CheckingHealth) this.#health.hear(order.note);
        return {};
      case 'verdicts':
        for (const report of order.verdicts) {
          if (this.#court instanceof Witness) this.#court.hear(report);
          else this.#court.inherit(report);
        }
        return {};
      case 'evidence':
        if (this.#court instanceof Judge) this.#court.hear(order.note);
        return {};
      case 'runtime':
        this.#bootstrap.runtime.set(order.changes);
        return {};
      case 'granted':
        this.#wishes.granted(order.wish, order.outcome);
        return {};
      case 'connection':
        this.#take(order.listener, order.descriptor);
        return {};
      case 'ping':
        return {};
      default:
        return unreachable(order);
    }
  }

  /** Of a listener, the ports it is bound to. */
  async #apply(change: Change): Promise<readonly number[]> {
    const { dataPlane, decoders } = this.#thread;
    switch (change.kind) {
      case 'secret':
        dataPlane.setSecret(change.source, change.name, this.#secretOf(change.value));
        return [];
      case 'endpoints':
        dataPlane.setEndpoints(change.name, this.#endpoints.get(change.name, change.bytes).assignment);
        return [];
      case 'cluster':
        await dataPlane.setCluster(this.#clusters.get(change.name, change.bytes));
        return [];
      case 'endpoints gone':
        this.#endpoints.forget(change.name);
        dataPlane.removeEndpoints(change.name);
        return [];
      case 'cluster gone':
        this.#clusters.forget(change.name);
        dataPlane.removeCluster(change.name);
        return [];
      case 'routes':
        dataPlane.setRoutes(decoders.decodeRoutes(fromBinary(RouteConfigurationSchema, change.bytes)));
        return [];
      case 'routes gone':
        dataPlane.removeRoutes(change.name);
        return [];
      case 'listener': {
        this.#places.set(change.name, change);
        const config = decoders.decodeListener(fromBinary(ListenerSchema, change.bytes));
        await dataPlane.setListener(config);
        if (config.exactBalance) this.#balanceOf(change.name)[this.#index]!.set(SERVES, 1);
        return dataPlane.listeners().find(({ config }) => config.name === change.name)?.ports ?? [];
      }
      case 'listener gone':
        this.#places.delete(change.name);
        this.#balances.get(change.name)?.[this.#index]?.clear(SERVES);
        dataPlane.removeListener(change.name);
        return [];
      default:
        return unreachable(change);
    }
  }

  #take(name: string, descriptor: number): void {
    const listener = this.#thread.dataPlane.listeners().find(({ config }) => config.name === name);
    if (listener === undefined) {
      // Whoever gave it has counted it here.
      this.#balances.get(name)?.[this.#index]?.decrement(CONNECTIONS);
      throw new Error(`there is no listener ${name}`);
    }
    listener.takeOver(descriptor);
  }

  /** What the worker before this one had is gone with it; nobody gives this one any before it says that it serves the listener. */
  #balanceOf(listener: string): readonly Counts[] {
    const known = this.#balances.get(listener);
    if (known !== undefined) return known;
    const counts = Array.from({ length: this.#workers }, (_, worker) => this.#counts.of(balanceName(worker, listener)));
    counts[this.#index]!.clear(CONNECTIONS);
    this.#balances.set(listener, counts);
    return counts;
  }

  #secretOf(value: SecretValue | Uint8Array): SecretValue {
    if (!(value instanceof Uint8Array)) return revived(value);
    return this.#thread.decoders.decodeSecret(fromBinary(SecretSchema, value));
  }

  #figures(): Figures {
    const thread = this.#thread;
    return {
      numbers: [...thread.statistics()],
      histograms: [...thread.histograms()].map(([name, histogram]) => [name, histogram.state()] as const),
      clusters: thread.clusters().map(({ config, hosts }) => ({
        name: config.name,
        hosts,
      })),
      meshMetrics: thread.meshMetrics(),
      memory: thread.memory(),
    };
  }
}

/** Buffers arrive as bare arrays of bytes. */
function revived(value: SecretValue): SecretValue {
  return value.kind === 'certificate' && value.ocsp !== undefined ? { ...value, ocsp: Buffer.from(value.ocsp) } : value;
}
