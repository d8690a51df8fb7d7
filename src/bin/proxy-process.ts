// The proxy as a process: data plane, discovery, admin and agent put together, and how it ends.
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { type Logger, pino } from 'pino';
import { IdentityAgent } from '../identity/agent.ts';
import { formatSpiffe, trustDomainOf } from '../identity/spiffe.ts';
import { systemClock } from '../lib/clock.ts';
import { turnClock } from '../lib/turn-clock.ts';
import type { AdminView } from '../proxy/admin/endpoints.ts';
import { type AdminServer, serveAdmin } from '../proxy/admin/server.ts';
import { serverStatistics } from '../proxy/admin/server-info.ts';
import { statisticName } from '../proxy/admin/statistic-name.ts';
import { nameTagger } from '../proxy/admin/statistic-tags.ts';
import { type AgentBootstrap, type Bootstrap, loadBootstrap } from '../proxy/bootstrap/bootstrap.ts';
import { BootstrapError } from '../proxy/bootstrap/bootstrap-error.ts';
import { decoders } from '../proxy/config/decoders.ts';
import { Discovery } from '../proxy/discovery/discovery.ts';
import { requestOverCluster } from '../proxy/discovery/request-certificate.ts';
import { faultsOfStatic } from '../proxy/discovery/validate.ts';
import { LoadReporter } from '../proxy/load-report/reporter.ts';
import { createSink } from '../proxy/stats-sink/create.ts';
import { StatsReporter } from '../proxy/stats-sink/reporter.ts';
import { IdleMemory } from '../proxy/system/idle-memory.ts';
import { processMemory } from '../proxy/system/process-memory.ts';
import type { Engine } from '../proxy/workers/engine.ts';
import { WorkerPool } from '../proxy/workers/pool.ts';
import { ProxyThread } from '../proxy/workers/thread.ts';
import { jitteredBackoff } from '../xds/backoff.ts';
import type { ProxyOptions } from './proxy-options.ts';

/** Decodes all that the bootstrap holds, as a start would, and says what would be refused; resolves with the exit code. */
export async function validateProxy(options: ProxyOptions): Promise<number> {
  let faults: readonly string[];
  try {
    faults = faultsOfStatic(await loadBootstrap(options), decoders);
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    faults = [error.message];
  }
  for (const fault of faults) console.error(fault);
  if (faults.length === 0) console.log(`configuration '${options.configPath}' OK`);
  return faults.length === 0 ? 0 : 1;
}

/** Runs until it is told to end; resolves with the exit code. */
export async function runProxy(options: ProxyOptions): Promise<number> {
  const log = pino({ name: 'proxy', level: options.logLevel }, pino.destination(2));
  let proxy: RunningProxy;
  try {
    proxy = await startProxy(options, log);
  } catch (error) {
    log.fatal(error instanceof Error ? error.message : String(error));
    return 1;
  }
  const failed = proxy.discovery.start().then(
    () => new Promise<never>(() => log.info('ready')),
    (error: unknown) => {
      log.fatal(error instanceof BootstrapError ? `${options.configPath}: ${error.message}` : String(error));
      return 1;
    },
  );
  const code = await Promise.race([failed, proxy.ended]);
  await proxy.close();
  return code;
}

type RunningProxy = { readonly discovery: Discovery; readonly ended: Promise<number>; close(): Promise<void> };

async function startProxy(options: ProxyOptions, log: Logger): Promise<RunningProxy> {
  const bootstrap = await loadBootstrap(options);
  const engine = await startEngine(options, bootstrap, log);
  const agent = bootstrap.agent && (await startAgent(bootstrap, bootstrap.agent, engine, log));
  const { dataPlane, decoders } = engine;
  const discovery = new Discovery({
    bootstrap,
    target: dataPlane,
    decoders,
    agent,
    clock: turnClock,
    random: Math.random,
    log,
  });
  const idleMemory = new IdleMemory(systemClock, processMemory());
  idleMemory.start();
  const ending = new Ending(engine, log);
  const view = adminView({ options, bootstrap, engine, discovery, ending, log });
  const admin: AdminServer | null = bootstrap.admin && (await serveAdmin(view, bootstrap.admin));
  if (admin !== null && options.adminAddressPath !== '') await writeFile(options.adminAddressPath, admin.address);
  const { interval, sinks } = bootstrap.statsSinks;
  const open = sinks.map((sink) =>
    createSink(sink, dataPlane.client, bootstrap.node, view.tagger, bootstrap.statsConfig.bounds),
  );
  const reporter = new StatsReporter(interval, open, view, systemClock, log);
  reporter.start();
  const loads = reportLoads(bootstrap, engine, discovery, view, log);
  agent?.start();
  return {
    discovery,
    ended: ending.code,
    async close() {
      idleMemory.stop();
      reporter.close();
      loads?.close();
      discovery.close();
      agent?.close();
      admin?.close();
      await engine.close();
    },
  };
}

function reportLoads(
  { loadStats, node }: Bootstrap,
  { dataPlane }: Engine,
  discovery: Discovery,
  view: AdminView,
  log: Logger,
): LoadReporter | null {
  if (loadStats === null) return null;
  const { target, retry } = loadStats;
  const reporter = new LoadReporter({
    client: dataPlane.client,
    source: { ...view, dropCategory: (config) => discovery.dropCategory(config) },
    backoff: jitteredBackoff(retry.base, retry.max, Math.random),
    clock: turnClock,
    ...{ target, node, log },
  });
  void discovery.whenUsed(target.cluster).then(() => reporter.start());
  return reporter;
}

/** One worker is this thread: there is no other then. */
async function startEngine(
  { drainTimes, logFlush, ...options }: ProxyOptions,
  bootstrap: Bootstrap,
  log: Logger,
): Promise<Engine> {
  const asked = options.concurrency ?? bootstrap.concurrency;
  // Counts what a cgroup allows, as Envoy does.
  const concurrency = asked === 0 ? availableParallelism() : asked;
  if (concurrency === 1) return new ProxyThread({ bootstrap, log, drainTimes, logFlush });
  const entry = new URL(`proxy-worker${extname(import.meta.filename)}`, import.meta.url);
  return WorkerPool.start({
    ...{ concurrency, entry, bootstrap, log, drainTimes, logFlush },
    clock: turnClock,
    random: Math.random,
  });
}

/** Draining and ending, by signal or by admin: the first asks for a drain, a second signal ends at once. */
class Ending {
  readonly code: Promise<number>;
  draining = false;
  /** Health checks fail because somebody asked for it. */
  failing = false;
  readonly #engine: Engine;
  readonly #log: Logger;
  #finish: (code: number) => void = () => undefined;

  constructor(engine: Engine, log: Logger) {
    this.#engine = engine;
    this.#log = log;
    this.code = new Promise((resolve) => {
      this.#finish = resolve;
    });
    process.on('SIGUSR1', () => engine.reopenLogs());
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (this.draining) process.exit(1);
        this.#log.info({ signal }, 'draining');
        void this.drain().then(() => this.#finish(0));
      });
    }
  }

  async drain(): Promise<void> {
    this.draining = true;
    await this.#engine.drain('all');
  }

  quit(): void {
    this.#finish(0);
  }
}

type ViewParts = {
  readonly options: ProxyOptions;
  readonly bootstrap: Bootstrap;
  readonly engine: Engine;
  readonly discovery: Discovery;
  readonly ending: Ending;
  readonly log: Logger;
};

function adminView({ options, bootstrap, engine, discovery, ending, log }: ViewParts): AdminView {
  const { includes } = bootstrap.statsConfig;
  const isIncluded = ([name]: readonly [string, unknown]) => includes === null || includes(statisticName(name));
  const view: AdminView = {
    bootstrap,
    resources: discovery.resources,
    clock: turnClock,
    version: options.version,
    concurrency: engine.concurrency,
    collect: () => engine.collect(),
    tagger: nameTagger(bootstrap.statsConfig.tags),
    state: () => (ending.draining || ending.failing ? 'DRAINING' : discovery.ready ? 'LIVE' : 'PRE_INITIALIZING'),
    secrets: () => discovery.secrets(),
    clusters: () => engine.clusters(),
    listeners: () => engine.listeners(),
    *statistics() {
      for (const one of engine.statistics()) if (isIncluded(one)) yield one;
      for (const one of serverStatistics(view)) if (isIncluded(one)) yield one;
    },
    *histograms() {
      for (const one of engine.histograms()) if (isIncluded(one)) yield one;
    },
    memory: () => engine.memory(),
    resetCounters: () => engine.resetCounters(),
    meshMetrics: () => engine.meshMetrics(),
    logLevel(change) {
      if (change !== null && change !== 'silent' && !(change in pino.levels.values)) return null;
      if (change !== null) log.level = change;
      if (change !== null) engine.setLogLevel(change);
      return log.level;
    },
    reopenLogs: () => engine.reopenLogs(),
    failHealth(fail) {
      ending.failing = fail;
      engine.failHealth(fail);
    },
    drain: ({ inboundOnly }) => void (inboundOnly ? engine.drain('inbound') : ending.drain()),
    quit: () => ending.quit(),
    onFault: throwLater,
  };
  return view;
}

async function startAgent(
  bootstrap: Bootstrap,
  settings: AgentBootstrap,
  { dataPlane, decoders }: Engine,
  log: Logger,
): Promise<IdentityAgent> {
  const roots = await readFile(settings.rootFile, 'utf8');
  const trustDomain = trustDomainOf(roots);
  if (trustDomain === null)
    throw new BootstrapError(`${settings.rootFile}: the root names no trust domain (spiffe://…)`);
  const [namespace, serviceAccount] = ['NAMESPACE', 'SERVICE_ACCOUNT'].map((key) => {
    const value = bootstrap.node.metadata?.[key];
    if (typeof value === 'string') return value;
    throw new BootstrapError(`node.metadata.${key}: missing, but TULLE_AGENT needs it`);
  });
  return new IdentityAgent({
    identity: formatSpiffe({ trustDomain, namespace: namespace ?? '', serviceAccount: serviceAccount ?? '' }),
    roots,
    token: () => readFile(settings.tokenFile, 'utf8'),
    request: requestOverCluster(
      { address: settings.ca, roots },
      { decodeCluster: decoders.decodeCluster, open: (config) => dataPlane.openPrivate(config) },
    ),
    clock: turnClock,
    random: Math.random,
    log,
  });
}

/** Counted as what nobody caught. */
function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
