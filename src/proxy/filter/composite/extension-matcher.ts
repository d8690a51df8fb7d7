// ExtensionWithMatcher: a filter with a matcher in front of it, which leaves the filter out of some exchanges, or tells a composite filter what to be.
// https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/extensions/common/matching/v3/extension_matcher.proto
import {
  type ExtensionWithMatcher,
  ExtensionWithMatcherPerRouteSchema,
  ExtensionWithMatcherSchema,
} from '../../../xds/gen/envoy/extensions/common/matching/v3/extension_matcher_pb.ts';
import { at, ConfigError } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { compiler, type FilterKind, routeSettings } from '../define.ts';
import type { FilterScope, FilterStream, HttpFilter, StreamFilter } from '../filter.ts';
import { type CompileFilter, compileFilterMatcher, type FilterMatch } from './action.ts';
import { openFilter } from './as-stream.ts';
import { isComposite } from './composite.ts';
import { MatchedFilter } from './matched-filter.ts';

const ofRoute = routeSettings<FilterMatch>();

export function extensionMatcher(compile: CompileFilter): FilterKind {
  return {
    chain: compiler(ExtensionWithMatcherSchema, (config, name, path) => createMatched(config, name, compile, path)),
    route: compiler(ExtensionWithMatcherPerRouteSchema, ({ xdsMatcher }, name, path) => {
      const here = at(path, 'xds_matcher');
      if (xdsMatcher === undefined) throw new ConfigError(here, 'is required');
      return ofRoute.make(name, compileFilterMatcher(xdsMatcher, name, compile, here));
    }),
  };
}

function createMatched(config: ExtensionWithMatcher, name: string, compile: CompileFilter, path: string): HttpFilter {
  const { extensionConfig, xdsMatcher } = config;
  const here = at(at(path, 'extension_config'), 'typed_config');
  if (extensionConfig?.typedConfig === undefined) throw new ConfigError(here, 'is required');
  const inner = compile(extensionConfig.typedConfig, name, here);
  const own =
    xdsMatcher === undefined ? null : compileFilterMatcher(xdsMatcher, name, compile, at(path, 'xds_matcher'));
  return putInFrontOf(inner, name, own);
}

function putInFrontOf(inner: HttpFilter, name: string, own: FilterMatch | null): HttpFilter {
  const open = isComposite(inner) ? inner.openMatched : unlessSkipped(inner);
  return {
    name,
    ...(inner.secrets === undefined ? {} : { secrets: inner.secrets }),
    ...(inner.start === undefined ? {} : { start: (scope) => inner.start!(scope) }),
    open: (exchange, scope, stream) => open(ofRoute.of(exchange, name) ?? own, exchange, scope, stream),
    around: (other) => putInFrontOf(other, name, own),
  };
}

/** Where there is no matcher at all the filter is left out, as by Envoy. */
function unlessSkipped(inner: HttpFilter) {
  return (
    match: FilterMatch | null,
    exchange: Exchange,
    scope: FilterScope,
    stream: FilterStream,
  ): StreamFilter | null => {
    if (match === null) return null;
    const open = () => openFilter(inner, exchange, scope, stream);
    return new MatchedFilter(
      match,
      exchange,
      scope,
      stream,
      ({ kind }) => ({ filter: kind === 'skip' ? null : open() }),
      open,
    );
  };
}
