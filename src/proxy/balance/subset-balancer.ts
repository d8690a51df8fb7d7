// Subsets: endpoints that have the metadata which the request asks for, each subset with a balancer of its own. Envoy's rules
// (load balancing, "Load Balancer Subsets"): a request finds a subset when its criteria name exactly the keys of a selector.
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { SubsetConfig, SubsetFallback, SubsetSelector } from '../config/cluster-types.ts';
import type { Balancer, BalancerStats, Endpoint, PickContext, SubsetCriteria } from './balancer.ts';

/** Makes the balancer of some of the endpoints. */
export type MakeBalancer = (endpoints: readonly Endpoint[]) => Balancer;

/** The criterion that holds a list of alternatives, where the configuration allows it. */
const FALLBACK_LIST = 'fallback_list';
const NOBODY: SubsetCriteria = [];

export class SubsetBalancer implements Balancer {
  readonly #config: SubsetConfig;
  readonly #stats: BalancerStats;
  readonly #subsets = new Map<string, Subset>();
  readonly #selectors: ReadonlyMap<string, SubsetSelector>;
  readonly #any: Subset;
  readonly #default: Subset;
  #version = 0;

  constructor(config: SubsetConfig, endpoints: readonly Endpoint[], stats: BalancerStats, make: MakeBalancer) {
    this.#config = config;
    this.#stats = stats;
    this.#selectors = new Map(config.selectors.map((selector) => [selector.keys.join('\n'), selector]));
    for (const [key, members] of groups(config, endpoints)) this.#subsets.set(key, new Subset(members, make));
    this.#any = new Subset(endpoints, make);
    const wanted = criteriaOf(config.defaultSubset);
    this.#default = new Subset(
      endpoints.filter((endpoint) => hasAll(endpoint, wanted, config.listAsAny)),
      make,
    );
    stats.lb_subsets_created += this.#subsets.size;
    stats.lb_subsets_active = this.#subsets.size;
  }

  invalidate(): void {
    this.#version += 1;
  }

  /** The endpoints go: their subsets are counted as removed. */
  retire(): void {
    this.#stats.lb_subsets_removed += this.#subsets.size;
    this.#stats.lb_subsets_active = 0;
  }

  pick(wanted: PickContext): Endpoint | null {
    const { subset } = wanted;
    const list = this.#config.metadataFallback ? subset?.find(([name]) => name === FALLBACK_LIST) : undefined;
    if (subset === null || list === undefined) return this.#pickOnce(subset, wanted);
    const rest = subset.filter((criterion) => criterion !== list);
    for (const alternative of JSON.parse(list[1]) as Record<string, unknown>[]) {
      const picked = this.#pickOnce(merge(rest, criteriaOf(alternative)), wanted);
      if (picked !== null) return picked;
    }
    return null;
  }

  #pickOnce(criteria: SubsetCriteria | null, wanted: PickContext): Endpoint | null {
    if (criteria !== null) {
      const subset = this.#subsets.get(keyOf(criteria));
      if (subset !== undefined) {
        this.#stats.lb_subsets_selected += 1;
        return subset.pick(wanted, this.#version);
      }
      const fallback = this.#selectors.get(criteria.map(([name]) => name).join('\n'))?.fallback ?? null;
      if (fallback !== null) return this.#pickFor(fallback, criteria, wanted);
    }
    const picked = this.#fallback(this.#config.fallback, wanted);
    if (picked !== null) {
      this.#stats.lb_subsets_fallback += 1;
      return picked;
    }
    if (!this.#config.panicModeAny || this.#config.fallback === 'none') return null;
    const last = this.#any.pick(wanted, this.#version);
    if (last !== null) this.#stats.lb_subsets_fallback_panic += 1;
    return last;
  }

  #pickFor(
    fallback: NonNullable<SubsetSelector['fallback']>,
    criteria: SubsetCriteria,
    wanted: PickContext,
  ): Endpoint | null {
    if (typeof fallback === 'string') return this.#fallback(fallback, wanted);
    const fewer = criteria.filter(([name]) => fallback.keys.includes(name));
    return this.#pickOnce(fewer, wanted);
  }

  #fallback(kind: SubsetFallback, wanted: PickContext): Endpoint | null {
    if (kind === 'none') return null;
    return (kind === 'any' ? this.#any : this.#default).pick(wanted, this.#version);
  }
}

/** Its balancer is made when the first request asks for it. */
class Subset {
  readonly #endpoints: readonly Endpoint[];
  readonly #make: MakeBalancer;
  #balancer: Balancer | null = null;
  #version = 0;

  constructor(endpoints: readonly Endpoint[], make: MakeBalancer) {
    this.#endpoints = endpoints;
    this.#make = make;
  }

  pick(wanted: PickContext, version: number): Endpoint | null {
    if (this.#balancer === null) this.#balancer = this.#make(this.#endpoints);
    else if (this.#version !== version) this.#balancer.invalidate();
    this.#version = version;
    return this.#balancer.pick(wanted);
  }
}

/** The members of every subset that has one, by `keyOf` its criteria. */
function groups({ selectors, listAsAny }: SubsetConfig, endpoints: readonly Endpoint[]): Map<string, Endpoint[]> {
  const found = new Map<string, Endpoint[]>();
  for (const { keys, singleHost } of selectors) {
    for (const endpoint of endpoints) {
      for (const criteria of combinations(endpoint, keys, listAsAny)) {
        const key = keyOf(criteria);
        const members = found.get(key);
        if (members === undefined) found.set(key, [endpoint]);
        else if (!singleHost) members.push(endpoint);
      }
    }
  }
  return found;
}

/** What of the keys the endpoint has: nothing when one is missing, several when a value is a list of alternatives. */
function combinations(endpoint: Endpoint, keys: readonly string[], listAsAny: boolean): SubsetCriteria[] {
  const labels = labelsOf(endpoint);
  return keys.reduce<SubsetCriteria[]>(
    (all, name) => {
      const values = valuesOf(labels[name], listAsAny);
      return all.flatMap((criteria) => values.map((value) => [...criteria, [name, value] as const]));
    },
    [NOBODY],
  );
}

function valuesOf(value: unknown, listAsAny: boolean): string[] {
  if (value === undefined) return [];
  return listAsAny && Array.isArray(value) ? value.map(canonicalJson) : [canonicalJson(value)];
}

function hasAll(endpoint: Endpoint, criteria: SubsetCriteria, listAsAny: boolean): boolean {
  const labels = labelsOf(endpoint);
  return criteria.every(([name, value]) => valuesOf(labels[name], listAsAny).includes(value));
}

function labelsOf({ metadata }: Endpoint): Readonly<Record<string, unknown>> {
  const labels = metadata['envoy.lb'];
  return typeof labels === 'object' && labels !== null ? (labels as Record<string, unknown>) : {};
}

function criteriaOf(values: Readonly<Record<string, unknown>>): SubsetCriteria {
  return merge(
    NOBODY,
    Object.entries(values).map(([name, value]) => [name, canonicalJson(value)] as const),
  );
}

/** Sorted; of two with the same name the later one holds. */
function merge(before: SubsetCriteria, after: SubsetCriteria): SubsetCriteria {
  return [...new Map([...before, ...after])].sort(([a], [b]) => (a < b ? -1 : 1));
}

function keyOf(criteria: SubsetCriteria): string {
  return criteria.map(([name, value]) => `${name}\n${value}`).join('\n');
}
