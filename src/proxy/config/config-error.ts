// Why a resource is refused. The message begins with the field's path and goes to the control plane as the NACK's reason.

export class ConfigError extends Error {
  constructor(path: string, reason: string) {
    super(path === '' ? reason : `${path}: ${reason}`);
    this.name = 'ConfigError';
  }
}

/** Path of a field of the message at `path`; the resource itself has the path ''. */
export function at(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`;
}

/** Applies `each` to every element with its own path. */
export function mapAt<From, To>(
  list: readonly From[],
  path: string,
  each: (element: From, path: string, index: number) => To,
): To[] {
  return list.map((element, index) => each(element, `${path}[${index}]`, index));
}
