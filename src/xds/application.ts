// How far one object has come: on how many of the proxies it concerns it is applied, rejected, and how long that took.
import type { EncodedResource } from './resource.ts';
import type { NodeStatus } from './status.ts';

export type Application = {
  /** Proxies whose snapshot holds a resource the object shaped. */
  readonly proxies: number;
  /** Those that acknowledged all of these resources (of the ones they ask for). */
  readonly applied: number;
  /** Those that refused one of them. */
  readonly rejected: number;
  /** The refusals' texts, each once. */
  readonly errors: readonly string[];
  /** From the object's latest change to its last acknowledgement; null while none is applied. */
  readonly milliseconds: number | null;
};

/** A resource and when (milliseconds since the epoch) it got its version. */
export type DatedResource = { readonly resource: EncodedResource; readonly since: number };

export type NodeView = { readonly resources: readonly DatedResource[]; readonly status: NodeStatus | undefined };

/** Changes this close together are one change that reached the proxies one after the other. */
const SAME_CHANGE = 1000;

export function measureApplication(nodes: readonly NodeView[]): Application {
  const concerned = nodes.filter((node) => node.resources.length > 0);
  const dates = concerned.flatMap((node) => node.resources.map((dated) => dated.since));
  const latest = dates.reduce((a, b) => Math.max(a, b), 0);
  const errors = new Set<string>();
  let applied = 0;
  let rejected = 0;
  let milliseconds: number | null = null;
  for (const node of concerned) {
    const outcome = measureNode(node, latest - SAME_CHANGE, errors);
    if (outcome.kind === 'rejected') rejected += 1;
    if (outcome.kind !== 'applied') continue;
    applied += 1;
    milliseconds = Math.max(milliseconds ?? 0, outcome.milliseconds);
  }
  return { proxies: concerned.length, applied, rejected, errors: [...errors], milliseconds };
}

type Outcome = { readonly kind: 'waiting' | 'rejected' } | { readonly kind: 'applied'; readonly milliseconds: number };

function measureNode(node: NodeView, changedAfter: number, errors: Set<string>): Outcome {
  const { status } = node;
  // One that has asked for nothing yet has applied nothing.
  if (status === undefined || status.types.size === 0) return { kind: 'waiting' };
  let milliseconds = 0;
  let waiting = false;
  let refused = false;
  for (const { resource, since } of node.resources) {
    const type = status.types.get(resource.typeUrl);
    // What the client does not ask for cannot be late.
    if (type === undefined || !(type.wildcard || type.names.has(resource.name))) continue;
    const acked = type.acked.get(resource.name);
    const refusal = type.rejected.get(resource.name);
    if (refusal?.version === resource.version) {
      errors.add(refusal.detail);
      refused = true;
    } else if (acked?.version !== resource.version) waiting = true;
    // A proxy that connected after the change is measured from its connection.
    else if (since >= changedAfter)
      milliseconds = Math.max(milliseconds, acked.at - Math.max(since, status.connectedAt));
  }
  if (refused) return { kind: 'rejected' };
  return waiting ? { kind: 'waiting' } : { kind: 'applied', milliseconds: Math.max(0, milliseconds) };
}
