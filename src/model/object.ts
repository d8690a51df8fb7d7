// An object as a source hands it to the readers: parsed, not yet understood.
import type { ObjectRef } from './origin.ts';

/** Finds the line of a field: `['spec', 'http', 0]` → 1-based line of that node, or of its nearest ancestor that is there. */
export type Place = { readonly file: string; line(path: readonly (string | number)[]): number };

export type MeshObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** 'default' when a namespaced object names none; '' for cluster-scoped kinds. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339, or '' when unknown (files): sorts as oldest, then by namespace and name. */
  readonly created: string;
  /** The whole object as parsed: readers take `spec` and the rest from here. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly place: Place | null;
};

export const refOf = ({ apiVersion, kind, namespace, name }: MeshObject): ObjectRef => ({
  group: groupOf(apiVersion),
  kind,
  namespace,
  name,
});

/** `networking.istio.io` of `networking.istio.io/v1`; '' is Kubernetes' core. */
export const groupOf = (apiVersion: string): string => apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')));
