// Reads Envoy's config_dump JSON (our proxy answers in the same form) just far enough for a table.

export type Json = { readonly [key: string]: unknown };

/** `listener`, `route_config`, `cluster`, `endpoint_config`: the resources of one kind, dynamic and static, without their wrapping. */
export function resourcesOf(dump: unknown, kind: ResourceKind): Json[] {
  return list(record(dump)['configs'])
    .flatMap((section) => Object.values(record(section)).flatMap(list))
    .flatMap((entry) => [record(entry), record(record(entry)['active_state'])])
    .map((entry) => entry[kind])
    .filter((resource) => resource !== undefined)
    .map(record);
}

export type ResourceKind = 'listener' | 'route_config' | 'cluster' | 'endpoint_config';

export const record = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const text = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

/** `127.0.0.1:8080` of a core.v3.Address. */
export function addressOf(address: unknown): string {
  const { socket_address: socket, pipe } = record(address);
  const { address: host, port_value: port } = record(socket);
  return socket === undefined ? text(record(pipe)['path']) : `${text(host)}:${text(port)}`;
}

/** `HTTPRoute shop/web demo/web.yaml:12` of a resource's `tulle.origin` metadata. */
export function originOf(metadata: unknown): string {
  const origin = record(record(record(metadata)['filter_metadata'])['tulle.origin']);
  if (origin['kind'] === undefined) return '';
  const namespace = text(origin['namespace']);
  const name = namespace === '' ? text(origin['name']) : `${namespace}/${text(origin['name'])}`;
  const file = text(origin['file']);
  return `${text(origin['kind'])} ${name}${file === '' ? '' : ` ${file}:${text(origin['line'])}`}`;
}
