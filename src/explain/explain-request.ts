// One request from a listener of the client's (or gateway's) proxy to its end: every decision, and the object behind it.

import type { EndpointConfig } from '../proxy/config/cluster-types.ts';
import { noRuntime } from '../proxy/config/runtime-keys.ts';
import type { HttpConnectionConfig, ListenerConfig } from '../proxy/config/types.ts';
import type { Exchange } from '../proxy/http/exchange.ts';
import type { RequestHead } from '../proxy/http/message.ts';
import type { ForwardAction, RouteEntry } from '../proxy/route/table.ts';
import { conclude, type Ending, type Explanation, percent, type Step, step } from './explanation.ts';
import { originIn } from './origin.ts';
import { judge } from './policies.ts';
import { normalize, type RequestQuestion, rehearse, requestHead } from './rehearsal.ts';
import type { ProxyResources } from './resources.ts';
import { serve } from './server-side.ts';
import { type Choice, choicesOf } from './weights.ts';

export type Asked = {
  readonly client: ProxyResources;
  /** SPIFFE id of the client's proxy. */
  readonly identity: string;
  /** Name of the listener that takes the request. */
  readonly listener: string;
  readonly request: RequestQuestion;
  /** What the proxy bound there is served; null when there is no proxy. */
  readonly serverAt: (address: string, port: number) => ProxyResources | null;
};

type Ended = { readonly steps: readonly Step[]; readonly ending: Ending };

export function explainRequest(asked: Asked): Explanation {
  const listener = asked.client.listener(asked.listener);
  const chain = listener?.chains[0] ?? listener?.defaultChain ?? null;
  if (listener === null || chain === null) return refuse([], 'listener', `there is no listener ${asked.listener}`, 503);
  const taken = step(
    'listener',
    'passed',
    `${listener.name} on ${listener.address}:${listener.port}`,
    originIn(listener.metadata),
  );
  const exchange = rehearse(requestHead(asked.request), null);
  if (chain.network.kind !== 'http') return refuse([taken], 'listener', `${listener.name} speaks no HTTP`, 503);
  const { http } = chain.network;
  if (!normalize(exchange, http)) return refuse([taken], 'listener', `the path ${asked.request.path} is refused`, 400);
  const judged = judge(listener, http, exchange, listener.name);
  const steps = [taken, ...judged.steps];
  if (judged.refusal !== null) return conclude([{ ...judged.refusal, share: 1 }], steps);
  return explainRoute(asked, listener, http, exchange, steps);
}

function explainRoute(
  asked: Asked,
  { name }: ListenerConfig,
  http: HttpConnectionConfig,
  exchange: Exchange,
  before: readonly Step[],
): Explanation {
  const { request } = exchange;
  const entry = asked.client.routesOf(http)?.match(request, exchange, () => 0) ?? null;
  if (entry === null) {
    return refuse(
      before,
      'route',
      `no route of ${name} takes ${request.method} ${request.authority}${request.path}`,
      404,
    );
  }
  const origin = originIn(entry.metadata);
  const chosen = step('route', 'passed', `route ${entry.name} of ${entry.virtualHost}`, origin);
  const { action } = entry;
  if (action.kind === 'forward') {
    const choices = choicesOf(
      http.routes.kind === 'rds' ? asked.client.routeConfiguration(http.routes.name) : null,
      entry,
    );
    const ends = choices.flatMap((choice) => explainChoice(asked, entry, action, choice, exchange));
    return conclude(
      ends.map(({ ending }) => ending),
      [...before, chosen, ...noteForward(action, request), ...ends.flatMap(({ steps }) => steps)],
    );
  }
  const text =
    action.kind === 'redirect' ? `redirected to ${action.location(exchange)}` : `answered by the route ${entry.name}`;
  return conclude(
    [{ share: 1, verdict: 'answered', status: action.status, text }],
    [...before, chosen, step('route', 'note', text, origin)],
  );
}

function noteForward({ timeout, retry, mirrors }: ForwardAction, request: RequestHead): readonly Step[] {
  const said = [
    ...(timeout > 0 ? [`timeout ${timeout} ms`] : []),
    ...(retry === null || retry.retries === 0 ? [] : [`up to ${retry.retries} retries`]),
    ...mirrors.map(({ clusterFor, share }) => `${percent(share(noRuntime))} mirrored to ${clusterFor(request)}`),
  ];
  return said.length === 0 ? [] : [step('route', 'note', said.join(', '))];
}

function explainChoice(
  asked: Asked,
  entry: RouteEntry,
  action: ForwardAction,
  { share, at }: Choice,
  exchange: Exchange,
): readonly Ended[] {
  const picked = action.pickCluster(exchange.request, at);
  const cluster = asked.client.cluster(picked.cluster);
  if (cluster === null) {
    const text = `backend ${picked.cluster} does not exist`;
    const ending: Ending = { share, verdict: 'failed', status: action.clusterNotFoundStatus, text };
    return [{ steps: [step('cluster', 'refused', `${percent(share)} ${text}`, originIn(entry.metadata))], ending }];
  }
  const chosen = step('cluster', 'passed', `${percent(share)} to ${cluster.name}`, originIn(cluster.metadata));
  const endpoints = asked.client.endpoints(cluster);
  if (endpoints.length === 0) {
    const text = `${cluster.name} has no ready endpoint`;
    return [
      { steps: [chosen, step('endpoint', 'refused', text)], ending: { share, verdict: 'failed', status: 503, text } },
    ];
  }
  const head = sentHead(entry, action, picked, exchange);
  const groups = Map.groupBy(endpoints, workloadOf);
  return [...groups].map(([workload, group], i) => {
    const tls = cluster.tls.find(({ when }) => isPart(when, group[0] as EndpointConfig))?.tls ?? null;
    const served = arrive(asked, head, group, workload, tls !== null);
    const steps = i === 0 ? [chosen, ...served.steps] : served.steps;
    return { steps, ending: { ...served.ending, share: (share * group.length) / endpoints.length } };
  });
}

/** Header edits and rewrites of the route, then of the cluster, on a copy: the original is asked again for the next choice. */
function sentHead(
  entry: RouteEntry,
  action: ForwardAction,
  picked: ReturnType<ForwardAction['pickCluster']>,
  exchange: Exchange,
): RequestHead {
  const sent = rehearse(exchange.request, null);
  picked.editRequest(sent);
  entry.editRequest(sent);
  action.rewrite(sent, false);
  return sent.request;
}

/** Endpoints of one workload are alike: the first speaks for them. */
function arrive(asked: Asked, head: RequestHead, group: readonly EndpointConfig[], workload: string, tls: boolean) {
  const [first] = group as [EndpointConfig, ...EndpointConfig[]];
  const names = group.map(({ address, port }) => `${address}:${port}`).join(', ');
  const where = workload === '' ? names : `${workload} (${names})`;
  const found = step('endpoint', 'passed', where);
  const listener = asked.serverAt(first.address, first.port)?.listenerAt(first.address, first.port) ?? null;
  if (listener === null) {
    const text = `forwarded to ${where}, which has no proxy`;
    return {
      steps: [found, step('transport', 'note', `plain text to ${where}: it has no proxy`)],
      ending: { verdict: 'forwarded', status: null, text } as const,
    };
  }
  const served = serve(listener, { head, tls, identity: asked.identity, where: workload || names });
  return { steps: [found, ...served.steps], ending: served.ending };
}

function workloadOf({ metadata }: EndpointConfig): string {
  const workload = metadata['tulle.workload'];
  if (typeof workload !== 'object' || workload === null) return '';
  return String((workload as Record<string, unknown>)['workload'] ?? '');
}

/** Whether everything in `when` is in the endpoint's `envoy.transport_socket_match`. */
function isPart(when: Readonly<Record<string, unknown>>, { metadata }: EndpointConfig): boolean {
  const match = (metadata['envoy.transport_socket_match'] ?? {}) as Record<string, unknown>;
  return Object.entries(when).every(([key, value]) => match[key] === value);
}

function refuse(steps: readonly Step[], stage: Step['stage'], text: string, status: number): Explanation {
  return conclude([{ share: 1, verdict: 'failed', status, text }], [...steps, step(stage, 'refused', text)]);
}
