// What the HTTP API answers: shared by the server, the CLI and the dashboard (which imports types only).
import type { Dialect, ObjectRef, Origin } from '../model/origin.ts';
import type { Problem } from '../model/problem.ts';

/** Every answer that is not 2xx. `hint` is '' when there is nothing to add. */
export type ErrorResponse = { readonly error: string; readonly hint: string };

/** Rates are per second over the asked window; latencies in milliseconds; null where there is nothing to measure. */
export type Golden = {
  readonly rate: number;
  /** Share that did not fail (5xx, no answer) of those that policy let pass, 0-1. */
  readonly success: number | null;
  /** Requests per second that policy refused: neither success nor failure. */
  readonly denied: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** Share over mutual TLS, 0-1. */
  readonly encrypted: number | null;
};

/** `outside`: a caller without a proxy. `service`: a destination no instance of which is known. */
export type NodeKind = 'workload' | 'gateway' | 'outside' | 'service';

export type GraphNode = {
  /** `<namespace>/<workload>`; stable while the workload exists. */
  readonly id: string;
  readonly kind: NodeKind;
  readonly name: string;
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
  /** SPIFFE id, '' when unknown. */
  readonly identity: string;
  readonly proxies: number;
  readonly inbound: Golden;
};

export type GraphEdge = {
  /** `<from>><to>` */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** Names the caller used: `catalog.shop`. */
  readonly services: readonly string[];
  readonly golden: Golden;
};

export type GraphResponse = {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Seconds the rates cover. */
  readonly window: number;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
};

export type WorkloadsResponse = { readonly window: number; readonly workloads: readonly GraphNode[] };

/** One workload with everything that touches it. */
export type WorkloadResponse = {
  readonly workload: GraphNode;
  readonly proxies: readonly ProxyStatus[];
  /** Objects that shaped what its proxies do. */
  readonly objects: readonly ObjectRef[];
  readonly inbound: readonly GraphEdge[];
  readonly outbound: readonly GraphEdge[];
};

/** Equally spaced points, oldest first; `start` is the first one's time in milliseconds since 1970, `step` in seconds. */
export type HistoryResponse = {
  readonly start: number;
  readonly step: number;
  readonly rate: readonly number[];
  readonly failed: readonly number[];
  readonly denied: readonly number[];
  readonly p50: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
};

/** How far an object has come: proxies that run it, of those it concerns. `millis` from the change to the last of them. */
export type Applied = {
  readonly applied: number;
  readonly total: number;
  readonly rejected: number;
  readonly millis: number | null;
};

export type ObjectSummary = ObjectRef & {
  readonly apiVersion: string;
  readonly dialect: Dialect;
  /** '' and 0 when the object did not come from a file. */
  readonly file: string;
  readonly line: number;
  readonly problems: readonly Problem[];
  readonly applied: Applied;
};

export type ObjectsResponse = { readonly objects: readonly ObjectSummary[] };
/** `yaml` has the values of Secrets redacted. */
export type ObjectResponse = { readonly object: ObjectSummary; readonly yaml: string };
export type ProblemsResponse = { readonly problems: readonly Problem[] };

export type SyncStatus = {
  /** `cluster`, `endpoints`, `listener`, `routes`, `secret`. */
  readonly type: string;
  readonly state: 'synced' | 'pending' | 'rejected' | 'not-asked';
  readonly resources: number;
  /** What the proxy answered when it rejected; '' otherwise. */
  readonly error: string;
};

export type ProxyStatus = {
  readonly name: string;
  readonly namespace: string;
  readonly workload: string;
  readonly nodeId: string;
  readonly dataPlane: string;
  readonly identity: string;
  /** Its admin interface, `host:port`; '' when it has none. */
  readonly admin: string;
  readonly pid: number | null;
  readonly connected: boolean;
  readonly sync: readonly SyncStatus[];
  /** RFC 3339, or null when not known. */
  readonly certificateExpires: string | null;
  /** Why its metrics could not be read last time; '' when they could. */
  readonly scrapeError: string;
};

export type ProxiesResponse = { readonly proxies: readonly ProxyStatus[] };

/** What `explain` is asked. `to` is an absolute http URL. */
export type ExplainQuery = {
  /** Workload, `<namespace>/<name>` or a name that is unique. */
  readonly from: string;
  readonly to: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
};

/** One decision on a request's way, in order. */
export type ExplainStep = {
  readonly stage: 'listener' | 'route' | 'cluster' | 'endpoint' | 'transport' | 'policy';
  readonly outcome: 'passed' | 'refused' | 'note';
  /** What was decided, one line. */
  readonly text: string;
  readonly origin: Origin | null;
};

export type ExplainResponse = {
  readonly verdict: 'forwarded' | 'denied' | 'answered' | 'failed';
  /** Status the proxy answers by itself; null when the application answers. */
  readonly status: number | null;
  readonly summary: string;
  readonly steps: readonly ExplainStep[];
};

export type VersionResponse = { readonly version: string; readonly node: string; readonly uptimeSeconds: number };

/** Name of a server-sent event → its payload. */
export type MeshEvents = {
  readonly graph: GraphResponse;
  readonly objects: ObjectsResponse;
  readonly problems: ProblemsResponse;
  readonly proxies: ProxiesResponse;
};
