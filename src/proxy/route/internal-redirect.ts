// InternalRedirectPolicy → whether the proxy itself follows an upstream's redirect, and where to.
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import {
  type InternalRedirectPolicy,
  InternalRedirectPolicySchema,
  RouteAction_InternalRedirectAction as RedirectAction,
  type RouteAction,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { AllowListedRoutesConfigSchema } from '../../xds/gen/envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config_pb.ts';
import { PreviousRoutesConfigSchema } from '../../xds/gen/envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config_pb.ts';
import { SafeCrossSchemeConfigSchema } from '../../xds/gen/envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config_pb.ts';
import { typeNameOf, unpack } from '../config/any.ts';
import { at, ConfigError, mapAt } from '../config/config-error.ts';

export type InternalRedirect = {
  readonly statuses: ReadonlySet<number>;
  /** Of one request. */
  readonly limit: number;
  readonly crossScheme: boolean;
  /** Lower-case names. */
  readonly copiedHeaders: readonly string[];
  readonly predicates: readonly RedirectPredicate[];
};

/** A step from one route to another. `taken`: names of the routes that redirects of this route have led to before. */
type RedirectStep = {
  readonly target: string;
  readonly taken: readonly string[];
  readonly from: 'http' | 'https';
  readonly to: 'http' | 'https';
};

type RedirectPredicate = (step: RedirectStep) => boolean;

const FOLLOWED = [301, 302, 303, 307, 308];
const MOST_STATUSES = 5;

/** The policy, or the older fields in its place. */
export function compileInternalRedirect(action: RouteAction, path: string): InternalRedirect | null {
  const { internalRedirectPolicy: policy, maxInternalRedirects } = action;
  if (policy !== undefined) return compilePolicy(policy, at(path, 'internal_redirect_policy'));
  if (action.internalRedirectAction !== RedirectAction.HANDLE_INTERNAL_REDIRECT) return null;
  const older = maxInternalRedirects === undefined ? {} : { maxInternalRedirects };
  return compilePolicy(create(InternalRedirectPolicySchema, older), path);
}

function compilePolicy(policy: InternalRedirectPolicy, path: string): InternalRedirect {
  if (policy.redirectResponseCodes.length > MOST_STATUSES) {
    throw new ConfigError(at(path, 'redirect_response_codes'), `has more than ${MOST_STATUSES}`);
  }
  // Other codes are not taken, as in Envoy; without any it is 302.
  const codes = policy.redirectResponseCodes.filter((code) => FOLLOWED.includes(code));
  return {
    statuses: new Set(policy.redirectResponseCodes.length === 0 ? [302] : codes),
    limit: policy.maxInternalRedirects ?? 1,
    crossScheme: policy.allowCrossSchemeRedirect,
    copiedHeaders: mapAt(policy.responseHeadersToCopy, at(path, 'response_headers_to_copy'), (name, here) => {
      if (name === '' || name.startsWith(':') || name.toLowerCase() === 'host') {
        throw new ConfigError(here, 'cannot be copied');
      }
      return name.toLowerCase();
    }),
    predicates: mapAt(policy.predicates, at(path, 'predicates'), ({ typedConfig }, here) =>
      compilePredicate(typedConfig, at(here, 'typed_config')),
    ),
  };
}

function compilePredicate(config: Any | undefined, path: string): RedirectPredicate {
  switch (config === undefined ? '' : typeNameOf(config)) {
    case AllowListedRoutesConfigSchema.typeName: {
      const allowed = new Set(unpack(config, AllowListedRoutesConfigSchema, path).allowedRouteNames);
      return ({ target }) => allowed.has(target);
    }
    case SafeCrossSchemeConfigSchema.typeName:
      unpack(config, SafeCrossSchemeConfigSchema, path);
      return ({ from, to }) => from === 'https' || to === 'http';
    default:
      unpack(config, PreviousRoutesConfigSchema, path);
      return ({ target, taken }) => !taken.includes(target);
  }
}
