// A bootstrap looked at without starting anything: what would be refused, all of it at once.
import type { Bootstrap } from '../bootstrap/bootstrap.ts';
import type { Decoders } from './decoders.ts';
import { requireClustersOf } from './required-clusters.ts';

type Named = { readonly name: string };

/** One line per static resource that cannot be used: its place, its name and the path within it. */
export function faultsOfStatic(
  { clusters, listeners, secrets }: Pick<Bootstrap, 'clusters' | 'listeners' | 'secrets'>,
  decoders: Pick<Decoders, 'decodeCluster' | 'decodeListener' | 'decodeSecret'>,
): readonly string[] {
  const exists = (name: string) => clusters.some((one) => one.name === name);
  return [
    ...faultsOf('clusters', clusters, decoders.decodeCluster),
    ...faultsOf('listeners', listeners, (one) => requireClustersOf(decoders.decodeListener(one), exists)),
    ...faultsOf('secrets', secrets, decoders.decodeSecret),
  ];
}

function faultsOf<T extends Named>(kind: string, resources: readonly T[], decode: (resource: T) => unknown): string[] {
  return resources.flatMap((one, at) => {
    try {
      decode(one);
      return [];
    } catch (error) {
      return [`static_resources.${kind}[${at}]: ${error instanceof Error ? error.message : String(error)}`];
    }
  });
}
