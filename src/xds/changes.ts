// What one type of a snapshot holds that the client of a stream does not have, or has and should no longer have.
import type { Changes } from './protocol.ts';
import type { EncodedResource } from './resource.ts';
import type { Subscription } from './subscription.ts';

const nothing: ReadonlyMap<string, EncodedResource> = new Map();

/** `releasable`: what is gone from the snapshot is used by nothing on the client any more. */
export function findChanges(
  subscription: Subscription,
  resources: ReadonlyMap<string, EncodedResource> = nothing,
  releasable: boolean,
): Changes {
  const all = (): EncodedResource[] => {
    if (subscription.wildcard) return [...resources.values()];
    return [...subscription.names].flatMap((name) => resources.get(name) ?? []);
  };
  const upserts = all().filter(
    ({ name, version }) => subscription.requested.has(name) || subscription.sent.get(name)?.version !== version,
  );
  const gone = [...subscription.sent].filter(([name]) => !resources.has(name) && subscription.covers(name));
  const absent = [...subscription.requested].filter((name) => !resources.has(name) && !subscription.sent.has(name));
  return {
    upserts,
    removals: releasable ? gone.map(([name]) => name) : [],
    held: releasable ? [] : gone.flatMap(([, { resource }]) => resource ?? []),
    absent,
    all,
  };
}
