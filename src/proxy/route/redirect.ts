// RedirectAction → the Location of the answer (Envoy's RouteEntry::newUri).
import {
  RedirectAction_RedirectResponseCode as Code,
  type RedirectAction,
  type RouteMatch,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead } from '../http/message.ts';
import { compileFormat } from '../log/format.ts';
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
    changePath: compileOwnChange(action, match, path),
    location(exchange) {
      const { request } = exchange;
      const newScheme = scheme ?? request.scheme;
      const path = target(exchange);
      // What does not begin with a slash would be part of the host.
      return `${newScheme}://${authority(request, newScheme)}${path.startsWith('/') ? '' : '/'}${path}`;
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

function compileTarget(action: RedirectAction, match: RouteMatch, path: string): (exchange: Exchange) => string {
  const change = compileChange(action, match, path);
  return (exchange) => {
    const { path: given } = exchange.request;
    const query = action.stripQuery ? given.indexOf('?') : -1;
    const target = query < 0 ? given : given.slice(0, query);
    return change(target, exchange) ?? target;
  };
}

function compileChange(
  action: RedirectAction,
  match: RouteMatch,
  path: string,
): (target: string, exchange: Exchange) => string | null {
  const specifier = action.pathRewriteSpecifier;
  switch (specifier.case) {
    case undefined:
      return () => null;
    case 'pathRedirect': {
      const replacement = bytesOf(specifier.value);
      return (target) => inPlaceOf(target, replacement);
    }
    case 'pathRewrite': {
      const write = compileFormat(bytesOf(specifier.value), at(path, 'path_rewrite'), { missing: '' });
      return (target, exchange) => {
        const replacement = write(exchange, null, 0);
        return replacement === '' ? null : inPlaceOf(target, replacement);
      };
    }
    default:
      return compileOwnChange(action, match, path) ?? (() => null);
  }
}

/** What changes the path that headers and logs see, too; null: a path that is given whole is only for the client. */
function compileOwnChange(
  { pathRewriteSpecifier: specifier }: RedirectAction,
  match: RouteMatch,
  path: string,
): PathChange | null {
  switch (specifier.case) {
    case 'prefixRewrite':
      return specifier.value === '' ? null : compilePrefixRewrite(specifier.value, match, at(path, 'prefix_rewrite'));
    case 'regexRewrite':
      return compileRegexRewrite(specifier.value, at(path, 'regex_rewrite'));
    default:
      return null;
  }
}

/** A new path with a query of its own replaces the request's; else the request's query stays. */
function inPlaceOf(target: string, replacement: string): string {
  const query = target.indexOf('?');
  return query < 0 || replacement.includes('?') ? replacement : replacement + target.slice(query);
}
