// State of the world: every request carries all names. Listeners and clusters are answered completely; other types
// may be answered with only what changed, and cannot be told of removals.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import type { Protocol } from './protocol.ts';
import { isWildcardType, type Subscription } from './subscription.ts';

export const sotw: Protocol<DiscoveryRequest> = {
  name: 'sotw',
  parse: (bytes) => fromBinary(DiscoveryRequestSchema, bytes),
  envelope: (request) => ({
    typeUrl: request.typeUrl,
    node: request.node,
    nonce: request.responseNonce,
    error: request.errorDetail?.message ?? null,
  }),
  applySubscription(subscription, request, first) {
    const restart = first || request.responseNonce === '';
    const names = new Set(request.resourceNames);
    const wildcard = names.delete('*') || (names.size === 0 && keepsLegacyWildcard(subscription, first));
    if (wildcard && !subscription.wildcard) subscription.answerDue = true;
    subscription.wildcard = wildcard;
    for (const name of subscription.names) if (!names.has(name)) subscription.drop(name);
    for (const name of names) if (restart || !subscription.names.has(name)) subscription.add(name);
    if (restart) subscription.answerDue = wildcard || names.size > 0;
  },
  respond(changes, subscription, label) {
    const complete = isWildcardType(subscription.typeUrl);
    const changed = changes.upserts.length > 0 || (complete && changes.removals.length + changes.absent.length > 0);
    if (!changed && !(complete && subscription.answerDue)) return null;
    const resources = complete ? [...changes.all(), ...changes.held] : changes.upserts;
    const versions = new Map<string, string | null>(resources.map(({ name, version }) => [name, version]));
    if (complete) for (const name of changes.removals) versions.set(name, null);
    const bytes = toBinary(
      DiscoveryResponseSchema,
      create(DiscoveryResponseSchema, {
        versionInfo: label.version,
        nonce: label.nonce,
        typeUrl: subscription.typeUrl,
        resources: resources.map(({ typeUrl, bytes: value }) => ({ typeUrl, value })),
      }),
    );
    return { bytes, versions };
  },
};

/** "Everything" by an empty list holds from the first request until names are given; after that, empty is "nothing". */
function keepsLegacyWildcard(subscription: Subscription, first: boolean): boolean {
  return isWildcardType(subscription.typeUrl) && (first || (subscription.wildcard && subscription.names.size === 0));
}
