// Authorization layers as RBAC filters: per layer one that denies, then one that allows.
import { create } from '@bufbuild/protobuf';
import type { AuthorizationLayer, NamedRule } from '../mesh/plan.ts';
import { type Policy, PolicySchema, RBAC_Action } from '../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { RBACSchema } from '../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { permission } from './permission.ts';
import { principal } from './principal.ts';
import { any, originJson } from './values.ts';

/** What decides terms that are known when the listener is encoded. */
export type RbacPlace = { readonly port: number; readonly trustDomain: string };

/** A deny list that denies nothing is left out; an allow list that allows nothing stays, and refuses everybody. */
export function rbacFilters(layers: readonly AuthorizationLayer[], place: RbacPlace): HttpFilter[] {
  return layers.flatMap(({ dialect, deny, allow }) => [
    ...(deny.length === 0 ? [] : [filter(`tulle.rbac.${dialect}.deny`, RBAC_Action.DENY, deny, place)]),
    ...(allow === null ? [] : [filter(`tulle.rbac.${dialect}.allow`, RBAC_Action.ALLOW, allow, place)]),
  ]);
}

/** `tulle.policies` of the listener: which object and field is behind the name of a policy. */
export function policyMetadata(layers: readonly AuthorizationLayer[]): Record<string, ReturnType<typeof originJson>> {
  const rules = layers.flatMap(({ deny, allow }) => [...deny, ...(allow ?? [])]);
  if (rules.length === 0) return {};
  return { 'tulle.policies': Object.fromEntries(rules.map(({ name, rule }) => [name, originJson(rule.origin)])) };
}

function filter(name: string, action: RBAC_Action, rules: readonly NamedRule[], place: RbacPlace): HttpFilter {
  const policies = Object.fromEntries(rules.map((rule) => [rule.name, policy(rule, place)]));
  const typedConfig = any(RBACSchema, { rules: { action, policies } });
  return create(HttpFilterSchema, { name, configType: { case: 'typedConfig', value: typedConfig } });
}

const policy = ({ rule }: NamedRule, { port, trustDomain }: RbacPlace): Policy =>
  create(PolicySchema, {
    permissions: [permission(rule.what, port)],
    principals: [principal(rule.who, trustDomain)],
  });
