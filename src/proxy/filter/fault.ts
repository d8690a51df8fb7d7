// The filter envoy.filters.http.fault: delays and aborts a share of the requests.
import type { FaultDelay } from '../../xds/gen/envoy/extensions/filters/common/fault/v3/fault_pb.ts';
import {
  type FaultAbort,
  type HTTPFault,
  HTTPFaultSchema,
} from '../../xds/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { at, ConfigError } from '../config/config-error.ts';
import { positiveMillis, share } from '../config/values.ts';
import type { Exchange } from '../http/exchange.ts';
import { flag } from '../http/flags.ts';
import { compileHeaders } from '../route/match/header-matcher.ts';
import { compiler, type FilterKind } from './define.ts';
import type { FilterScope, HttpFilter, LocalReply } from './filter.ts';

type Delay = { readonly share: number; readonly duration: number };
type Abort = { readonly share: number; readonly reply: LocalReply };

export const fault: FilterKind = {
  chain: compiler(HTTPFaultSchema, createFault),
  route: compiler(HTTPFaultSchema, createFault),
};

export function createFault(config: HTTPFault, name: string, path: string): HttpFilter {
  const delay = compileDelay(config.delay, at(path, 'delay'));
  const abort = compileAbort(config.abort, at(path, 'abort'));
  const applies = compileHeaders(config.headers, at(path, 'headers'));
  const afterDelay = (exchange: Exchange, { random }: FilterScope): LocalReply | undefined => {
    if (abort === null || random() >= abort.share) return undefined;
    exchange.flags |= flag.faultInjected;
    return abort.reply;
  };
  return {
    name,
    request(exchange, scope) {
      if (!applies(exchange.request)) return undefined;
      if (delay === null || scope.random() >= delay.share) return afterDelay(exchange, scope);
      exchange.flags |= flag.delayInjected;
      return new Promise((resolve) => {
        scope.clock.after(delay.duration, () => resolve(afterDelay(exchange, scope)));
      });
    },
  };
}

function compileDelay(delay: FaultDelay | undefined, path: string): Delay | null {
  if (delay === undefined) return null;
  if (delay.faultDelaySecifier.case !== 'fixedDelay') throw new ConfigError(path, 'has no fixed_delay');
  const duration = positiveMillis(delay.faultDelaySecifier.value, 0, at(path, 'fixed_delay'));
  return { share: share(delay.percentage, 0), duration };
}

function compileAbort(abort: FaultAbort | undefined, path: string): Abort | null {
  if (abort === undefined) return null;
  if (abort.errorType.case !== 'httpStatus') throw new ConfigError(path, 'has no http_status');
  const status = abort.errorType.value;
  if (status < 200 || status > 599) throw new ConfigError(at(path, 'http_status'), `${status} is no status`);
  const reply = { status, body: 'fault filter abort', details: 'fault_filter_abort', flags: flag.faultInjected };
  return { share: share(abort.percentage, 0), reply: { ...reply, headers: null } };
}
