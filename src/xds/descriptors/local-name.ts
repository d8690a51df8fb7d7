// The name of a field in TypeScript.

/** Names every object has already; protobuf-es marks them. */
const taken = new Set(['constructor', 'toString', 'toJSON', 'valueOf']);

/** `lb_endpoints` → `lbEndpoints`. In a oneof it is a value (`case`), not a property, and needs no mark. */
export function localNameOf(name: string, inOneof = false): string {
  const local = name.replaceAll(/_+(.?)/g, (_, next: string) => next.toUpperCase());
  return taken.has(local) && !inOneof ? `${local}$` : local;
}
