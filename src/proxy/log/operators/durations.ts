// How long the parts of an exchange took. Milliseconds are cut off, not rounded, as Envoy does.
import { ConfigError } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import { type Operator, type OperatorCompiler, type Operators, plain, required } from './operator.ts';

/** A moment in monotonic milliseconds; 0 when it did not come. */
type Moment = (exchange: Exchange, ended: number) => number;

const started: Moment = (exchange) => exchange.started;
const requestEnded: Moment = (exchange) => exchange.requestEnded;
const upstreamSent: Moment = (exchange) => exchange.upstreamSent;
const upstreamSentEnd: Moment = (exchange) => exchange.upstreamSentEnd;
const upstreamStarted: Moment = (exchange) => exchange.upstreamStarted;
const finished: Moment = (_exchange, ended) => ended;

const POINTS: Readonly<Record<string, Moment>> = {
  DS_RX_BEG: started,
  DS_RX_END: requestEnded,
  US_TX_BEG: upstreamSent,
  US_TX_END: upstreamSentEnd,
  US_RX_BEG: upstreamStarted,
  US_RX_END: (exchange) => exchange.upstreamEnded,
  DS_TX_BEG: (exchange) => exchange.responded,
  DS_TX_END: finished,
};

const PER_MILLISECOND: Readonly<Record<string, number>> = { ms: 1, us: 1_000, ns: 1_000_000 };

export const durations: Operators = {
  ...plain({
    DURATION: between(started, finished, 1),
    REQUEST_DURATION: between(started, requestEnded, 1),
    REQUEST_TX_DURATION: between(started, upstreamSentEnd, 1),
    RESPONSE_DURATION: between(started, upstreamStarted, 1),
    RESPONSE_TX_DURATION: between(upstreamStarted, finished, 1),
  }),
  COMMON_DURATION: compileCommon,
};

function between(from: Moment, to: Moment, scale: number): Operator {
  return (exchange, _response, ended) => {
    const [first, last] = [from(exchange, ended), to(exchange, ended)];
    return first === 0 || last === 0 ? undefined : Math.max(0, Math.floor((last - first) * scale));
  };
}

/** `COMMON_DURATION(START:END:PRECISION)`; milliseconds without a precision. */
function compileCommon(parameter: string | null, path: string): ReturnType<OperatorCompiler> {
  const [from = '', to = '', precision = 'ms', ...more] = required('COMMON_DURATION', parameter, path).split(':');
  const scale = PER_MILLISECOND[precision];
  if (scale === undefined || more.length > 0) {
    throw new ConfigError(path, `%COMMON_DURATION(${parameter})% has no known precision (hint: ms, us, ns)`);
  }
  return between(pointOf(from, path), pointOf(to, path), scale);
}

function pointOf(name: string, path: string): Moment {
  const point = Object.hasOwn(POINTS, name) ? POINTS[name] : undefined;
  if (point === undefined) {
    throw new ConfigError(path, `time point ${name} is not supported (hint: ${Object.keys(POINTS).join(', ')})`);
  }
  return point;
}
