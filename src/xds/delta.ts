// Delta (incremental): requests change the subscription, responses carry only what changed and what is gone.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import type { Protocol } from './protocol.ts';
import { typeUrl } from './resource.ts';
import { isWildcardType } from './subscription.ts';

export const delta: Protocol<DeltaDiscoveryRequest> = {
  name: 'delta',
  parse: (bytes) => fromBinary(DeltaDiscoveryRequestSchema, bytes),
  envelope: (request) => ({
    typeUrl: request.typeUrl,
    node: request.node,
    nonce: request.responseNonce,
    error: request.errorDetail?.message ?? null,
  }),
  applySubscription(subscription, request, first) {
    if (first) {
      for (const [name, version] of Object.entries(request.initialResourceVersions)) {
        subscription.sent.set(name, { version, resource: null });
      }
      subscription.answerDue = true;
      if (isWildcardType(subscription.typeUrl) && request.resourceNamesSubscribe.length === 0)
        subscription.wildcard = true;
    }
    for (const name of request.resourceNamesSubscribe) {
      // A client that reconnects with a version needs the resource again only when that has changed.
      const current = first && subscription.sent.has(name);
      if (name === '*') subscription.wildcard = subscription.answerDue = true;
      else if (current) subscription.names.add(name);
      else subscription.add(name);
    }
    for (const name of request.resourceNamesUnsubscribe) {
      if (name === '*') {
        subscription.wildcard = false;
        for (const sent of [...subscription.sent.keys()])
          if (!subscription.names.has(sent)) subscription.sent.delete(sent);
      } else {
        subscription.drop(name);
        // Still covered by the wildcard: the client has let go of it and must be told again.
        if (subscription.wildcard) subscription.requested.add(name);
      }
    }
  },
  respond(changes, subscription, label) {
    const removed = [...changes.removals, ...changes.absent];
    // Who asks for a virtual host waits for its name; that there is none is said by one without content.
    const empty = subscription.typeUrl === typeUrl.virtualHost ? changes.absent : [];
    if (changes.upserts.length + removed.length === 0 && !subscription.answerDue) return null;
    const versions = new Map<string, string | null>(changes.upserts.map(({ name, version }) => [name, version]));
    for (const name of removed) versions.set(name, null);
    const bytes = toBinary(
      DeltaDiscoveryResponseSchema,
      create(DeltaDiscoveryResponseSchema, {
        systemVersionInfo: label.version,
        nonce: label.nonce,
        typeUrl: subscription.typeUrl,
        resources: [
          ...changes.upserts.map(({ name, version, typeUrl: type, bytes: value }) => ({
            name,
            version,
            resource: { typeUrl: type, value },
          })),
          ...empty.map((name) => ({ name, aliases: [name] })),
        ],
        removedResources: removed.filter((name) => !empty.includes(name)),
      }),
    );
    return { bytes, versions };
  },
};
