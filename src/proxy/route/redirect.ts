// RedirectAction → the Location of the answer (Envoy's RouteEntry::newUri).
import {
  RedirectAction_RedirectResponseCode as Code,
  type RedirectAction,
  type RouteMatch,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import type { RequestHead } from '../http/message.ts';
import { bytesOf } from './match/string-matcher.ts';
import { compilePrefixRewrite, compileRegexRewrite, type PathChange } from './rewrite.ts';
import type { RouteAction } from './table.ts';

const STATUS: ReadonlyMap<Code, number> = new Map([
  [Code.MOVED_PERMANENTLY, 301],
  [Code.FOUND, 302],
  [Code.SEE_OTHER, 303],
  [Code.TEMPORARY_REDIRECT, 307],
  [Code.PERMANENT_REDIRECT, 308],
]);

export function compileRedirect(action: RedirectAction, match: RouteMatch, path: string): RouteAction {
  const status = STATUS.get(action.responseCode);
  if (status === undefined) throw new ConfigError(at(path, 'response_code'), 'is not known');
  const scheme = compileScheme(action, path);
  const authority = compileAuthority(action);
  const target = compileTarget(action, match, path);
  return {
    kind: 'redirect',
    status,
    changePath: changesPath(action) ? compileChange(action, match, path) : null,
    location(request) {
      const newScheme = scheme ?? request.scheme;
      return `${newScheme}://${authority(request, newScheme)}${target(request.path)}`;
    },
  };
}

function compileScheme(action: RedirectAction, path: string): string | null {
  const specifier = action.schemeRewriteSpecifier;
  if (specifier.case === 'httpsRedirect') return specifier.value ? 'https' : null;
  if (specifier.case === undefined || specifier.value === '') return null;
  if (!/^[a-z][a-z0-9+.-]*$/i.test(specifier.value)) throw new ConfigError(at(path, 'scheme_redirect'), 'is no scheme');
  return specifier.value;
}

/** A default port of the old scheme goes when the scheme changes; a port that is asked for is always shown. */
function compileAuthority(action: RedirectAction): (request: RequestHead, scheme: string) => string {
  const host = bytesOf(action.hostRedirect);
  const { portRedirect } = action;
  return (request, scheme) => {
    const [, requestHost, requestPort] = /^(.*?)(:\d+)?$/s.exec(request.authority)!;
    if (portRedirect !== 0) return `${host === '' ? requestHost : host}:${portRedirect}`;
    if (host !== '') return host;
    const isDefault = requestPort === (request.scheme === 'https' ? ':443' : ':80');
    return isDefault && scheme !== request.scheme ? requestHost! : request.authority;
  };
}

function compileTarget(action: RedirectAction, match: RouteMatch, path: string): PathChange {
  const change = compileChange(action, match, path);
  return (target) => {
    if (!action.stripQuery) return change(target);
    const query = target.indexOf('?');
    return change(query < 0 ? target : target.slice(0, query));
  };
}

function compileChange(action: RedirectAction, match: RouteMatch, path: string): PathChange {
  const specifier = action.pathRewriteSpecifier;
  switch (specifier.case) {
    case undefined:
      return (target) => target;
    case 'pathRedirect':
      return compilePathRedirect(bytesOf(specifier.value));
    case 'prefixRewrite':
      return compilePrefixRewrite(specifier.value, match, at(path, 'prefix_rewrite'));
    case 'regexRewrite':
      return compileRegexRewrite(specifier.value, at(path, 'regex_rewrite'));
    default:
      throw new ConfigError(at(path, specifier.case), 'is not supported');
  }
}

/** A path that is given whole is only for the client. */
function changesPath({ pathRewriteSpecifier: specifier }: RedirectAction): boolean {
  return specifier.case === 'regexRewrite' || (specifier.case === 'prefixRewrite' && specifier.value !== '');
}

/** A new path with a query of its own replaces the request's; else the request's query stays. */
function compilePathRedirect(replacement: string): PathChange {
  const ownQuery = replacement.includes('?');
  return (target) => {
    const query = target.indexOf('?');
    return query < 0 || ownQuery ? replacement : replacement + target.slice(query);
  };
}
