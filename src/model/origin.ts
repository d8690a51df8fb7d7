// Where a piece of the model came from. It travels with every decision down to the proxy, so that "why" has an answer.

export type Dialect = 'kubernetes' | 'gateway-api' | 'istio' | 'linkerd' | 'smi' | 'tulle';

/** An object as users name it. `group` is that of its API ('' for Kubernetes' core), `namespace` '' for cluster-scoped kinds. */
export type ObjectRef = {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
};

export type Origin = ObjectRef & {
  readonly dialect: Dialect;
  /** Field path inside the object, as in `spec.http[0].route[1]`; '' is the object itself. */
  readonly path: string;
  /** File and 1-based line where they are known; `null` for objects that did not come from a file. */
  readonly place: { readonly file: string; readonly line: number } | null;
};

/** What the mesh decides by itself, where no object speaks. */
export const builtIn = (path: string): Origin => ({
  dialect: 'tulle',
  group: '',
  kind: 'Default',
  namespace: '',
  name: 'mesh',
  path,
  place: null,
});

/** `HTTPRoute shop/checkout` (or `Kind name` when cluster-scoped). */
export function describeObject(ref: ObjectRef): string {
  return ref.namespace === '' ? `${ref.kind} ${ref.name}` : `${ref.kind} ${ref.namespace}/${ref.name}`;
}

/** `HTTPRoute shop/checkout spec.rules[0]`: for messages; the place is printed apart. */
export function describeOrigin(origin: Origin): string {
  return origin.path === '' ? describeObject(origin) : `${describeObject(origin)} ${origin.path}`;
}

/** A key for maps and sets, one per object: `Service/shop/cart`, `Gateway.networking.istio.io/shop/door`. */
export const objectKey = (ref: ObjectRef): string => `${qualifiedKind(ref)}/${ref.namespace}/${ref.name}`;

/** As kubectl takes it. Kinds of two groups may share a name: Istio and Gateway API both have a Gateway. */
export const qualifiedKind = ({ group, kind }: Pick<ObjectRef, 'group' | 'kind'>): string =>
  group === '' ? kind : `${kind}.${group}`;

/** For names that people read (of routes, of policies): not unique where two groups have a kind of one name. */
export const objectName = (ref: ObjectRef): string => `${ref.kind}/${ref.namespace}/${ref.name}`;
