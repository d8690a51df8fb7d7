// How the proxy of a workload is run: the most specific setting for it, then what the workload says itself.
import { selects } from '../model/policy.ts';
import type { ProxySettings } from '../model/proxy-settings.ts';
import type { Labels } from '../model/service.ts';
import { compareAge } from './order.ts';

type Owner = { readonly namespace: string; readonly labels: Labels; readonly concurrency: number | null };

/** Threads, 0 for one per core; null: nobody says. Istio: a ProxyConfig goes before an annotation. */
export function concurrencyOf(settings: readonly ProxySettings[], owner: Owner): number | null {
  const applying = settings
    .filter(({ namespace }) => namespace === null || namespace === owner.namespace)
    .filter(({ selector }) => selector === null || selects(selector, owner.labels))
    .toSorted((a, b) => level(b) - level(a) || compareAge(a, b));
  return applying[0]?.concurrency ?? owner.concurrency;
}

function level({ namespace, selector }: ProxySettings): number {
  if (selector !== null) return 2;
  return namespace === null ? 0 : 1;
}
