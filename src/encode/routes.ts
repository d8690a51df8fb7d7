// Route configurations. Virtual hosts are encoded once and shared, because every client has most of them.
import { create, toBinary } from '@bufbuild/protobuf';
import type { RoutePlan, RouteTablePlan, VirtualHostPlan } from '../mesh/plan.ts';
import { type Route, RouteSchema, VirtualHostSchema } from '../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../xds/gen/envoy/config/route/v3/route_pb.ts';
import { type EncodedResource, typeUrl } from '../xds/resource.ts';
import { faultConfig, faultFilterName } from './fault.ts';
import { headerLists, overwrite } from './headers.ts';
import { peerHeader } from './peer.ts';
import { perPart, resource } from './resource.ts';
import { routeAction } from './route-action.ts';
import { routeMatch } from './route-match.ts';
import { metadata, originJson } from './values.ts';

/** `peer` is the value of the peer header. */
export function encodeRoutes(plan: RouteTablePlan, peer: string): EncodedResource {
  const own = toBinary(
    RouteConfigurationSchema,
    create(RouteConfigurationSchema, {
      name: plan.name,
      ignorePortInHostMatching: plan.ignoresPort,
      requestHeadersToAdd: [overwrite(peerHeader, peer)],
      // A route may go out before its cluster on a proxy that has just connected.
      validateClusters: false,
    }),
  );
  const origins = [...new Set(plan.virtualHosts.flatMap(({ shapedBy }) => shapedBy))].sort();
  return resource(
    typeUrl.routes,
    plan.name,
    concat([own, ...plan.virtualHosts.map((host) => virtualHostField(host))]),
    origins,
  );
}

/**
 * A virtual host as field 2 of RouteConfiguration, tag and length included. Messages may be put together from encoded
 * fields in any order (protobuf encoding, "Last One Wins" and repeated fields): a mesh of 1000 services is encoded once, not once per client.
 */
const virtualHostField = perPart((plan: VirtualHostPlan): Uint8Array => {
  const message = create(VirtualHostSchema, {
    name: plan.name,
    domains: [...plan.domains],
    routes: plan.routes.map(route),
  });
  const bytes = toBinary(VirtualHostSchema, message);
  return concat([Uint8Array.of((2 << 3) | 2), varint(bytes.length), bytes]);
});

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const route = (plan: RoutePlan): Route =>
  create(RouteSchema, {
    name: plan.name,
    match: routeMatch(plan.match),
    action: routeAction(plan.action, plan.match?.path ?? null, plan.requestHeaders),
    ...headerLists(plan.requestHeaders, plan.responseHeaders),
    ...(plan.fault === null ? {} : { typedPerFilterConfig: { [faultFilterName]: faultConfig(plan.fault) } }),
    metadata: metadata({ 'tulle.origin': originJson(plan.origin) }),
  });
