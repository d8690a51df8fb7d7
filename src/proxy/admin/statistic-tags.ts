// What of a statistic's name is a tag (Envoy's tag extraction): parts that are found by rule are cut out of the name, and stand beside it.
//
//   cluster.a.b.upstream_rq_2xx          cluster.upstream_rq_xx
//           └┬┘─            ─    ──►     envoy.cluster_name a.b, envoy.response_code_class 2
import { remembered } from '../../lib/remembered.ts';
import type { OwnTag, TagRules } from '../bootstrap/stats-tags.ts';

type Tags = readonly (readonly [name: string, value: string])[];

/** The same object for the same name. */
type TaggedName = { readonly name: string; readonly tags: Tags };

export type NameTagger = (name: string) => TaggedName;

/** A tag, and where the name has what is left out for it. */
type Part = { readonly tag: string; readonly value: string; readonly from: number; readonly to: number };

/** Of several parts for one tag the first counts. */
export function nameTagger({ defaults, early, late }: TagRules): NameTagger {
  return remembered((name) => {
    const fixed = endpointParts(name);
    if (fixed.length > 0) return taggedName(name, fixed);
    const found = defaultParts(name);
    const parts = new Map<string, Part>();
    const note = (part: Part): void => {
      if (!parts.has(part.tag)) parts.set(part.tag, part);
    };
    const chosen = (part: Part): boolean => defaults.has(part.tag);
    found.inner.filter(chosen).forEach(note);
    ownParts(name, early).forEach(note);
    found.scope.filter(chosen).forEach(note);
    ownParts(name, late).forEach(note);
    return taggedName(name, [...parts.values()]);
  });
}

function taggedName(name: string, parts: readonly Part[]): TaggedName {
  return { name: without(name, parts), tags: parts.map(({ tag, value }) => [tag, value]) };
}

const SCOPES: Readonly<Record<string, string>> = {
  cluster: 'envoy.cluster_name',
  http: 'envoy.http_conn_manager_prefix',
  listener: 'envoy.listener_address',
  tcp: 'envoy.tcp_prefix',
};

/** Scopes that stand between a name, which may hold dots itself, and a field. */
const INNER =
  /\.((?:ssl|outlier_detection|circuit_breakers\.(?:default|high)|rbac|fault|cors|csrf|ext_authz|ext_proc|jwt_authn|ratelimit|http_local_rate_limit|health_check|health|tracing|grpc|compressor|decompressor|buffer|http1|http2|upgrades)\.[\w.]*)$/;

/** Where a worker's own figure begins. */
const WORKER = /(?<=\.)worker_\d+\.\w+$/;

/** Parts within a name: the first group is cut, the second is the value. */
const WITHIN: readonly (readonly [tag: string, pattern: RegExp])[] = [
  ['envoy.worker_id', /\.worker_((\d+)\.)\w+$/d],
  ['envoy.response_code_class', /_rq_((\d))xx$/d],
  ['envoy.response_code', /_rq(_(\d{3}))$/d],
  ['envoy.ext_authz_prefix', /\.ext_authz\.((\w+)\.)\w+$/d],
  ['envoy.rbac_policy_name', /\.rbac\.(?:.*\.)?policy\.((.+)\.)\w+$/d],
  ['envoy.rbac_http_prefix', /^http\..*\.rbac\.((?!policy\.)(\w+)\.)[\w.]+$/d],
  ['envoy.local_http_ratelimit_prefix', /^((.+)\.)http_local_rate_limit\.\w+$/d],
  ['envoy.grpc_bridge_service', /^cluster\..*\.grpc\.(([^.]+)\.)[^.]+\.\w+$/d],
  ['envoy.grpc_bridge_method', /^cluster\..*\.grpc\.[^.]+\.(([^.]+)\.)\w+$/d],
  ['envoy.virtual_host', /^vhost\.((.+)\.)(?:vcluster|route)\.[^.]+\.\w+$/d],
  ['envoy.virtual_cluster', /^vhost\..+\.vcluster\.(([^.]+)\.)\w+$/d],
  ['envoy.route', /^vhost\..+\.route\.(([^.]+)\.)\w+$/d],
];

/** What happened at one endpoint, whatever rules there are: its address is as it was before it became part of a name. */
const ENDPOINT =
  /^cluster\.((.+)\.)endpoint\.((.+)\.)(?:cx_(?:active|connect_fail|total)|rq_(?:active|error|pending_active|success|timeout|total)|healthy)$/d;

function endpointParts(name: string): Part[] {
  const found = ENDPOINT.exec(name);
  if (found === null) return [];
  const [cluster, address] = [found.indices![1]!, found.indices![3]!];
  return [
    { tag: 'envoy.cluster_name', value: found[2]!, from: cluster[0], to: cluster[1] },
    { tag: 'envoy.endpoint_address', value: addressIn(found[4]!), from: address[0], to: address[1] },
  ];
}

function addressIn(text: string): string {
  const [, host, port] = /^(\d+\.\d+\.\d+\.\d+|\[[\da-f_.]+\])_(\d+)$/.exec(text) ?? [];
  return host === undefined ? text : `${host.replaceAll('_', ':')}:${port}`;
}

function defaultParts(name: string): { readonly inner: readonly Part[]; readonly scope: readonly Part[] } {
  const inner = WITHIN.flatMap(([tag, pattern]) => partOf(tag, pattern, name));
  const [kind = ''] = name.split('.', 1);
  const tag = SCOPES[kind];
  if (tag === undefined) return { inner, scope: [] };
  const from = kind.length + 1;
  const field = WORKER.exec(name)?.index ?? fieldIn(name, kind);
  return { inner, scope: scopePart(tag, name, from, field) };
}

function fieldIn(name: string, kind: string): number {
  const inner = INNER.exec(name.slice(kind.length))?.[1];
  return inner === undefined ? name.lastIndexOf('.') + 1 : name.length - inner.length;
}

/** With the dot after it. */
function scopePart(tag: string, name: string, from: number, to: number): Part[] {
  return to > from ? [{ tag, value: name.slice(from, to - 1), from, to }] : [];
}

function ownParts(name: string, own: readonly OwnTag[]): Part[] {
  return own.flatMap((one): Part[] => {
    const { tag } = one;
    if (one.kind === 'fixed') return [{ tag, value: one.value, from: 0, to: 0 }];
    return partOf(tag, one.pattern, name);
  });
}

function partOf(tag: string, pattern: RegExp, name: string): Part[] {
  const found = pattern.exec(name);
  if (found === null || found.length === 1) return [];
  const value = found.length > 2 ? found[2] : found[1];
  const [from, to] = found.indices![1] ?? [0, 0];
  return [{ tag, value: value ?? '', from, to }];
}

/** Parts may overlap. */
function without(name: string, parts: readonly Part[]): string {
  let left = '';
  let at = 0;
  for (const { from, to } of parts.toSorted((a, b) => a.from - b.from)) {
    if (from > at) left += name.slice(at, from);
    at = Math.max(at, to);
  }
  return left + name.slice(at);
}
