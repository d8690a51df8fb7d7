// What the API needs to know about a running mesh. The control plane gives it; tests give a fake.
import type { ProxyPlan } from '../mesh/plan.ts';
import type { MeshObject } from '../model/object.ts';
import type { Problem } from '../model/problem.ts';
import type { Applied, ExplainQuery, ExplainResponse, SyncStatus } from './types.ts';

/** A proxy that runs somewhere, whoever started it. */
export type RunningProxy = {
  readonly name: string;
  readonly namespace: string;
  readonly workload: string;
  readonly nodeId: string;
  /** null: it has none (a proxyless client). */
  readonly admin: { readonly host: string; readonly port: number } | null;
  readonly dataPlane: 'tulle' | 'envoy' | 'proxyless';
  readonly pid: number | null;
};

/** What a question to `explain` gives: an answer, or why it cannot be asked. */
export type ExplainResult =
  | { readonly kind: 'answer'; readonly answer: ExplainResponse }
  | { readonly kind: 'error'; readonly error: string; readonly hint: string };

/** Everything is read at the time of asking; nothing throws. */
export type MeshView = {
  objects(): readonly MeshObject[];
  problems(): readonly Problem[];
  plans(): readonly ProxyPlan[];
  proxies(): readonly RunningProxy[];
  /** Key: `objectKey` of the object. */
  applied(key: string): Applied;
  /** `null`: the proxy of that node id has no stream. */
  sync(nodeId: string): readonly SyncStatus[] | null;
  /** `objectKey`s of the objects that shaped what that proxy got. */
  origins(nodeId: string): readonly string[];
  /** RFC 3339, or null when nobody knows. */
  certificateExpires(nodeId: string): string | null;
  explain(query: ExplainQuery): ExplainResult;
  /** Calls back after any change of configuration or of its being applied; the returned function ends that. */
  onChange(listener: () => void): () => void;
};
