// What the admin interface answers. Paths, parameters and forms are Envoy's.
import type { JsonObject } from '@bufbuild/protobuf';
import type { Clock } from '../../lib/clock.ts';
import { typeUrl } from '../../xds/resource.ts';
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import type { ResourceLog } from '../discovery/resource-log.ts';
import type { StoredSecret } from '../discovery/secret-store.ts';
import { wantsOpenMetrics } from './accept.ts';
import { describeCertificates } from './certificates.ts';
import { type ClusterView, clustersJson, clustersText } from './cluster-status.ts';
import { dumpConfig, isStatic } from './config-dump.ts';
import { queryDump } from './config-query.ts';
import { histogramForms } from './histogram-forms.ts';
import { answerLogging } from './logging.ts';
import { type ExpositionFormat, prometheusText, toOpenMetrics } from './prometheus.ts';
import { selectExposition } from './select-exposition.ts';
import { initDump, serverInfo } from './server-info.ts';
import type { NameTagger } from './statistic-tags.ts';
import {
  type NamedHistogram,
  readQuery,
  type Statistic,
  type Statistics,
  type StatisticsQuery,
  selectStatistics,
  statisticsJson,
  statisticsText,
} from './statistics.ts';

/** What threads are asked for before it is answered. Whether the proxy is ready must not hang on the busiest of them. */
export const COLLECTED: ReadonlySet<string> = new Set([
  '/clusters',
  '/listeners',
  '/memory',
  '/stats',
  '/stats/prometheus',
]);

/** The proxy as the admin interface sees and moves it. */
export type AdminView = {
  readonly bootstrap: Bootstrap;
  readonly resources: ResourceLog;
  readonly clock: Clock;
  readonly version: string;
  /** Threads that carry traffic. */
  readonly concurrency: number;
  /** Asks those threads for what is told below; null where it is always at hand. */
  collect(): Promise<void> | null;
  state(): 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING';
  secrets(): readonly StoredSecret[];
  clusters(): readonly ClusterView[];
  listeners(): readonly {
    readonly config: { readonly name: string; readonly address: string };
    readonly port: number;
  }[];
  /** Splits names of statistics as the bootstrap says. */
  readonly tagger: NameTagger;
  statistics(): Iterable<Statistic>;
  histograms(): Iterable<NamedHistogram>;
  /** Bytes. */
  memory(): Readonly<Record<'heapUsed' | 'heapTotal' | 'external' | 'rss', number>>;
  resetCounters(): void;
  /** Metrics under the mesh's own names, in Prometheus text. */
  meshMetrics(): string;
  /** null: the level asked for does not exist. */
  logLevel(change: string | null): string | null;
  reopenLogs(): void;
  /** Fails health checks, or passes them again. */
  failHealth(fail: boolean): void;
  drain(options: { readonly graceful: boolean; readonly inboundOnly: boolean }): void;
  quit(): void;
  /** An exception came out of an answer: it is counted. */
  onFault(error: unknown): void;
};

export type AdminAnswer = {
  readonly status: number;
  readonly type: 'text' | 'json' | 'prometheus' | 'openmetrics';
  readonly body: string;
};

type AdminQuery = { readonly parameters: URLSearchParams; readonly accept: string };

export type AdminEndpoint = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly help: string;
  answer(view: AdminView, query: AdminQuery): AdminAnswer;
};

const RUNTIME_USAGE =
  'usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\nuse an empty value to remove a previously added override';

export const endpoints: readonly AdminEndpoint[] = [
  get('/certs', 'print certs on machine', (view) => json(describeCertificates(view.secrets(), view.clock.epoch()))),
  get('/clusters', 'upstream cluster status', answerClusters),
  get('/contention', 'dump current mutex contention stats (there are no mutexes)', () =>
    text('Mutex contention tracing is not enabled. To enable, run Envoy with flag --enable-mutex-tracing.'),
  ),
  get('/config_dump', 'dump current configs (include_eds, resource, mask, name_regex)', answerConfig),
  post('/drain_listeners', 'drain listeners (graceful, inboundonly)', (view, { parameters }) => {
    view.drain({ graceful: parameters.has('graceful'), inboundOnly: parameters.has('inboundonly') });
    return ok();
  }),
  post('/healthcheck/fail', 'cause the server to fail health checks', (view) => done(() => view.failHealth(true))),
  post('/healthcheck/ok', 'cause the server to pass health checks', (view) => done(() => view.failHealth(false))),
  get('/help', 'print out list of admin commands', () => text(helpText())),
  get('/hot_restart_version', 'print the hot restart compatibility version', () => text('disabled')),
  get('/init_dump', 'what is not ready yet', (view) => json(initDump(view.resources))),
  get('/listeners', 'print listener info', answerListeners),
  post('/logging', 'query/change logging levels', (view, { parameters }) => {
    const { status, body } = answerLogging(parameters, (change) => view.logLevel(change));
    return text(body, status);
  }),
  get('/memory', 'print current allocation/heap usage', (view) => json(memory(view))),
  post('/quitquitquit', 'exit the server', (view) => done(() => view.quit())),
  get('/ready', 'print server state, return 200 if LIVE, otherwise return 503', (view) => {
    const state = view.state();
    return text(`${state}\n`, state === 'LIVE' ? 200 : 503);
  }),
  post('/reopen_logs', 'reopen access logs', (view) => done(() => view.reopenLogs())),
  post('/reset_counters', 'reset all counters to zero', (view) => done(() => view.resetCounters())),
  get('/runtime', 'print runtime values', ({ bootstrap }) => json(bootstrap.runtime.describe())),
  post('/runtime_modify', 'add or modify runtime values', ({ bootstrap }, { parameters }) => {
    if (parameters.size === 0) return text(RUNTIME_USAGE, 400);
    return bootstrap.runtime.override(parameters) ? ok() : text('No admin layer specified', 503);
  }),
  get('/server_info', 'print server version/status information', (view) => json(serverInfo(view))),
  get('/stats', 'print server stats (filter, invert_filter, format, type, usedonly)', answerStats),
  get('/stats/prometheus', 'print server stats in prometheus format', (view, query) =>
    withStatistics(view, query, (found, wanted) => exposition(view, found, wanted, query)),
  ),
];

export function helpText(): string {
  const lines = endpoints.map(({ path, method, help }) => `  ${path}${method === 'POST' ? ' (POST)' : ''}: ${help}\n`);
  return `admin commands are:\n  /: this list\n${lines.join('')}`;
}

function answerStats(view: AdminView, query: AdminQuery): AdminAnswer {
  const format = query.parameters.get('format') ?? 'text';
  const buckets = query.parameters.get('histogram_buckets') ?? 'summary';
  const form = Object.hasOwn(histogramForms, buckets) ? histogramForms[buckets] : undefined;
  if (form === undefined)
    return text(`usage: /stats?histogram_buckets=(${Object.keys(histogramForms).join('|')})\n`, 400);
  const { bounds } = view.bootstrap.statsConfig;
  return withStatistics(view, query, (found, wanted) => {
    if (format === 'text') return text(statisticsText(found, form, bounds));
    if (format === 'json')
      return { status: 200, type: 'json', body: JSON.stringify(statisticsJson(found, form, bounds)) };
    if (format === 'prometheus') return exposition(view, found, wanted, query);
    return text('usage: /stats?format=(json|prometheus|text)\n\n', 400);
  });
}

function withStatistics(
  view: AdminView,
  { parameters }: AdminQuery,
  answer: (found: Statistics, wanted: StatisticsQuery) => AdminAnswer,
): AdminAnswer {
  const wanted = readQuery(parameters);
  if (typeof wanted === 'string') return text(wanted, 400);
  return answer(selectStatistics(view.statistics(), view.histograms(), wanted), wanted);
}

function exposition(view: AdminView, found: Statistics, wanted: StatisticsQuery, { accept }: AdminQuery): AdminAnswer {
  const format: ExpositionFormat = wantsOpenMetrics(accept) ? 'openmetrics' : 'text';
  const own = prometheusText(found, format, view.tagger, view.bootstrap.statsConfig.bounds);
  const mesh = selectExposition(view.meshMetrics(), wanted);
  if (format === 'text') return { status: 200, type: 'prometheus', body: mesh + own };
  return { status: 200, type: 'openmetrics', body: `${toOpenMetrics(mesh)}${own}# EOF\n` };
}

function answerConfig(view: AdminView, { parameters }: AdminQuery): AdminAnswer {
  const input = { bootstrap: view.bootstrap, resources: view.resources, secrets: view.secrets() };
  const dump = queryDump(dumpConfig(input, parameters.has('include_eds')), parameters);
  return 'wrong' in dump ? text(dump.wrong, dump.status) : json(dump.dump);
}

function answerClusters(view: AdminView, { parameters }: AdminQuery): AdminAnswer {
  const wanted = readQuery(parameters);
  if (typeof wanted === 'string') return text(wanted, 400);
  const clusters = view.clusters().filter(({ config }) => wanted.matches(config.name));
  const fixed = new Set(
    view.resources.entries(typeUrl.cluster).flatMap(([name, one]) => (isStatic(one) ? [name] : [])),
  );
  const described = clusters.map((cluster) => ({ ...cluster, isStatic: fixed.has(cluster.config.name) }));
  return parameters.get('format') === 'json' ? json(clustersJson(described)) : text(clustersText(described));
}

function answerListeners(view: AdminView, { parameters }: AdminQuery): AdminAnswer {
  const listeners = view.listeners().map(({ config: { name, address }, port }) => ({ name, address, port }));
  if (parameters.get('format') !== 'json') {
    return text(listeners.map(({ name, address, port }) => `${name}::${address}:${port}\n`).join(''));
  }
  const statuses = listeners.map(({ name, address, port }) => ({
    name,
    local_address: { socket_address: { address, port_value: port } },
  }));
  return json({ listener_statuses: statuses });
}

function memory(view: AdminView): JsonObject {
  const { heapUsed, heapTotal, rss, external } = view.memory();
  return {
    allocated: String(heapUsed + external),
    heap_size: String(heapTotal + external),
    pageheap_unmapped: '0',
    pageheap_free: String(heapTotal - heapUsed),
    total_thread_cache: '0',
    total_physical_bytes: String(rss),
  };
}

function get(path: string, help: string, answer: AdminEndpoint['answer']): AdminEndpoint {
  return { method: 'GET', path, help, answer };
}

function post(path: string, help: string, answer: AdminEndpoint['answer']): AdminEndpoint {
  return { method: 'POST', path, help, answer };
}

function done(work: () => void): AdminAnswer {
  work();
  return ok();
}

function ok(): AdminAnswer {
  return text('OK\n');
}

function text(body: string, status = 200): AdminAnswer {
  return { status, type: 'text', body };
}

function json(value: JsonObject): AdminAnswer {
  return { status: 200, type: 'json', body: `${JSON.stringify(value, null, 1)}\n` };
}
