// RouteMatch → a test on a request: everything it names must hold.
import type { RouteMatch } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { type Keyed, keyedShare, type RuntimeLookup } from '../../config/runtime-keys.ts';
import type { Exchange } from '../../http/exchange.ts';
import { isGrpc } from '../../http/grpc-status.ts';
import type { RequestHead } from '../../http/message.ts';
import { compileFilterState, compileTlsContext, type ExchangeTest } from './connection-matcher.ts';
import { compileCookie } from './cookie.ts';
import { all, compileHeader } from './header-matcher.ts';
import { compileMetadata } from './metadata-matcher.ts';
import { compilePath } from './path-matcher.ts';
import { compileQuery, pathOnly } from './query.ts';

export type RouteTest = {
  /** `path` is the request's without its query, found once for all routes; `chance` is uniform in [0, 1), the same for all routes. */
  matches(
    request: RequestHead,
    path: string,
    exchange: Exchange | null,
    chance: number,
    runtime: RuntimeLookup,
  ): boolean;
  /** CONNECT has no path and is for these routes only, and these for nothing else. */
  readonly connect: boolean;
  /** `chance` is looked at. */
  readonly byChance: boolean;
};

type Test = (request: RequestHead, exchange: Exchange | null) => boolean;

export function compileMatch(match: RouteMatch | undefined, path: string): RouteTest {
  if (match === undefined) throw new ConfigError(path, 'is required');
  const onPath = isTemplate(match) ? () => true : compilePath(match, path);
  const others = compileOthers(match, path);
  const share = match.runtimeFraction === undefined ? null : keyedShare(match.runtimeFraction, 1);
  return {
    matches: join(onPath, others, share),
    connect: match.pathSpecifier.case === 'connectMatcher',
    byChance: share !== null,
  };
}

function join(
  onPath: (path: string) => boolean,
  others: readonly Test[],
  share: Keyed<number> | null,
): RouteTest['matches'] {
  if (others.length === 0 && share === null) return (_request, bare) => onPath(bare);
  const hold = all(others);
  if (share === null) return (request, bare, exchange) => onPath(bare) && hold(request, exchange);
  return (request, bare, exchange, chance, runtime) =>
    onPath(bare) && hold(request, exchange) && chance < share(runtime);
}

function compileOthers(match: RouteMatch, path: string): Test[] {
  const queries = mapAt(match.queryParameters, at(path, 'query_parameters'), compileQuery);
  const states = mapAt(match.filterState, at(path, 'filter_state'), compileFilterState);
  const metadata = mapAt(match.dynamicMetadata, at(path, 'dynamic_metadata'), compileMetadata);
  const tls = match.tlsContext === undefined ? [] : [compileTlsContext(match.tlsContext)];
  return [
    ...(isTemplate(match) ? [compileTemplateTest(match, path)] : []),
    ...(match.grpc ? [({ headers }: RequestHead) => isGrpc(headers)] : []),
    ...mapAt(match.headers, at(path, 'headers'), compileHeader),
    ...queries.map(
      (test): Test =>
        (request) =>
          test(request.path),
    ),
    ...mapAt(match.cookies, at(path, 'cookies'), compileCookie),
    ...[...tls, ...states].map((test) => ofExchange(test)),
    ...metadata.map((test) => ofExchange((exchange) => test(exchange?.metadata ?? null))),
  ];
}

function isTemplate({ pathSpecifier }: RouteMatch): boolean {
  return pathSpecifier.case === 'pathMatchPolicy';
}

/** Templates see parameters of the path also where other matches do not. */
function compileTemplateTest(match: RouteMatch, path: string): Test {
  const test = compilePath(match, path);
  return (request) => test(pathOnly(request.path));
}

function ofExchange(test: ExchangeTest): Test {
  return (_request, exchange) => test(exchange);
}
