// What of a statistic's name is a tag (Envoy's tag extraction): parts that are found by rule are cut out of the name, and stand beside it.
//
//   cluster.a.b.upstream_rq_2xx          cluster.upstream_rq_xx
//           └┬┘─            ─    ──►     envoy.cluster_name a.b, envoy.response_code_class 2
import type { OwnTag, TagRules } from '../bootstrap/stats-tags.ts';

type Tags = readonly (readonly [name: string, value: string])[];

export type TaggedName = { readonly name: string; readonly tags: Tags };

export type NameTagger = (name: string) => TaggedName;

/** A tag, and where the name has what is left out for it. */
type Part = { readonly tag: string; readonly value: string; readonly from: number; readonly to: number };

/** Of several parts for one tag the first counts. */
export function nameTagger({ defaults, early, late }: TagRules): NameTagger {
  return (name) => {
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
    const all = [...parts.values()];
    return { name: without(name, all), tags: all.map(({ tag, value }) => [tag, value]) };
  };
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

const WORKER = /\.worker_(\d+)\.\w+$/d;

function defaultParts(name: string): { readonly inner: readonly Part[]; readonly scope: readonly Part[] } {
  const [kind = ''] = name.split('.', 1);
  const tag = SCOPES[kind];
  if (tag === undefined) return NO_PARTS;
  const from = kind.length + 1;
  const worker = WORKER.exec(name);
  if (worker !== null) {
    const [start, end] = worker.indices![1]!;
    return {
      inner: [{ tag: 'envoy.worker_id', value: worker[1]!, from: start, to: end + 1 }],
      scope: scopePart(tag, name, from, worker.index + 1),
    };
  }
  const inner = INNER.exec(name.slice(kind.length))?.[1];
  const field = inner === undefined ? name.lastIndexOf('.') + 1 : name.length - inner.length;
  return { inner: codeParts(name), scope: scopePart(tag, name, from, field) };
}

const NO_PARTS = { inner: [], scope: [] };

/** With the dot after it. */
function scopePart(tag: string, name: string, from: number, to: number): Part[] {
  return to > from ? [{ tag, value: name.slice(from, to - 1), from, to }] : [];
}

function codeParts(name: string): Part[] {
  const [, digits, xx] = /_rq_(\d)(xx|\d\d)$/.exec(name) ?? [];
  if (digits === undefined || xx === undefined) return [];
  const at = name.length - 3;
  if (xx === 'xx') return [{ tag: 'envoy.response_code_class', value: digits, from: at, to: at + 1 }];
  return [{ tag: 'envoy.response_code', value: `${digits}${xx}`, from: at - 1, to: name.length }];
}

function ownParts(name: string, own: readonly OwnTag[]): Part[] {
  return own.flatMap((one): Part[] => {
    const { tag } = one;
    if (one.kind === 'fixed') return [{ tag, value: one.value, from: 0, to: 0 }];
    const found = one.pattern.exec(name);
    if (found === null || found.length === 1) return [];
    const value = found.length > 2 ? found[2] : found[1];
    const [from, to] = found.indices![1] ?? [0, 0];
    return [{ tag, value: value ?? '', from, to }];
  });
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
