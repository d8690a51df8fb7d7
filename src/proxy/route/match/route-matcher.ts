// RouteMatch → a test on a request: everything it names must hold.
import type { RouteMatch } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import { runtimeShare } from '../../config/values.ts';
import type { RequestHead } from '../../http/message.ts';
import { compileCookie } from './cookie.ts';
import { all, compileHeader, type RequestTest } from './header-matcher.ts';
import { compilePath } from './path-matcher.ts';
import { compileQuery } from './query.ts';

/** `path` is the request's without its query, found once for all routes. */
export type RouteTest = (request: RequestHead, path: string, random: () => number) => boolean;

export function compileMatch(match: RouteMatch | undefined, path: string): RouteTest {
  if (match === undefined) throw new ConfigError(path, 'is required');
  const others = compileOthers(match, path);
  if (match.pathSpecifier.case === 'connectMatcher') {
    return (request) => request.method === 'CONNECT' && others(request);
  }
  const onPath = compilePath(match, path);
  if (match.runtimeFraction !== undefined) {
    const share = runtimeShare(match.runtimeFraction, 1);
    return (request, bare, random) => onPath(bare) && others(request) && random() < share;
  }
  if (match.headers.length + match.queryParameters.length + match.cookies.length === 0 && !match.grpc) {
    return (_request, bare) => onPath(bare);
  }
  return (request, bare) => onPath(bare) && others(request);
}

function compileOthers(match: RouteMatch, path: string): RequestTest {
  const queries = mapAt(match.queryParameters, at(path, 'query_parameters'), compileQuery);
  return all<[RequestHead]>([
    ...(match.grpc ? [isGrpc] : []),
    ...mapAt(match.headers, at(path, 'headers'), compileHeader),
    ...queries.map(
      (test): RequestTest =>
        (request) =>
          test(request.path),
    ),
    ...mapAt(match.cookies, at(path, 'cookies'), compileCookie),
  ]);
}

function isGrpc({ headers }: RequestHead): boolean {
  const type = headers.get('content-type');
  return type !== undefined && (type === 'application/grpc' || type.startsWith('application/grpc+'));
}
