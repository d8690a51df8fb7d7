// The target of a request, before and after rewrites, with and without its query.
import { ConfigError } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { alternatives, filled, type Operator, type Operators, requestReader, required } from './operator.ts';

type Target = (exchange: Exchange) => string | undefined;

const rewritten: Target = ({ request }) => filled(request.path);
/** As the header tells it, which a client may have sent. */
const original: Target = ({ request }) => request.headers.get('x-envoy-original-path');
const either: Target = (exchange) => original(exchange) ?? rewritten(exchange);

const TARGETS: Readonly<Record<string, Target>> = { PATH: rewritten, ORIG: original, ORIG_OR_PATH: either };

export const paths: Operators = {
  /** `PATH(WQ|NQ:PATH|ORIG|ORIG_OR_PATH)`: with or without query, of which path. */
  PATH(parameter, path) {
    const [query = '', target] = (parameter ?? 'WQ').split(':');
    const read = target === undefined ? either : chosen(TARGETS, target, 'PATH', path);
    const cut = chosen({ WQ: whole, NQ: withoutQuery }, query, 'PATH', path);
    return (exchange) => {
      const found = read(exchange);
      return found === undefined ? undefined : cut(found);
    };
  },
  QUERY_PARAM(parameter, path) {
    const name = required('QUERY_PARAM', parameter, path);
    return (exchange) => {
      const query = queryOf(rewritten(exchange));
      return query === undefined ? undefined : (new URLSearchParams(query).get(name) ?? undefined);
    };
  },
  QUERY_PARAMS(parameter, path) {
    if (parameter !== null && parameter !== 'ORIG') {
      throw new ConfigError(path, `%QUERY_PARAMS(${parameter})% is not supported (hint: ORIG)`);
    }
    return (exchange) => queryOf(rewritten(exchange));
  },
};

/** The `req_without_query` formatter extension. */
export function compileWithoutQuery(parameter: string | null, path: string): Operator {
  const [name, other] = alternatives(required('REQ_WITHOUT_QUERY', parameter, path), path);
  const first = requestReader(name);
  const second = other === undefined ? () => undefined : requestReader(other);
  return ({ request }) => {
    const found = first(request) ?? second(request);
    return found === undefined ? undefined : withoutQuery(found);
  };
}

function chosen<T>(from: Readonly<Record<string, T>>, name: string, operator: string, path: string): T {
  const found = Object.hasOwn(from, name) ? from[name] : undefined;
  if (found === undefined) {
    throw new ConfigError(path, `%${operator}% knows no ${name} (hint: ${Object.keys(from).join(', ')})`);
  }
  return found;
}

const whole = (target: string): string => target;

function withoutQuery(target: string): string {
  const at = target.indexOf('?');
  return at < 0 ? target : target.slice(0, at);
}

function queryOf(target: string | undefined): string | undefined {
  const at = target?.indexOf('?') ?? -1;
  return at < 0 ? undefined : target!.slice(at + 1);
}
