// What the admin interface answers. Paths, parameters and forms are Envoy's.
import type { JsonObject } from '@bufbuild/protobuf';
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import type { ResourceLog } from '../discovery/resource-log.ts';
import type { StoredSecret } from '../discovery/secret-store.ts';
import { describeCertificates } from './certificates.ts';
import { type ClusterView, clustersJson, clustersText } from './cluster-status.ts';
import { dumpConfig } from './config-dump.ts';
import { prometheusText, type Statistic, statisticsText } from './statistics.ts';

/** The proxy as the admin interface sees and moves it. */
export type AdminView = {
  readonly bootstrap: Bootstrap;
  readonly resources: ResourceLog;
  readonly clock: { now(): number; epoch(): number };
  readonly version: string;
  state(): 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING';
  secrets(): readonly StoredSecret[];
  clusters(): readonly ClusterView[];
  listeners(): readonly {
    readonly config: { readonly name: string; readonly address: string };
    readonly port: number;
  }[];
  statistics(): Iterable<Statistic>;
  /** Metrics under the mesh's own names, in Prometheus text. */
  meshMetrics(): string;
  /** null: the level asked for does not exist. */
  logLevel(change: string | null): string | null;
  drain(graceful: boolean): void;
  quit(): void;
};

export type AdminAnswer = {
  readonly status: number;
  readonly type: 'text' | 'json' | 'prometheus';
  readonly body: string;
};
export type AdminEndpoint = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  answer(view: AdminView, query: URLSearchParams): AdminAnswer;
};

export const endpoints: readonly AdminEndpoint[] = [
  get('/ready', (view) => {
    const state = view.state();
    return text(`${state}\n`, state === 'LIVE' ? 200 : 503);
  }),
  get('/stats', (view, query) => {
    if (query.get('format') === 'prometheus') return prometheus(view);
    return text(statisticsText(view.statistics(), query.get('filter') ?? ''));
  }),
  get('/stats/prometheus', (view) => prometheus(view)),
  get('/config_dump', (view, query) => {
    const input = { bootstrap: view.bootstrap, resources: view.resources, secrets: view.secrets() };
    return json(dumpConfig(input, query.has('include_eds')));
  }),
  get('/clusters', (view, query) => {
    if (query.get('format') === 'json') return json(clustersJson(view.clusters()));
    return text(clustersText(view.clusters()));
  }),
  get('/listeners', (view, query) => answerListeners(view, query)),
  get('/certs', (view) => json(describeCertificates(view.secrets(), view.clock.epoch()))),
  get('/server_info', (view) => json(serverInfo(view))),
  get('/logging', (view) => text(`level: ${view.logLevel(null)}\n`)),
  post('/logging', (view, query) => {
    const level = view.logLevel(query.get('level'));
    return level === null
      ? text('no such level (hint: trace, debug, info, warn, error)\n', 400)
      : text(`level: ${level}\n`);
  }),
  post('/drain_listeners', (view, query) => {
    view.drain(query.has('graceful'));
    return text('OK\n');
  }),
  post('/quitquitquit', (view) => {
    view.quit();
    return text('OK\n');
  }),
];

function prometheus(view: AdminView): AdminAnswer {
  return { status: 200, type: 'prometheus', body: view.meshMetrics() + prometheusText(view.statistics()) };
}

function answerListeners(view: AdminView, query: URLSearchParams): AdminAnswer {
  const listeners = view.listeners().map(({ config: { name, address }, port }) => ({ name, address, port }));
  if (query.get('format') !== 'json') {
    return text(listeners.map(({ name, address, port }) => `${name}::${address}:${port}\n`).join(''));
  }
  const statuses = listeners.map(({ name, address, port }) => ({
    name,
    local_address: { socket_address: { address, port_value: port } },
  }));
  return json({ listener_statuses: statuses });
}

function serverInfo(view: AdminView): JsonObject {
  const { id, cluster } = view.bootstrap.node;
  return {
    version: view.version,
    state: view.state(),
    uptime_current_epoch: `${Math.floor(view.clock.now() / 1000)}s`,
    node: { id, cluster },
  };
}

function get(path: string, answer: AdminEndpoint['answer']): AdminEndpoint {
  return { method: 'GET', path, answer };
}

function post(path: string, answer: AdminEndpoint['answer']): AdminEndpoint {
  return { method: 'POST', path, answer };
}

function text(body: string, status = 200): AdminAnswer {
  return { status, type: 'text', body };
}

function json(value: JsonObject): AdminAnswer {
  return { status: 200, type: 'json', body: `${JSON.stringify(value, null, 1)}\n` };
}
