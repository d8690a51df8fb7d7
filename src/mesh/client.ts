// Clients that get the same configuration, however many proxies they are: everything made for a client is made once per class.
import type { RequestMatch } from '../model/match.ts';
import type { Labels } from '../model/service.ts';
import type { Mesh } from './merge.ts';

export type ClientClass = {
  /** Equal for equal classes. */
  readonly key: string;
  /** '' stands for every namespace that no route or policy singles out. */
  readonly namespace: string;
  readonly labels: Labels;
  /** Proxyless clients speak plain text to the application itself. */
  readonly proxyless: boolean;
};

export function classOf(mesh: Mesh, namespace: string, labels: Labels, proxyless: boolean): ClientClass {
  const scoped = mesh.clientScope.namespaces.has(namespace) ? namespace : '';
  const relevant = mesh.clientScope.labels
    .filter((key) => Object.hasOwn(labels, key))
    .map((key) => [key, labels[key] ?? '']);
  return {
    key: JSON.stringify([scoped, relevant, proxyless]),
    namespace: scoped,
    labels: Object.fromEntries(relevant),
    proxyless,
  };
}

export function isClient(wanted: RequestMatch['client'], client: ClientClass): boolean {
  if (wanted === null) return true;
  const { namespace, labels } = wanted;
  if (namespace !== null && namespace !== client.namespace) return false;
  return Object.entries(labels).every(([key, value]) => client.labels[key] === value);
}
