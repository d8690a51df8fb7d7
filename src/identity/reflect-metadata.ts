// @peculiar/x509 finds its algorithms through tsyringe, which refuses to load without the Reflect metadata proposal.
// These three functions are all it calls; the file must be imported before the library.
type Metadata = Map<unknown, unknown>;

const metadata = new WeakMap<object, Metadata>();

Object.assign(Reflect, {
  defineMetadata(key: unknown, value: unknown, target: object): void {
    const entries: Metadata = metadata.get(target) ?? new Map();
    metadata.set(target, entries.set(key, value));
  },
  getMetadata: (key: unknown, target: object): unknown => metadata.get(target)?.get(key),
  getOwnMetadata: (key: unknown, target: object): unknown => metadata.get(target)?.get(key),
});
