// Every question the API answers, one entry each. A handler returns data or an ApiError; the server does the rest.
import { refOf } from '../model/object.ts';
import { objectKey, qualifiedKind } from '../model/origin.ts';
import type { TelemetryStore } from '../telemetry/store.ts';
import { fetchAdmin } from './admin-client.ts';
import { graphOf, workloadNodes } from './graph.ts';
import { type HistorySubject, historyOf } from './history.ts';
import type { MeshView, RunningProxy } from './mesh-view.ts';
import { findObjects, objectResponse, summarize } from './objects.ts';
import { proxyStatuses } from './proxies.ts';
import { ApiError, badRequest, integerParameter, type Question } from './question.ts';
import type {
  ExplainResponse,
  GraphResponse,
  HistoryResponse,
  ObjectResponse,
  ObjectsResponse,
  ProblemsResponse,
  ProxiesResponse,
  VersionResponse,
  WorkloadResponse,
  WorkloadsResponse,
} from './types.ts';

export type Mesh = {
  readonly view: MeshView;
  readonly store: TelemetryStore;
  /** By node id; '' when its metrics could be read. */
  readonly scrapeError: (nodeId: string) => string;
  readonly version: string;
};

/** Seconds that live figures cover when nobody says otherwise. */
export const LIVE_WINDOW = 10;
const MAX_WINDOW = 600;

export type Endpoint = {
  /** Segments; `:name` takes one. */
  readonly path: string;
  readonly answer: (mesh: Mesh, question: Question) => unknown;
};

export const endpoints: readonly Endpoint[] = [
  { path: '/api/v1/graph', answer: (mesh, question) => graph(mesh, windowOf(question)) },
  { path: '/api/v1/workloads', answer: (mesh, question) => workloads(mesh, windowOf(question)) },
  { path: '/api/v1/workloads/:namespace/:name', answer: workload },
  { path: '/api/v1/history', answer: history },
  { path: '/api/v1/objects', answer: ({ view }) => objects(view) },
  { path: '/api/v1/objects/:kind/:namespace/:name', answer: object },
  { path: '/api/v1/problems', answer: ({ view }) => problems(view) },
  { path: '/api/v1/proxies', answer: (mesh) => proxies(mesh) },
  {
    path: '/api/v1/proxies/:name/config_dump',
    answer: (mesh, question) => adminJson(mesh, question, '/config_dump?include_eds'),
  },
  { path: '/api/v1/proxies/:name/certs', answer: (mesh, question) => adminJson(mesh, question, '/certs') },
  { path: '/api/v1/explain', answer: explain },
  { path: '/api/v1/version', answer: version },
];

export function graph({ view, store }: Mesh, window: number): GraphResponse {
  return graphOf(proxyRefs(view), store.window(window), store.at, window);
}

export const objects = (view: MeshView): ObjectsResponse => ({ objects: summarize(view) });
export const problems = (view: MeshView): ProblemsResponse => ({ problems: view.problems() });
export const proxies = (mesh: Mesh): ProxiesResponse => ({ proxies: proxyStatuses(mesh.view, mesh.scrapeError) });

const proxyRefs = (view: MeshView) => view.plans().map((plan) => plan.proxy);

function workloads({ view, store }: Mesh, window: number): WorkloadsResponse {
  return { window, workloads: workloadNodes(proxyRefs(view), store.window(window)) };
}

function workload(mesh: Mesh, question: Question): WorkloadResponse {
  const id = `${question.parameter('namespace')}/${question.parameter('name')}`;
  const { nodes, edges } = graph(mesh, windowOf(question));
  const node = nodes.find((one) => one.id === id);
  if (node === undefined) throw new ApiError(404, `there is no workload ${id}`, 'tulle stat lists them');
  const own = proxyStatuses(mesh.view, mesh.scrapeError).filter(
    (proxy) => `${proxy.namespace}/${proxy.workload}` === id,
  );
  const keys = [...new Set(own.flatMap(({ nodeId }) => mesh.view.origins(nodeId)))].sort();
  const known = new Map(mesh.view.objects().map((one) => [objectKey(refOf(one)), refOf(one)]));
  return {
    workload: node,
    proxies: own,
    objects: keys.flatMap((key) => known.get(key) ?? []),
    inbound: edges.filter(({ to }) => to === id),
    outbound: edges.filter(({ from }) => from === id),
  };
}

function history({ view, store }: Mesh, question: Question): HistoryResponse {
  const step = integerParameter(question, 'step', 5, 1, 60);
  const points = integerParameter(question, 'points', 60, 1, 120);
  if (points * step > MAX_WINDOW)
    throw badRequest(`points × step is over ${MAX_WINDOW} seconds`, 'ten minutes are kept');
  return historyOf(store, subjectOf(view, question), points, step);
}

function subjectOf(view: MeshView, question: Question): HistorySubject {
  const [from, to, id] = [question.query('from'), question.query('to'), question.query('workload')];
  if (from !== null && to !== null) return { kind: 'edge', from, to };
  if (id === null) throw badRequest('neither workload nor from and to are given', 'workload=<namespace>/<name>');
  const [namespace, name] = id.split('/');
  const ref = proxyRefs(view).find(({ workload: own }) => own.namespace === namespace && own.workload === name);
  return { kind: ref?.kind === 'gateway' ? 'gateway' : 'workload', id };
}

/** `-` stands for no namespace. */
function object({ view }: Mesh, question: Question): ObjectResponse {
  const kind = question.parameter('kind');
  const name = question.parameter('name');
  const namespace = question.parameter('namespace').replace(/^-$/, '');
  const found = findObjects(view, { kind, namespace, name });
  const [only] = found;
  if (only === undefined)
    throw new ApiError(404, `there is no ${kind} ${namespace}/${name}`, 'tulle get lists the objects');
  if (found.length === 1) return objectResponse(view, only);
  const kinds = found.map((one) => qualifiedKind(refOf(one))).join(', ');
  throw badRequest(`${kind} ${namespace}/${name} is ambiguous`, `say one of ${kinds}`);
}

async function adminJson({ view }: Mesh, question: Question, path: string): Promise<unknown> {
  const proxy = findProxy(view, question.parameter('name'));
  const { admin } = proxy;
  if (admin === null)
    throw new ApiError(409, `${proxy.name} is a gRPC client without a proxy: it shows its configuration to nobody`, '');
  try {
    return JSON.parse((await fetchAdmin(admin, path)).toString('utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ApiError(502, `the admin interface of ${proxy.name} cannot be read: ${reason}`, 'is the proxy running?');
  }
}

/** `name`, or `name.namespace` where several have the name. */
function findProxy(view: MeshView, name: string): RunningProxy {
  const found = view.proxies().filter((proxy) => proxy.name === name || `${proxy.name}.${proxy.namespace}` === name);
  const [only] = found;
  if (only === undefined) throw new ApiError(404, `there is no proxy ${name}`, 'tulle proxy list lists them');
  if (found.length === 1) return only;
  throw badRequest(
    `${name} is ambiguous`,
    `say one of ${found.map((proxy) => `${proxy.name}.${proxy.namespace}`).join(', ')}`,
  );
}

const MAX_HEADERS = 64;

function explain({ view }: Mesh, question: Question): ExplainResponse {
  const from = question.query('from');
  const to = question.query('to');
  if (from === null || to === null) throw badRequest('from and to are needed', 'from=frontend&to=http://catalog/');
  const headers = question.queries('header').slice(0, MAX_HEADERS).map(splitHeader);
  const result = view.explain({ from, to, method: question.query('method') ?? 'GET', headers });
  if (result.kind === 'error') throw badRequest(result.error, result.hint);
  return result.answer;
}

function splitHeader(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw badRequest(`header "${text.slice(0, 60)}" has no name`, 'header=name:value');
  return [text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()];
}

function version(mesh: Mesh): VersionResponse {
  return { version: mesh.version, node: process.version, uptimeSeconds: Math.round(process.uptime()) };
}

const windowOf = (question: Question): number => integerParameter(question, 'window', LIVE_WINDOW, 1, MAX_WINDOW);
