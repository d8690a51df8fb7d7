// Rewrites of path and authority, for requests that are forwarded and for the Location of redirects.
import { checkSubstitution } from '../../lib/re2.ts';
import type { RouteAction, RouteMatch } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { UriTemplateRewriteConfigSchema } from '../../xds/gen/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.ts';
import type { RegexMatchAndSubstitute } from '../../xds/gen/envoy/type/matcher/v3/regex_pb.ts';
import { unpack } from '../config/any.ts';
import { at, ConfigError } from '../config/config-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestHead } from '../http/message.ts';
import { compileFormat } from '../log/format.ts';
import { firstValue } from './match/header-matcher.ts';
import { compileTemplate } from './match/path-matcher.ts';
import { pathOnly } from './match/query.ts';
import { bytesOf, compilePattern } from './match/string-matcher.ts';
import type { ForwardAction } from './table.ts';

/** Makes another of a path with its query; null: the path is not changed. */
export type PathChange = (path: string) => string | null;

/** What a request is given in place of what it has; '' and null: nothing. */
type Replacement = (exchange: Exchange) => string | null;

export function compileRewrite(action: RouteAction, match: RouteMatch, path: string): ForwardAction['rewrite'] {
  const newPath = compilePathRewrite(action, match, path);
  const newHost = compileHostRewrite(action, path);
  const forwardHost = action.appendXForwardedHost;
  return (exchange, quiet) => {
    const { request } = exchange;
    if (newHost !== null) replaceHost(request, newHost(exchange) ?? '', forwardHost);
    const target = newPath === null ? null : newPath(exchange);
    if (target === null) return;
    // Also where the path stays as it was: that a rewrite was in charge is told and logged.
    exchange.originalPath = request.path;
    if (!quiet) request.headers.set('x-envoy-original-path', request.path);
    request.path = target;
  };
}

/** `auto_host_rewrite`. */
export function compileAutoHost({
  hostRewriteSpecifier: specifier,
  appendXForwardedHost,
}: RouteAction): ForwardAction['rewriteForHost'] {
  if (specifier.case !== 'autoHostRewrite' || !specifier.value.value) return null;
  return (request, hostname) => replaceHost(request, hostname, appendXForwardedHost);
}

/** The old name is kept in headers, as Envoy does; an empty name changes nothing. */
function replaceHost(request: RequestHead, host: string, forwardHost: boolean): void {
  if (host === '' || host === request.authority) return;
  if (forwardHost) appendForwardedHost(request);
  request.headers.set('x-envoy-original-host', request.authority);
  request.authority = host;
}

/** A name that is the last already is not told twice. */
function appendForwardedHost({ headers, authority }: RequestHead): void {
  const before = headers.joined('x-forwarded-host') ?? '';
  if (before === '') headers.set('x-forwarded-host', authority);
  else if (before.slice(before.lastIndexOf(',') + 1) !== authority)
    headers.set('x-forwarded-host', `${before},${authority}`);
}

/** Replaces what the route matched (its prefix or whole path) at the start of the path; the query stays. */
export function compilePrefixRewrite(replacement: string, match: RouteMatch, path: string): PathChange {
  const specifier = match.pathSpecifier;
  const text = bytesOf(replacement);
  if (specifier.case === 'safeRegex') return (target) => text + target.slice(pathOnly(target).length);
  if (specifier.case === 'prefix' || specifier.case === 'path' || specifier.case === 'pathSeparatedPrefix') {
    const matched = bytesOf(specifier.value);
    const lower = matched.toLowerCase();
    const { length } = matched;
    // What matched without its parameters, or was changed since, may begin otherwise.
    const begins = (target: string) => target.startsWith(matched) || target.slice(0, length).toLowerCase() === lower;
    return (target) => (begins(target) ? text + target.slice(length) : null);
  }
  throw new ConfigError(path, 'needs a prefix, path or regex match');
}

/** Every match in the path is replaced; the query stays. */
export function compileRegexRewrite(rewrite: RegexMatchAndSubstitute, path: string): PathChange {
  return ofPathOnly(compileSubstitution(rewrite, path));
}

/** A path that would be empty stays as it is. */
function ofPathOnly(change: (path: string) => string): PathChange {
  return (target) => {
    const bare = pathOnly(target);
    const changed = change(bare);
    return changed === '' ? null : changed + target.slice(bare.length);
  };
}

export function compileSubstitution(rewrite: RegexMatchAndSubstitute, path: string): (text: string) => string {
  const regex = compilePattern(rewrite.pattern, at(path, 'pattern'));
  const wrong = checkSubstitution(regex.source, rewrite.substitution);
  if (wrong !== null) throw new ConfigError(at(path, 'substitution'), wrong);
  return (text) => regex.replaceAll(text, rewrite.substitution);
}

function compilePathRewrite(action: RouteAction, match: RouteMatch, path: string): Replacement | null {
  const { pathRewrite } = action;
  const changes = [action.prefixRewrite, action.regexRewrite, action.pathRewritePolicy, pathRewrite];
  if (changes.filter(Boolean).length > 1) {
    throw new ConfigError(
      path,
      'has more than one of prefix_rewrite, regex_rewrite, path_rewrite_policy and path_rewrite',
    );
  }
  if (pathRewrite !== '') return compilePathFormat(pathRewrite, at(path, 'path_rewrite'));
  const change = compilePathChange(action, match, path);
  return change && (({ request }) => change(request.path));
}

/** What has no value leaves nothing in the path; the query stays. */
function compilePathFormat(format: string, path: string): Replacement {
  const write = compileFormat(bytesOf(format), path, { missing: '' });
  return (exchange) => {
    const target = exchange.request.path;
    const written = write(exchange, null, 0);
    return written === '' ? null : written + target.slice(pathOnly(target).length);
  };
}

function compilePathChange(action: RouteAction, match: RouteMatch, path: string): PathChange | null {
  const { prefixRewrite, regexRewrite, pathRewritePolicy } = action;
  if (regexRewrite) return compileRegexRewrite(regexRewrite, at(path, 'regex_rewrite'));
  if (pathRewritePolicy) return compileTemplateRewrite(action, match, at(path, 'path_rewrite_policy'));
  if (prefixRewrite === '') return null;
  return compilePrefixRewrite(prefixRewrite, match, at(path, 'prefix_rewrite'));
}

/** The variables are those of the template that the route matches by. */
function compileTemplateRewrite({ pathRewritePolicy }: RouteAction, match: RouteMatch, path: string): PathChange {
  const here = at(path, 'typed_config');
  const { pathTemplateRewrite } = unpack(pathRewritePolicy!.typedConfig, UriTemplateRewriteConfigSchema, here);
  const { pathSpecifier: specifier } = match;
  if (specifier.case !== 'pathMatchPolicy') throw new ConfigError(path, 'needs a path_match_policy');
  const rewrite = compileTemplate(specifier.value, path).rewrite(
    pathTemplateRewrite,
    at(here, 'path_template_rewrite'),
  );
  return ofPathOnly(rewrite);
}

function compileHostRewrite({ hostRewriteSpecifier: specifier }: RouteAction, path: string): Replacement | null {
  switch (specifier.case) {
    case undefined:
    case 'autoHostRewrite':
      return null;
    case 'hostRewriteLiteral': {
      const host = bytesOf(specifier.value);
      return () => host;
    }
    case 'hostRewriteHeader': {
      const first = firstValue(specifier.value);
      return ({ request }) => first(request) ?? '';
    }
    case 'hostRewritePathRegex': {
      const replace = compileSubstitution(specifier.value, at(path, 'host_rewrite_path_regex'));
      return ({ request }) => replace(pathOnly(request.path));
    }
    case 'hostRewrite': {
      const write = compileFormat(bytesOf(specifier.value), at(path, 'host_rewrite'), { missing: '-' });
      return (exchange) => write(exchange, null, 0);
    }
  }
}
