// A question in a user's words (a workload and a URL) → the proxy and listener it is about, and the answer.
import type { ListenerPlan, ProxyPlan } from '../mesh/plan.ts';
import type { Decoders } from '../proxy/discovery/decoders.ts';
import type { Snapshot } from '../xds/resource.ts';
import { explainRequest } from './explain-request.ts';
import type { Explanation } from './explanation.ts';
import { ProxyResources } from './resources.ts';

export type ExplainedMesh = {
  readonly plans: readonly ProxyPlan[];
  /** By node id; null when that proxy is served nothing. */
  snapshotOf(nodeId: string): Snapshot | null;
};

export type Question = {
  /** Workload, proxy or gateway: `<namespace>/<name>`, or a name that is unique. */
  readonly from: string;
  /** `http://host[:port]/path?query` */
  readonly to: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
};

export type Answer =
  | { readonly kind: 'answer'; readonly answer: Explanation }
  | { readonly kind: 'error'; readonly error: string; readonly hint: string };

export function answerQuestion(mesh: ExplainedMesh, question: Question, decoders: Decoders): Answer {
  const url = URL.parse(question.to);
  if (url?.protocol !== 'http:') return refuse(`${question.to} is not an http URL`, 'as in http://catalog/items');
  const asking = findClient(mesh.plans, question.from);
  if ('error' in asking) return refuse(asking.error, asking.hint);
  const { plan } = asking;
  if (plan.proxy.kind === 'proxyless') {
    const why = `${plan.proxy.name} is a gRPC client without a proxy: its own library decides, not the code of ours`;
    return refuse(why, 'tulle proxy list says whether it has what it is to decide by');
  }
  const snapshot = mesh.snapshotOf(plan.proxy.id);
  if (snapshot === null) return refuse(`proxy ${plan.proxy.name} is served nothing yet`, '');
  const listener = listenerFor(plan, url);
  if (listener === null) {
    const hint =
      plan.listeners
        .filter(takesRequests)
        .map(({ name }) => name)
        .join(', ') || 'it has none';
    return refuse(`proxy ${plan.proxy.name} has no listener for ${url.host}`, hint);
  }
  const servers = new Map(
    mesh.plans.flatMap((each) =>
      each.listeners.flatMap((entry) => addressOf(entry).map((at) => [at, each.proxy.id] as const)),
    ),
  );
  const answer = explainRequest({
    client: new ProxyResources(snapshot, decoders),
    identity: plan.proxy.identity,
    listener: listener.name,
    request: {
      method: question.method,
      path: `${url.pathname}${url.search}`,
      authority: url.host,
      headers: question.headers,
    },
    serverAt: (address, port) => {
      const found = mesh.snapshotOf(servers.get(`${address}:${port}`) ?? '');
      return found === null ? null : new ProxyResources(found, decoders);
    },
  });
  return { kind: 'answer', answer };
}

const refuse = (error: string, hint: string): Answer => ({ kind: 'error', error, hint });

/** Replicas of one workload are asked alike: the first speaks for them. */
function findClient(plans: readonly ProxyPlan[], from: string): { plan: ProxyPlan } | { error: string; hint: string } {
  const called = plans.filter(({ proxy }) =>
    [proxy.workload.workload, proxy.name, proxy.workload.app].some(
      (name) => name === from || `${proxy.namespace}/${name}` === from,
    ),
  );
  const names = [...new Set(called.map(({ proxy }) => `${proxy.namespace}/${proxy.workload.workload}`))];
  const [plan] = called;
  if (plan === undefined) {
    const known = [...new Set(plans.map(({ proxy }) => `${proxy.namespace}/${proxy.workload.workload}`))];
    return { error: `no workload with a proxy is called ${from}`, hint: known.slice(0, 20).join(', ') };
  }
  return names.length > 1 ? { error: `${from} is not unique`, hint: names.join(', ') } : { plan };
}

const takesRequests = ({ kind }: ListenerPlan): boolean => kind !== 'inbound';

/** The gateway's port; else the forward proxy, which takes every name; else the listener of the service. */
function listenerFor({ listeners }: ProxyPlan, url: URL): ListenerPlan | null {
  const port = Number(url.port || 80);
  const gateways = listeners.filter((each) => each.kind === 'gateway');
  if (gateways.length > 0)
    return (
      gateways.find(({ bind }) => bind.port === port) ??
      (url.port === '' && gateways.length === 1 ? (gateways[0] ?? null) : null)
    );
  const proxy = listeners.find(({ kind }) => kind === 'forward-proxy');
  return proxy ?? listeners.find(({ kind, name }) => kind === 'outbound' && means(name, url.hostname, port)) ?? null;
}

/** `outbound_80_catalog.shop.svc.cluster.local` is meant by `catalog`, `catalog.shop` and so on. */
function means(listener: string, hostname: string, port: number): boolean {
  const prefix = `outbound_${port}_${hostname}`;
  return listener === prefix || listener.startsWith(`${prefix}.`);
}

const addressOf = (listener: ListenerPlan): readonly string[] =>
  listener.kind === 'inbound' ? [`${listener.bind.host}:${listener.bind.port}`] : [];
