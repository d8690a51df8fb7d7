// Whether the client of an xDS stream is the proxy it says it is: certificate, node id, node metadata and plan must agree.
import type { ProxyPlan } from '../mesh/plan.ts';
import type { Node } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { Authorization } from '../xds/stream.ts';

export type NodeClaim = {
  readonly node: Pick<Node, 'id' | 'metadata'>;
  /** Of the verified client certificate. */
  readonly peerSpiffeIds: readonly string[];
  /** The certificate's common name: `<name>.<namespace>` of the instance it was issued to. */
  readonly instance: string;
};

/** The claim of a node id, `sidecar~<ip>~<name>.<namespace>~<domain>`; null when it is not of that form. */
export function instanceOf(nodeId: string): string | null {
  const parts = nodeId.split('~');
  return parts.length === 4 ? (parts[2] as string) : null;
}

export function authorizeNode(
  { node, peerSpiffeIds, instance }: NodeClaim,
  trustDomain: string,
  plans: readonly ProxyPlan[],
): Authorization {
  const namespace = node.metadata?.['NAMESPACE'];
  const account = node.metadata?.['SERVICE_ACCOUNT'];
  const claimed = `spiffe://${trustDomain}/ns/${String(namespace)}/sa/${String(account)}`;
  const [peer] = peerSpiffeIds;
  if (peer === undefined || peerSpiffeIds.length !== 1)
    return refuse('the client certificate names no single SPIFFE id');
  if (peer !== claimed) return refuse(`the certificate is that of ${peer}, the node metadata says ${claimed}`);
  if (instanceOf(node.id) !== instance)
    return refuse(`the certificate was issued to ${instance}, not to node ${node.id}`);
  const plan = plans.find(({ proxy }) => proxy.id === node.id);
  if (plan === undefined) return refuse(`no instance of this mesh has the node id ${node.id}`);
  if (plan.proxy.identity !== peer) return refuse(`${node.id} is ${plan.proxy.identity}, not ${peer}`);
  return { ok: true, nodeId: node.id };
}

const refuse = (reason: string): Authorization => ({ ok: false, reason });
