// What happens to a request that a route takes.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { RouteActionPlan, WeightedCluster } from '../mesh/plan.ts';
import type { PathMatch } from '../model/match.ts';
import type { HeaderEdit, PathRewrite } from '../model/route.ts';
import {
  type RedirectAction,
  RedirectAction_RedirectResponseCode,
  RedirectActionSchema,
  type RouteAction,
  RouteAction_ClusterNotFoundResponseCode,
  type RouteAction_HashPolicySchema,
  RouteActionSchema,
  type RouteSchema,
} from '../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { headerLists, hostOf } from './headers.ts';
import { retryPolicy } from './retry.ts';
import { escapeRegex } from './string-match.ts';
import { duration, fraction } from './values.ts';

type Forward = RouteActionPlan & { readonly kind: 'forward' };
type Redirect = RouteActionPlan & { readonly kind: 'redirect' };

/** `path` is what the route matched, `requestHeaders` its edit: a host set there is a rewrite. */
export function routeAction(
  action: RouteActionPlan,
  path: PathMatch | null,
  requestHeaders: HeaderEdit,
): NonNullable<MessageInitShape<typeof RouteSchema>['action']> {
  switch (action.kind) {
    case 'forward':
      return { case: 'route', value: forward(action, path, requestHeaders) };
    case 'redirect':
      return { case: 'redirect', value: redirect(action, path) };
    case 'respond': {
      const body =
        action.body === '' ? {} : { body: { specifier: { case: 'inlineString', value: action.body } } as const };
      return { case: 'directResponse', value: { status: action.status, ...body } };
    }
  }
}

function forward(action: Forward, path: PathMatch | null, requestHeaders: HeaderEdit): RouteAction {
  const host = action.rewrite?.host ?? hostOf(requestHeaders);
  const retries = action.retry.kind === 'set' ? { retryPolicy: retryPolicy(action.retry.value) } : {};
  return create(RouteActionSchema, {
    clusterSpecifier: clusterSpecifier(action),
    ...(action.rewrite === null || action.rewrite.path === null ? {} : pathRewrite(action.rewrite.path, path)),
    ...(host === null ? {} : { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: host } }),
    timeout: duration(action.timeout.kind === 'set' ? action.timeout.value : 0),
    ...retries,
    requestMirrorPolicies: action.mirrors.map(({ cluster, share }) => ({
      cluster,
      runtimeFraction: { defaultValue: fraction(share) },
    })),
    hashPolicy: action.hash === null ? [] : [hashPolicy(action.hash)],
    // Broken backends are clusters that are never sent: their share is a 500 (Gateway API), not a 503.
    ...(action.clusters.some(({ cluster }) => cluster.startsWith('broken|'))
      ? { clusterNotFoundResponseCode: RouteAction_ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR }
      : {}),
  });
}

function clusterSpecifier({
  clusters,
}: Forward): NonNullable<MessageInitShape<typeof RouteActionSchema>['clusterSpecifier']> {
  const [only] = clusters;
  if (clusters.length === 1 && only !== undefined && isPlain(only)) return { case: 'cluster', value: only.cluster };
  return { case: 'weightedClusters', value: { clusters: clusters.map(weightedCluster) } };
}

const isPlain = ({ requestHeaders, responseHeaders }: WeightedCluster): boolean =>
  [requestHeaders, responseHeaders].every(({ set, add, remove }) => set.length + add.length + remove.length === 0);

function weightedCluster({ cluster, weight, requestHeaders, responseHeaders }: WeightedCluster) {
  const host = hostOf(requestHeaders);
  return {
    name: cluster,
    weight,
    ...headerLists(requestHeaders, responseHeaders),
    ...(host === null ? {} : { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: host } as const }),
  };
}

type PathChange = Pick<MessageInitShape<typeof RouteActionSchema>, 'prefixRewrite' | 'regexRewrite'>;

function pathRewrite(rewrite: PathRewrite, path: PathMatch | null): PathChange {
  switch (rewrite.kind) {
    case 'full':
      return substitute('^/.*$', literal(rewrite.value));
    case 'regex':
      return substitute(rewrite.pattern, rewrite.substitution);
    case 'prefix': {
      if (path?.kind !== 'path-prefix' || path.value === '/') return { prefixRewrite: rewrite.value || '/' };
      // Element-wise: `/foo` → `/` must turn `/foo/bar` into `/bar`, where Envoy's prefix_rewrite makes `//bar`.
      const to = rewrite.value.replace(/\/+$/, '');
      return to === '' ? substitute(`^${escapeRegex(path.value)}/*`, '/') : { prefixRewrite: to };
    }
  }
}

const substitute = (regex: string, substitution: string): PathChange => ({
  regexRewrite: { pattern: { regex }, substitution },
});

const literal = (value: string): string => value.replaceAll('\\', '\\\\');

const redirectCodes: Record<Redirect['status'], RedirectAction_RedirectResponseCode> = {
  301: RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY,
  302: RedirectAction_RedirectResponseCode.FOUND,
  303: RedirectAction_RedirectResponseCode.SEE_OTHER,
  307: RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT,
  308: RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT,
};

const redirect = ({ scheme, host, port, path: rewrite, status }: Redirect, path: PathMatch | null): RedirectAction =>
  create(RedirectActionSchema, {
    responseCode: redirectCodes[status],
    ...(scheme === null ? {} : { schemeRewriteSpecifier: { case: 'schemeRedirect', value: scheme } }),
    ...(host === null ? {} : { hostRedirect: host }),
    ...(port === null ? {} : { portRedirect: port }),
    ...(rewrite === null ? {} : { pathRewriteSpecifier: redirectPath(rewrite, path) }),
  });

function redirectPath(rewrite: PathRewrite, path: PathMatch | null) {
  if (rewrite.kind === 'full') return { case: 'pathRedirect', value: rewrite.value } as const;
  const { prefixRewrite, regexRewrite } = pathRewrite(rewrite, path);
  return regexRewrite === undefined
    ? ({ case: 'prefixRewrite', value: prefixRewrite ?? '/' } as const)
    : ({ case: 'regexRewrite', value: regexRewrite } as const);
}

function hashPolicy(on: NonNullable<Forward['hash']>): MessageInitShape<typeof RouteAction_HashPolicySchema> {
  switch (on.kind) {
    case 'header':
      return { policySpecifier: { case: 'header', value: { headerName: on.name } } };
    case 'query':
      return { policySpecifier: { case: 'queryParameter', value: { name: on.name } } };
    case 'source-ip':
      return { policySpecifier: { case: 'connectionProperties', value: { sourceIp: true } } };
    case 'cookie':
      return { policySpecifier: { case: 'cookie', value: { name: on.name, path: on.path, ttl: duration(on.ttl) } } };
  }
}
